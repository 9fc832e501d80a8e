//! The same with a real directory: Debian's slapd behind the real processes, and this process's `Identity` in front of them.

use std::time::{Duration, Instant};

use redoubt::config::{self, Mapping, SignIn};
use redoubt::identity::{Error, PlainToken};
use redoubt_store::users::Role;

use super::appliance::{Fixture, PASSWORD};
use crate::directory::asking::Asking;
use crate::support::slapd::{GROUPS, PEOPLE, Slapd};

const FIVE_MINUTES: i64 = 5 * 60;

/// `ring7` is a group that Alice is in only through six others.
fn fixture(slapd: &Slapd) -> (Fixture, Asking) {
    let asking = Asking::slapd(slapd, |_| {});
    let mapping = |group: &str, role: &str| Mapping {
        group: format!("cn={group},{GROUPS}"),
        role: Some(role.to_owned()),
        to: None,
    };
    let map = vec![mapping("ring7", "analyst"), mapping("outer", "auditor")];
    let settings = config::Directory { map, ..asking.config().clone() };
    let limits = SignIn { screen_lock_seconds: 3600, idle_seconds: 7200, ..SignIn::default() };
    let fixture = Fixture::with_directory(limits, asking.directory.clone(), settings);
    (fixture, asking)
}

async fn is_over(fixture: &Fixture, token: &PlainToken) -> bool {
    matches!(fixture.identity.authenticate(token).await, Err(Error::SessionExpired))
}

async fn next_check(fixture: &Fixture) {
    fixture.clock.advance(FIVE_MINUTES);
    fixture.identity.recheck_due().await.unwrap();
}

#[tokio::test]
async fn a_group_in_a_group_gives_the_role_and_losing_all_groups_takes_it() {
    let slapd = Slapd::start();
    let (fixture, _asking) = fixture(&slapd);
    // `alice` of the directory would be the local one.
    let refused = fixture.attempt("bob", "not the right password").await;
    assert!(matches!(refused, Err(Error::SignInFailed)));
    let token = fixture.come_in("bob").await;
    assert_eq!(fixture.identity.authenticate(&token).await.unwrap().0.role, Role::Analyst);
    assert!(matches!(fixture.attempt("dave", PASSWORD).await, Err(Error::SignInFailed)), "in no group");
    assert_eq!(fixture.reasons("login.password"), ["wrong", "", "no_role"]);
    let carol = fixture.come_in("carol").await;
    assert_eq!(fixture.identity.authenticate(&carol).await.unwrap().0.role, Role::Auditor);

    slapd.modify(&format!(
        "dn: cn=ring1,{GROUPS}\nchangetype: modify\ndelete: member\nmember: uid=bob,{PEOPLE}\n"
    ));
    next_check(&fixture).await;
    assert!(is_over(&fixture, &token).await);
    assert!(!is_over(&fixture, &carol).await);
    assert_eq!(fixture.reasons("user.directory"), ["no_role"]);
    assert!(matches!(fixture.attempt("bob", PASSWORD).await, Err(Error::SignInFailed)));
    slapd.modify(&format!(
        "dn: cn=ring1,{GROUPS}\nchangetype: modify\nadd: member\nmember: uid=bob,{PEOPLE}\n"
    ));
    fixture.come_in("bob").await;
}

#[tokio::test]
async fn whose_entry_ends_there_is_out_here_at_the_next_check() {
    let slapd = Slapd::start();
    let (fixture, _asking) = fixture(&slapd);
    let (bob, carol) = (fixture.come_in("bob").await, fixture.come_in("carol").await);
    slapd.modify(&format!(
        "dn: uid=bob,{PEOPLE}\nchangetype: modify\nadd: pwdEndTime\npwdEndTime: 20200101000000Z\n\n\
         dn: uid=carol,{PEOPLE}\nchangetype: delete\n"
    ));
    assert!(!is_over(&fixture, &bob).await && !is_over(&fixture, &carol).await);
    next_check(&fixture).await;
    assert!(is_over(&fixture, &bob).await && is_over(&fixture, &carol).await);
    let mut reasons = fixture.reasons("user.directory");
    reasons.sort();
    assert_eq!(reasons, ["account_expired", "unknown_name"]);
}

#[tokio::test]
async fn with_the_directory_down_there_is_an_answer_in_three_seconds_and_the_local_account_works() {
    let mut slapd = Slapd::start();
    let (fixture, _asking) = fixture(&slapd);
    let bob = fixture.come_in("bob").await;
    slapd.end();
    for name in ["bob", "nobody-at-all"] {
        let started = Instant::now();
        assert!(matches!(fixture.attempt(name, PASSWORD).await, Err(Error::SignInFailed)));
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    }
    let started = Instant::now();
    fixture.sign_in_as("alice").await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    for _ in 0..5 {
        next_check(&fixture).await;
    }
    assert!(is_over(&fixture, &bob).await);
    assert_eq!(fixture.records("directory.away").len(), 1);
}
