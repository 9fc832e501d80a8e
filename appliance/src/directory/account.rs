//! Whether an account may be used: what its entry says, and what a server adds when it refuses a bind.
//!
//! Sources: Active Directory's attributes ([MS-ADA1] to [MS-ADA3], [MS-ADTS] 2.2.16) and the codes in its diagnostic
//! texts; the password policy of OpenLDAP and 389 Directory Server (draft-behera-ldap-password-policy).

use ldap3::LdapResult;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::Refusal;
use super::ber::{self, Elements, SEQUENCE};
use super::entry::Entry;
use crate::clock::{DAY_US, SECOND_US};

/// What an entry is asked for to know its standing. None of them is in an answer unless it is asked for by name.
pub(super) const ATTRIBUTES: [&str; 9] = [
    "userAccountControl",
    "msDS-User-Account-Control-Computed",
    "accountExpires",
    "pwdLastSet",
    "nsAccountLock",
    "pwdAccountLockedTime",
    "pwdReset",
    "pwdEndTime",
    "shadowExpire",
];

/// The control by which a bind asks for reasons, and by which they come back.
pub(super) const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

const ACCOUNT_DISABLED: i64 = 0x2;
const PASSWORD_EXPIRED: i64 = 0x80_0000;
/// `pwdAccountLockedTime` of an account that an administrator locked, until an administrator unlocks it.
const LOCKED_FOR_GOOD: &str = "000001010000Z";
/// From 1601, where Windows begins, to 1970.
const WINDOWS_EPOCH_US: i64 = 11_644_473_600 * SECOND_US;

/// What the entry alone says.
///
/// A lock that came from wrong passwords and goes away with time does not count: anybody could end somebody's session
/// with it. It counts when a password is tried ([`refusal_of_bind`]).
pub(super) fn standing(entry: &Entry, now_us: i64) -> Result<(), Refusal> {
    standing_without_password(entry, now_us)?;
    if entry.number("pwdLastSet") == Some(0) || is_true(entry, "pwdReset") {
        return Err(Refusal::MustChange);
    }
    if has_flag(entry, "msDS-User-Account-Control-Computed", PASSWORD_EXPIRED) {
        return Err(Refusal::PasswordExpired);
    }
    Ok(())
}

/// The same for somebody who came with a certificate: their password may have run out.
pub(super) fn standing_without_password(entry: &Entry, now_us: i64) -> Result<(), Refusal> {
    if has_flag(entry, "userAccountControl", ACCOUNT_DISABLED) || is_true(entry, "nsAccountLock") {
        return Err(Refusal::Disabled);
    }
    if expires_at(entry).is_some_and(|expires_at| expires_at <= now_us) {
        return Err(Refusal::AccountExpired);
    }
    if entry.text("pwdAccountLockedTime") == Some(LOCKED_FOR_GOOD) {
        return Err(Refusal::Locked);
    }
    Ok(())
}

fn has_flag(entry: &Entry, attribute: &str, flag: i64) -> bool {
    entry.number(attribute).is_some_and(|flags| flags & flag != 0)
}

fn is_true(entry: &Entry, attribute: &str) -> bool {
    entry.text(attribute).is_some_and(|word| word.eq_ignore_ascii_case("true"))
}

/// When the account ends, in microseconds since 1970.
fn expires_at(entry: &Entry) -> Option<i64> {
    // In 100 ns since 1601; 0 and the largest number mean never.
    let windows = entry
        .number("accountExpires")
        .filter(|ticks| *ticks > 0 && *ticks != i64::MAX)
        .map(|ticks| ticks / 10 - WINDOWS_EPOCH_US);
    let policy = entry.text("pwdEndTime").and_then(generalized_time);
    // In days since 1970; nothing below 1 means anything.
    let shadow =
        entry.number("shadowExpire").filter(|days| *days > 0).and_then(|days| days.checked_mul(DAY_US));
    [windows, policy, shadow].into_iter().flatten().min()
}

/// A time such as `20261123164000Z` (RFC 4517 section 3.3.13) in UTC; fractions of a second are left out.
fn generalized_time(text: &str) -> Option<i64> {
    let format = format_description!("[year][month][day][hour][minute][second]");
    let digits = text.strip_suffix('Z')?.split(['.', ',']).next()?;
    let time: OffsetDateTime = PrimitiveDateTime::parse(digits, format).ok()?.assume_utc();
    time.unix_timestamp().checked_mul(SECOND_US)
}

