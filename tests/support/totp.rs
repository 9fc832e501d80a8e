//! One-time codes as an authenticator makes them (RFC 6238: SHA-1, 6 digits, 30 s), written for the tests
//! alone, so that they check the appliance's.

use std::process::Command;

use data_encoding::BASE32_NOPAD;
use redoubt::clock::{Clock, SECOND_US, SystemClock};
use ring::hmac;

const STEP_SECONDS: i64 = 30;

/// The number of the present step.
pub(crate) fn present_step() -> u64 {
    u64::try_from(SystemClock::new().now_us() / SECOND_US / STEP_SECONDS).unwrap()
}

/// The code of a step, for a secret in base32.
pub(crate) fn code(secret: &str, step: u64) -> String {
    let key = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 0x0f);
    let word = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

/// The secret and two codes of RFC 6238, appendix B, cut to six digits.
#[test]
fn codes_are_those_of_the_standard() {
    let secret = BASE32_NOPAD.encode(b"12345678901234567890");
    assert_eq!(code(&secret, 59 / 30), "287082");
    assert_eq!(code(&secret, 1_111_111_109 / 30), "081804");
}

/// The same codes as the tool that the demo's printout names.
#[test]
fn codes_are_those_of_oathtool() {
    let secret = BASE32_NOPAD.encode(b"12345678901234567890");
    let step = present_step();
    let moment = format!("@{}", step * u64::try_from(STEP_SECONDS).unwrap());
    let told = Command::new("oathtool").args(["--totp", "--base32", "--now", &moment, &secret]).output();
    let told = told.expect("oathtool; scripts/test installs it");
    assert_eq!(String::from_utf8(told.stdout).unwrap().trim(), code(&secret, step));
}
