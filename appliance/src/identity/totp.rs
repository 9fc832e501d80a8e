//! One-time codes (RFC 6238: SHA-1, 6 digits, 30 seconds, one step of drift either way).

use data_encoding::BASE32_NOPAD;
use redoubt_store::{Tx, totp};
use totp_rs::{Algorithm, Builder, Secret, Totp};
use zeroize::Zeroizing;

use crate::random::{self, NoRandomness, Random};
use crate::unlock::Resealer;

/// What an authenticator shows as the issuer of the account.
const ISSUER: &str = "Redoubt";
const STEP_SECONDS: u64 = 30;
const SECRET_BYTES: usize = 20;
/// The purpose under which the store seals these secrets; the person's id is the associated data, so that
/// a secret moved to another person's row does not open.
pub(super) const SEAL_PURPOSE: &str = "totp-secret";

/// Seals every person's secret anew.
pub(crate) fn reseal(tx: &mut Tx<'_>, resealer: &Resealer<'_>) -> Result<usize, redoubt_store::Error> {
    totp::reseal(tx, |user_id, sealed| resealer.value(SEAL_PURPOSE, user_id.as_bytes(), sealed))
}

/// A person's TOTP secret: 160 random bits.
pub struct TotpSecret(Zeroizing<Vec<u8>>);

impl TotpSecret {
    pub fn generate(random: &dyn Random) -> Result<Self, NoRandomness> {
        Ok(Self(Zeroizing::new(random::bytes::<SECRET_BYTES>(random)?.to_vec())))
    }

    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The secret as an authenticator takes it when typed.
    pub fn base32(&self) -> String {
        BASE32_NOPAD.encode(&self.0)
    }

    /// The `otpauth://totp/…` address that a QR code carries.
    pub fn otpauth(&self, account: &str) -> Result<String, InvalidSecret> {
        self.generator(account)?.to_url().map_err(|_| InvalidSecret)
    }

    /// The step whose code this is, if it is one of the last, the present or the next step's.
    ///
    /// Whether that step was accepted before is for the store to say (one atomic statement).
    pub fn matching_step(&self, code: &Code, time_us: i64) -> Result<Option<u64>, InvalidSecret> {
        let seconds = u64::try_from(time_us / crate::clock::SECOND_US).unwrap_or_default();
        Ok(self.generator("")?.check(&code.0, seconds))
    }

    /// The code at a time, for the demo's own printout and for tests.
    pub fn code_at(&self, time_us: i64) -> Result<String, InvalidSecret> {
        let seconds = u64::try_from(time_us / crate::clock::SECOND_US).unwrap_or_default();
        Ok(self.generator("")?.generate(seconds).to_string())
    }

    fn generator(&self, account: &str) -> Result<Totp, InvalidSecret> {
        // The label of an otpauth address is "issuer:account"; a colon in the name would end the issuer.
        let account = account.replace(':', "_");
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_skew(1)
            .with_step_duration(STEP_SECONDS)
            .with_secret(Secret::from(self.0.as_slice()))
            .with_issuer(Some(ISSUER))
            .with_account_name(account)
            .build()
            .map_err(|_| InvalidSecret)
    }
}

/// The stored secret is not one (it was altered or belongs to another format).
#[derive(Debug, thiserror::Error)]
#[error("the stored one-time-code secret is damaged")]
pub struct InvalidSecret;

/// A typed code: exactly six ASCII digits, once the spaces that people put between them are gone.
#[derive(Debug, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > 32 {
            return None;
        }
        let digits: String = typed.chars().filter(|character| *character != ' ').collect();
        (digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(Self(digits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B: the SHA-1 secret and its codes, the last six digits of eight.
    #[test]
    fn codes_equal_those_of_rfc_6238() {
        let secret = TotpSecret(Zeroizing::new(b"12345678901234567890".to_vec()));
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(secret.code_at(seconds * 1_000_000).unwrap(), code);
            let parsed = Code::parse(code).unwrap();
            let step = secret.matching_step(&parsed, seconds * 1_000_000).unwrap();
            assert_eq!(step, Some(seconds as u64 / 30));
        }
    }

    #[test]
    fn a_code_is_good_one_step_early_and_late_and_no_further() {
        let secret = TotpSecret(Zeroizing::new(b"12345678901234567890".to_vec()));
        let code = Code::parse(&secret.code_at(1_000_000_000_000_000).unwrap()).unwrap();
        let accepted = |seconds: i64| {
            secret.matching_step(&code, (1_000_000_000 + seconds) * 1_000_000).unwrap().is_some()
        };
        assert!(accepted(-30) && accepted(0) && accepted(30));
        assert!(!accepted(-61) && !accepted(60) && !accepted(3600));
    }

    #[test]
    fn only_six_ascii_digits_are_a_code() {
        assert!(Code::parse("123 456").is_some());
        for typed in ["", "12345", "1234567", "١٢٣٤٥٦", "12345a", "-12345", &"1".repeat(1000)] {
            assert_eq!(Code::parse(typed), None, "{typed:?}");
        }
    }
}