/// What a bind with somebody's password came to. `entry` is theirs.
pub(super) fn refusal_of_bind(result: &LdapResult, entry: &Entry) -> Option<Refusal> {
    if let Some(refusal) = policy_error(result) {
        return Some(refusal);
    }
    let is_locked = || entry.text("pwdAccountLockedTime").is_some();
    match result.rc {
        0 => None,
        // invalidCredentials, inappropriateAuthentication: no password is kept for the entry
        49 | 48 => Some(match active_directory_code(&result.text) {
            Some(0x532) => Refusal::PasswordExpired,
            // 530 and 531: not at this hour, not from here
            Some(0x533 | 0x530 | 0x531) => Refusal::Disabled,
            Some(0x701) => Refusal::AccountExpired,
            Some(0x773) => Refusal::MustChange,
            Some(0x775) => Refusal::Locked,
            _ if is_locked() => Refusal::Locked,
            _ => Refusal::WrongPassword,
        }),
        // 389 Directory Server: constraintViolation after too many failures, unwillingToPerform when inactivated
        19 => Some(Refusal::Locked),
        53 if result.text.to_ascii_lowercase().contains("inactivated") => Some(Refusal::Disabled),
        _ => Some(Refusal::Unavailable(format!("a bind was answered with code {}", result.rc))),
    }
}

/// The hexadecimal number in `…, data 533, v3839`.
fn active_directory_code(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("data ")?;
    let digits = rest.split(|character: char| !character.is_ascii_hexdigit()).next()?;
    u32::from_str_radix(digits, 16).ok()
}

/// What the control of a password policy says, where there is one: its error, which may come with a bind that
/// succeeded, too.
fn policy_error(result: &LdapResult) -> Option<Refusal> {
    let control = result.ctrls.iter().find(|control| control.1.ctype == PASSWORD_POLICY)?;
    match policy_code(control.1.val.as_deref()?)? {
        0 => Some(Refusal::PasswordExpired),
        1 => Some(Refusal::Locked),
        2 => Some(Refusal::MustChange),
        // The others are about changing passwords.
        _ => None,
    }
}

