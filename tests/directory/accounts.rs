//! Accounts that may not be used: what a password policy of a real directory says about them.

use redoubt::directory::Refusal;

use super::asking::Asking;
use crate::support::slapd::{self, PASSWORD, PEOPLE, Slapd};

#[tokio::test]
async fn cve_2025_0604_locked_ended_expired_and_must_change_are_told_apart_and_refused() {
    let asking = Asking::slapd(slapd::shared(), |_| {});
    for (name, expected) in [
        ("admin-locked", Refusal::Locked),
        ("ended", Refusal::AccountExpired),
        ("must-change", Refusal::MustChange),
        ("expired", Refusal::PasswordExpired),
    ] {
        assert_eq!(asking.verify(name, PASSWORD).await, Err(expected), "{name}");
    }
}

#[tokio::test]
async fn too_many_wrong_passwords_lock_and_do_not_end_what_runs() {
    let slapd = Slapd::start();
    let asking = Asking::slapd(&slapd, |_| {});
    let carol = asking.verify("carol", PASSWORD).await.unwrap();
    for _ in 0..5 {
        assert_eq!(asking.verify("carol", "wrong").await, Err(Refusal::WrongPassword));
    }
    assert_eq!(asking.verify("carol", PASSWORD).await, Err(Refusal::Locked));
    // Whoever types wrong passwords must not be able to end somebody's session.
    assert_eq!(asking.directory.look_up(&carol.id).await.unwrap(), carol);
}

#[tokio::test]
async fn cve_2025_0604_a_look_at_somebody_who_was_locked_meanwhile_is_a_refusal() {
    let slapd = Slapd::start();
    let asking = Asking::slapd(&slapd, |_| {});
    let erin = asking.verify("erin", PASSWORD).await.unwrap();
    for (attribute, value, expected) in [
        ("pwdAccountLockedTime", "000001010000Z", Refusal::Locked),
        ("pwdReset", "TRUE", Refusal::MustChange),
        ("pwdEndTime", "20200101000000Z", Refusal::AccountExpired),
    ] {
        let entry = format!("dn: uid=erin,{PEOPLE}\nchangetype: modify\n");
        slapd.modify(&format!("{entry}add: {attribute}\n{attribute}: {value}\n"));
        assert_eq!(asking.directory.look_up(&erin.id).await, Err(expected), "{attribute}");
        slapd.modify(&format!("{entry}delete: {attribute}\n"));
    }
    assert_eq!(asking.directory.look_up(&erin.id).await.unwrap(), erin);
}