/// `SEQUENCE { warning [0] … OPTIONAL, error [1] ENUMERATED OPTIONAL }`; what cannot be read says nothing.
fn policy_code(value: &[u8]) -> Option<u32> {
    let mut parts = Elements::of(Elements::of(value).expect(SEQUENCE).ok()?);
    while let Some(part) = parts.next().ok()? {
        if part.tag == 0x81 {
            return ber::number(part.content).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use ldap3::controls::{Control, RawControl};

    /// 2026-11-23T16:40:00Z.
    const NOW_US: i64 = 1_795_452_000 * SECOND_US;

    fn entry(attribute: &str, value: &str) -> Entry {
        Entry::with("uid=a,dc=x", &[(attribute, value.as_bytes())])
    }

    fn result(rc: u32, text: &str, policy: Option<&[u8]>) -> LdapResult {
        let control = |value: &[u8]| {
            let (ctype, val) = (PASSWORD_POLICY.to_owned(), Some(value.to_vec()));
            Control(None, RawControl { ctype, crit: false, val })
        };
        let ctrls = policy.map(control).into_iter().collect();
        LdapResult { rc, matched: String::new(), text: text.to_owned(), refs: Vec::new(), ctrls }
    }

    #[test]
    fn cve_2025_0604_an_entry_says_whether_its_account_may_be_used() {
        for (attribute, value, expected) in [
            ("userAccountControl", "512", Ok(())),
            ("userAccountControl", "514", Err(Refusal::Disabled)),
            ("userAccountControl", "66050", Err(Refusal::Disabled)),
            ("nsAccountLock", "TRUE", Err(Refusal::Disabled)),
            ("nsAccountLock", "false", Ok(())),
            ("accountExpires", "0", Ok(())),
            ("accountExpires", "9223372036854775807", Ok(())),
            ("accountExpires", "132223104000000000", Err(Refusal::AccountExpired)),
            ("accountExpires", "139910976000000000", Ok(())),
            ("accountExpires", "soon", Ok(())),
            ("pwdEndTime", "20261123163959Z", Err(Refusal::AccountExpired)),
            ("pwdEndTime", "20261123164001Z", Ok(())),
            ("pwdEndTime", "20200101000000.5Z", Err(Refusal::AccountExpired)),
            ("shadowExpire", "1", Err(Refusal::AccountExpired)),
            ("shadowExpire", "-1", Ok(())),
            ("shadowExpire", "99999", Ok(())),
            ("pwdAccountLockedTime", "000001010000Z", Err(Refusal::Locked)),
            ("pwdAccountLockedTime", "20261123163900Z", Ok(())),
            ("pwdLastSet", "0", Err(Refusal::MustChange)),
            ("pwdLastSet", "132223104000000000", Ok(())),
            ("pwdReset", "TRUE", Err(Refusal::MustChange)),
            ("msDS-User-Account-Control-Computed", "8388608", Err(Refusal::PasswordExpired)),
            ("msDS-User-Account-Control-Computed", "16", Ok(())),
        ] {
            assert_eq!(standing(&entry(attribute, value), NOW_US), expected, "{attribute}: {value}");
        }
    }

    #[test]
    fn active_directory_says_in_its_text_why_a_bind_is_refused() {
        for (code, expected) in [
            ("52e", Refusal::WrongPassword),
            ("525", Refusal::WrongPassword),
            ("530", Refusal::Disabled),
            ("532", Refusal::PasswordExpired),
            ("533", Refusal::Disabled),
            ("701", Refusal::AccountExpired),
            ("773", Refusal::MustChange),
            ("775", Refusal::Locked),
        ] {
            let text = format!(
                "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data {code}, v4563"
            );
            assert_eq!(
                refusal_of_bind(&result(49, &text, None), &Entry::default()),
                Some(expected),
                "{code}"
            );
        }
    }

    #[test]
    fn a_password_policy_says_it_in_its_control() {
        for (rc, policy, expected) in [
            (49, &[0x30, 3, 0x81, 1, 0][..], Some(Refusal::PasswordExpired)),
            (49, &[0x30, 3, 0x81, 1, 1], Some(Refusal::Locked)),
            (0, &[0x30, 3, 0x81, 1, 2], Some(Refusal::MustChange)),
            (0, &[0x30, 5, 0xa0, 3, 0x80, 1, 9], None),
            (0, &[0x30, 8, 0xa0, 3, 0x80, 1, 9, 0x81, 1, 2], Some(Refusal::MustChange)),
            (49, &[0x30, 0], Some(Refusal::WrongPassword)),
        ] {
            assert_eq!(
                refusal_of_bind(&result(rc, "", Some(policy)), &Entry::default()),
                expected,
                "{policy:?}"
            );
        }
    }

    #[test]
    fn cve_2026_9801_a_malformed_policy_says_nothing_and_costs_nothing() {
        for policy in [
            &[][..],
            &[0x30],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 3, 0x81, 1],
            &[0x30, 6, 0x81, 4, 0xff, 1, 1, 1],
            &[0x30, 2, 0x81, 0],
            &[4, 1, 1],
        ] {
            let refused = refusal_of_bind(&result(49, "", Some(policy)), &Entry::default());
            assert_eq!(refused, Some(Refusal::WrongPassword), "{policy:?}");
        }
    }

    #[test]
    fn other_answers_to_a_bind() {
        let locked = entry("pwdAccountLockedTime", "20261123163900Z");
        assert_eq!(refusal_of_bind(&result(49, "", None), &locked), Some(Refusal::Locked));
        assert_eq!(refusal_of_bind(&result(0, "", None), &locked), None);
        assert_eq!(
            refusal_of_bind(&result(19, "Exceed password retry limit", None), &Entry::default()),
            Some(Refusal::Locked)
        );
        let inactive = result(53, "Account inactivated. Contact system administrator.", None);
        assert_eq!(refusal_of_bind(&inactive, &Entry::default()), Some(Refusal::Disabled));
        for rc in [8, 10, 13, 51, 52, 53, 80, 4096] {
            let refused = refusal_of_bind(&result(rc, "", None), &Entry::default());
            assert!(matches!(refused, Some(Refusal::Unavailable(_))), "{rc}");
        }
    }
}
