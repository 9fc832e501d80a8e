//! People of the directory: how they come in, how they are followed, and what an absent directory does to whom.

use std::time::{Duration, Instant};

use redoubt::config::{self, Mapping, SignIn};
use redoubt::identity::{Admin, By, Changes, Error, Next, PlainToken, Purpose, State};
use redoubt_store::users::{Role, Source};

use super::appliance::{Fixture, PASSWORD};
use super::scripted::{Scripted, id};

pub(super) const MINUTE: i64 = 60;
pub(super) const STAFF: &str = "cn=staff,dc=example";
const OPS: &str = "cn=ops,dc=example";
const WATCH: &str = "cn=watch,dc=example";

fn mapping(group: &str, role: &str) -> Mapping {
    Mapping { group: group.to_owned(), role: Some(role.to_owned()), to: None }
}

/// `root` is the local admin; `dora` of the directory is staff.
pub(super) fn fixture() -> (Fixture, Scripted) {
    let scripted = Scripted::default();
    scripted.person(1, "dora", &[STAFF]);
    let map =
        vec![mapping("CN=Staff, DC=example", "analyst"), mapping(OPS, "admin"), mapping(WATCH, "auditor")];
    let settings = config::Directory { map, ..config::Directory::default() };
    // Without the lock, which is not under test here.
    let limits = SignIn {
        screen_lock_seconds: 3600,
        idle_seconds: 7200,
        admin_idle_seconds: 7200,
        ..SignIn::default()
    };
    let fixture = Fixture::with_directory(limits, scripted.directory(), settings);
    fixture.add("root", Role::Admin);
    (fixture, scripted)
}

pub(super) async fn is_over(fixture: &Fixture, token: &PlainToken) -> bool {
    matches!(fixture.identity.authenticate(token).await, Err(Error::SessionExpired))
}

#[tokio::test]
async fn somebody_of_the_directory_gets_an_account_at_the_first_sign_in() {
    let (fixture, scripted) = fixture();
    let token = fixture.come_in(" DORA ").await;
    let user = fixture.identity.authenticate(&token).await.unwrap().0;
    assert_eq!((user.name.as_str(), user.role, user.source), ("dora", Role::Analyst, Source::Directory));
    assert_eq!(user.directory_id.as_deref(), Some(id(1).as_str()));
    assert_eq!(user.display_name, "dora of the directory");
    assert_eq!(user.password_hash, "", "her password is nowhere here");
    assert_eq!(fixture.reasons("user.create"), ["", "", "directory"]);
    assert_eq!(scripted.binds(), 1);
    // Local people are never asked about there.
    fixture.sign_in_as("root").await;
    assert_eq!(scripted.binds(), 1);
}

#[tokio::test]
async fn who_is_mapped_to_no_role_or_to_two_that_exclude_each_other_stays_outside() {
    let (fixture, scripted) = fixture();
    scripted.person(2, "eve", &["cn=strangers,dc=example"]);
    scripted.person(3, "mallory", &[OPS, WATCH, STAFF]);
    for name in ["eve", "mallory"] {
        assert!(matches!(fixture.attempt(name, PASSWORD).await, Err(Error::SignInFailed)));
    }
    assert_eq!(fixture.reasons("login.password"), ["no_role", "admin_and_auditor"]);
    assert!(
        fixture.records("user.create").iter().all(|record| record["reason"].is_null()),
        "no row came of it"
    );
    scripted.person(3, "mallory", &[OPS, STAFF]);
    let token = fixture.come_in("mallory").await;
    assert_eq!(fixture.identity.authenticate(&token).await.unwrap().0.role, Role::Admin);
}

#[tokio::test]
async fn each_refusal_of_the_directory_is_one_text_to_the_person_and_its_own_in_the_record() {
    let (fixture, scripted) = fixture();
    let refusals = [
        ("Disabled", "disabled"),
        ("AccountExpired", "account_expired"),
        ("PasswordExpired", "password_expired"),
        ("MustChange", "must_change"),
        ("Locked", "locked_by_directory"),
        ("Ambiguous", "ambiguous"),
    ];
    for (number, (refusal, _)) in refusals.iter().enumerate() {
        let name = format!("person{number}");
        scripted.person(100 + number as u128, &name, &[STAFF]);
        scripted.refuse(&name, refusal);
        assert!(matches!(fixture.attempt(&name, PASSWORD).await, Err(Error::SignInFailed)));
    }
    let expected: Vec<_> = refusals.iter().map(|(_, reason)| *reason).collect();
    assert_eq!(fixture.reasons("login.password"), expected);
}

/// CVE-2025-6013, CVE-2025-6004: spaces, case and other spellings are one account, one counter, one second factor.
#[tokio::test]
async fn cve_2025_6013_spellings_are_one_person_with_one_second_factor() {
    let (fixture, scripted) = fixture();
    fixture.come_in("dora").await;
    for spelling in ["DORA", " dora", "dora\u{2003}", "ｄｏｒａ", "Dora "] {
        let (_, next) = fixture.attempt(spelling, PASSWORD).await.unwrap();
        assert!(matches!(next, Next::Totp), "{spelling:?} would enrol another authenticator");
    }
    // Also under a name that only the directory knows to be hers.
    scripted.alias("dora", "dora@example");
    let (_, next) = fixture.attempt("dora@example", PASSWORD).await.unwrap();
    assert!(matches!(next, Next::Totp));
    assert_eq!(fixture.records("user.create").len(), 3);
}

#[tokio::test]
async fn cve_2025_6004_spellings_share_one_lock() {
    let (fixture, scripted) = fixture();
    fixture.come_in("dora").await;
    for spelling in ["DORA", " dora", "ｄｏｒａ"] {
        fixture.attempt(spelling, "not the right password").await.err().unwrap();
    }
    for spelling in ["dora", "Dora", "dora\u{a0}"] {
        assert!(
            matches!(fixture.attempt(spelling, PASSWORD).await, Err(Error::Locked { .. })),
            "{spelling:?}"
        );
    }
    scripted.alias("dora", "dora@example");
    let alias = fixture.attempt("dora@example", PASSWORD).await;
    assert!(matches!(alias, Err(Error::Locked { .. })), "the right password by another name");
}

/// However many try, the directory sees four wrong passwords of a person in half an hour, and cannot be made to lock them.
#[tokio::test]
async fn cve_2025_31947_the_directory_sees_few_wrong_passwords() {
    let (fixture, scripted) = fixture();
    fixture.come_in("dora").await;
    let before = scripted.binds();
    for _ in 0..10 {
        let attempts = (0..100).map(|_| fixture.attempt("dora", "not the right password"));
        let outcomes = futures_util::future::join_all(attempts).await;
        assert!(outcomes.iter().all(Result::is_err));
    }
    assert!(scripted.binds() - before <= 4, "{} of a thousand", scripted.binds() - before);
    // When the lock is over, the throttle is not.
    fixture.clock.advance(16 * MINUTE);
    for _ in 0..3 {
        fixture.attempt("dora", "not the right password").await.err().unwrap();
    }
    assert!(scripted.binds() - before <= 4);
    fixture.clock.advance(30 * MINUTE);
    fixture.come_in("dora").await;
}

/// A directory that takes its time has counted what it did not answer in ours.
#[tokio::test]
async fn cve_2025_31947_a_slow_directory_sees_few_wrong_passwords_too() {
    let (fixture, scripted) = fixture();
    fixture.come_in("dora").await;
    let before = scripted.binds();
    scripted.delay(Duration::from_secs(4));
    for _ in 0..3 {
        let attempts = (0..20).map(|_| fixture.attempt("dora", "not the right password"));
        assert!(futures_util::future::join_all(attempts).await.iter().all(Result::is_err));
    }
    assert!(scripted.binds() - before <= 4, "{} of sixty", scripted.binds() - before);
}

#[tokio::test]
async fn an_admin_lifts_the_throttle_too() {
    let (fixture, _scripted) = fixture();
    fixture.come_in("dora").await;
    for _ in 0..3 {
        fixture.attempt("dora", "not the right password").await.err().unwrap();
    }
    fixture.clock.advance(15 * MINUTE);
    fixture.attempt("dora", "not the right password").await.err().unwrap();
    assert!(matches!(fixture.attempt("dora", PASSWORD).await, Err(Error::SignInFailed)), "throttled");
    assert_eq!(fixture.reasons("login.password").last().unwrap(), "throttled");
    fixture.identity.unlock_person(&By::console(), &fixture.user("dora").id).await.unwrap();
    fixture.come_in("dora").await;
}

#[tokio::test]
async fn a_name_belongs_to_whoever_the_directory_says_and_never_to_a_local_account() {
    let (fixture, scripted) = fixture();
    let token = fixture.come_in("dora").await;
    let first = fixture.user("dora").id;
    // Dora marries: the same person under another name.
    scripted.forget("dora");
    scripted.person(1, "dora.new", &[STAFF]);
    fixture.clock.advance(5 * MINUTE);
    fixture.identity.recheck_due().await.unwrap();
    assert_eq!(fixture.user("dora.new").id, first);
    assert!(!is_over(&fixture, &token).await);
    // Somebody else gets her old name, and nothing else of hers.
    scripted.person(2, "dora", &[STAFF]);
    fixture.come_in("dora").await;
    assert_ne!(fixture.user("dora").id, first);
    // Somebody comes under a name that a present one still has here: the directory's word is newer.
    scripted.person(3, "dora.new", &[STAFF]);
    fixture.come_in("dora.new").await;
    assert_eq!(fixture.user("dora.new").directory_id, Some(id(3)));
    assert_ne!(fixture.user("dora.new").id, first);
    // Nobody becomes the local admin by being called so.
    scripted.person(4, "root", &[OPS]);
    scripted.alias("root", "root@example");
    let binds = scripted.binds();
    assert!(fixture.attempt("root", "the directory's password of root").await.is_err());
    assert_eq!(scripted.binds(), binds, "the directory is not asked about a local name");
    assert!(matches!(fixture.attempt("root@example", PASSWORD).await, Err(Error::SignInFailed)));
    assert_eq!(fixture.reasons("login.password").last().unwrap(), "name_taken");
    assert_eq!(fixture.user("root").source, Source::Local);
}

/// That her old name is nobody's any more says nothing of her.
#[tokio::test]
async fn a_wrong_sign_in_under_somebodys_old_name_ends_nothing_of_theirs() {
    let (fixture, scripted) = fixture();
    let token = fixture.come_in("dora").await;
    scripted.forget("dora");
    scripted.person(1, "dora.new", &[STAFF]);
    assert!(fixture.attempt("dora", "whatever somebody types").await.is_err());
    assert!(!is_over(&fixture, &token).await);
    assert_eq!(fixture.user("dora.new").directory_state, None);
    scripted.refuse("dora.new", "Disabled");
    assert!(fixture.attempt("dora.new", "whatever somebody types").await.is_err());
    assert!(is_over(&fixture, &token).await, "what it says of herself counts at once");
}

/// One entry that cannot be used keeps nobody else from being looked at, and is no absence.
#[tokio::test]
async fn an_entry_that_cannot_be_used_holds_up_nobody() {
    let (fixture, scripted) = fixture();
    scripted.person(2, "eve", &[STAFF]);
    let dora = fixture.come_in("dora").await;
    fixture.clock.advance(1);
    let eve = fixture.come_in("eve").await;
    scripted.spoil("dora");
    scripted.refuse("eve", "Disabled");
    fixture.clock.advance(6 * MINUTE);
    fixture.identity.recheck_due().await.unwrap();
    assert!(is_over(&fixture, &eve).await);
    assert!(!is_over(&fixture, &dora).await);
    fixture.clock.advance(20 * MINUTE);
    fixture.identity.recheck_due().await.unwrap();
    assert_eq!(fixture.records("directory.away").len(), 0);
    assert!(fixture.attempt("dora", PASSWORD).await.is_err());
    assert_eq!(fixture.reasons("login.password").last().unwrap(), "unusable_entry");
}

/// CVE-2026-95814: who lost the right loses the session at the next look, and comes back only when the directory says so.
#[tokio::test]
async fn cve_2026_95814_who_is_disabled_there_is_out_within_five_minutes() {
    let (fixture, scripted) = fixture();
    let token = fixture.come_in("dora").await;
    let session = fixture.identity.authenticate(&token).await.unwrap().1.id;
    fixture.clock.advance(5 * MINUTE - 1);
    fixture.identity.recheck_due().await.unwrap();
    assert_eq!(scripted.look_ups(), 0, "it is not asked more often than need be");
    scripted.refuse("dora", "Disabled");
    fixture.clock.advance(1);
    fixture.identity.recheck_due().await.unwrap();
    assert!(is_over(&fixture, &token).await);
    assert_eq!(*fixture.ended.lock().unwrap(), [session]);
    assert_eq!(fixture.user("dora").directory_state.as_deref(), Some("disabled"));
    assert_eq!(fixture.reasons("user.directory"), ["disabled"]);
    assert_eq!(fixture.reasons("session.revoked"), ["disabled"]);
    let view = fixture.identity.person(&By::console(), &fixture.user("dora").id).await.unwrap();
    assert_eq!(view.state(), State::RefusedByDirectory);
    fixture.identity.recheck_due().await.unwrap();
    assert_eq!(scripted.look_ups(), 1, "who has no session is not asked about");
    scripted.person(1, "dora", &[STAFF]);
    fixture.come_in("dora").await;
    assert_eq!(fixture.reasons("user.directory"), ["disabled", ""]);
}

#[tokio::test]
async fn who_is_gone_or_in_no_group_any_more_is_out_and_a_full_password_lock_there_ends_nothing() {
    let (fixture, scripted) = fixture();
    for (number, name) in (10..).zip(["gone", "alone", "locked", "expired"]) {
        scripted.person(number, name, &[STAFF]);
    }
    let mut tokens = Vec::new();
    for name in ["gone", "alone", "locked", "expired"] {
        tokens.push(fixture.come_in(name).await);
    }
    scripted.forget("gone");
    scripted.person(11, "alone", &[]);
    scripted.refuse("locked", "Locked");
    scripted.refuse("expired", "PasswordExpired");
    fixture.clock.advance(6 * MINUTE);
    fixture.identity.recheck_due().await.unwrap();
    let mut over = Vec::new();
    for token in &tokens {
        over.push(is_over(&fixture, token).await);
    }
    assert_eq!(over, [true, true, false, false]);
    let mut reasons = fixture.reasons("user.directory");
    reasons.sort();
    assert_eq!(reasons, ["no_role", "unknown_name"]);
}

#[tokio::test]
async fn a_changed_role_is_followed_and_ends_the_sessions_of_the_old_one() {
    let (fixture, scripted) = fixture();
    let token = fixture.come_in("dora").await;
    scripted.person(1, "dora", &[STAFF, WATCH]);
    fixture.clock.advance(5 * MINUTE);
    fixture.identity.recheck_due().await.unwrap();
    assert!(is_over(&fixture, &token).await);
    assert_eq!(fixture.user("dora").role, Role::Auditor);
    assert_eq!(fixture.reasons("user.role"), ["directory"]);
    // A role that an admin assigned is theirs to change, and stays.
    let analyst = Changes { role: Some(Role::Analyst), ..Changes::default() };
    fixture.identity.change_person(&By::console(), &fixture.user("dora").id, analyst).await.unwrap();
    let token = fixture.come_in("dora").await;
    assert_eq!(fixture.identity.authenticate(&token).await.unwrap().0.role, Role::Analyst);
}

#[tokio::test]
async fn privileged_actions_ask_the_directory_first() {
    let (fixture, scripted) = fixture();
    scripted.person(5, "olga", &[OPS]);
    let token = fixture.come_in("olga").await;
    let prove = async || {
        let caller = fixture.caller::<Admin>(&token).await?;
        fixture.identity.require_proof(caller).await.map(|_| ())
    };
    prove().await.unwrap();
    assert_eq!(scripted.look_ups(), 0, "what it said a moment ago is fresh");
    fixture.clock.advance(MINUTE);
    prove().await.unwrap();
    assert_eq!(scripted.look_ups(), 1);
    fixture.clock.advance(MINUTE);
    scripted.away(true);
    assert!(matches!(prove().await, Err(Error::DirectoryAway)));
    scripted.away(false);
    scripted.person(5, "olga", &[STAFF]);
    assert!(matches!(prove().await, Err(Error::SessionExpired)), "she is no admin any more");
    assert!(is_over(&fixture, &token).await);
}

#[tokio::test]
async fn an_absent_directory_ends_the_sessions_of_its_people_after_the_grace_and_of_nobody_else() {
    let (fixture, scripted) = fixture();
    let dora = fixture.come_in("dora").await;
    let root = fixture.sign_in_as("root").await;
    scripted.away(true);
    // Five minutes until it is asked, and fifteen of patience.
    for _ in 0..19 {
        fixture.clock.advance(MINUTE);
        fixture.identity.recheck_due().await.unwrap();
        fixture.identity.enforce_limits().await.unwrap();
        fixture.identity.authenticate(&dora).await.unwrap();
    }
    fixture.clock.advance(MINUTE);
    assert!(is_over(&fixture, &dora).await, "also before housekeeping has been there");
    for _ in 0..3 {
        fixture.identity.recheck_due().await.unwrap();
        fixture.identity.enforce_limits().await.unwrap();
    }
    fixture.identity.authenticate(&root).await.unwrap();
    fixture.sign_in_as("root").await;
    assert_eq!(fixture.reasons("session.expired"), ["directory_away"]);
    assert_eq!(fixture.records("directory.away").len(), 1);
    assert!(matches!(fixture.attempt("dora", PASSWORD).await, Err(Error::SignInFailed)));
    scripted.away(false);
    fixture.come_in("dora").await;
    assert_eq!(fixture.records("directory.back").len(), 1);
}

/// During an outage names lock as always, so that it tells nobody's apart; when it is over nobody waits for that lock.
#[tokio::test]
async fn an_outage_locks_nobody_out_after_it() {
    let (fixture, scripted) = fixture();
    scripted.away(true);
    for name in ["dora", "root", "nobody-at-all"] {
        for _ in 0..3 {
            let refused = fixture.attempt(name, "not the right password").await;
            assert!(matches!(refused, Err(Error::SignInFailed)), "{name}");
        }
        let locked = fixture.attempt(name, "not the right password").await;
        assert!(matches!(locked, Err(Error::Locked { .. })), "{name}");
    }
    scripted.away(false);
    fixture.come_in("dora").await;
}

#[tokio::test]
async fn a_silent_directory_is_not_waited_for_longer_than_three_seconds() {
    let (fixture, scripted) = fixture();
    scripted.delay(Duration::from_secs(20));
    for name in ["dora", "nobody-at-all"] {
        let started = Instant::now();
        assert!(matches!(fixture.attempt(name, PASSWORD).await, Err(Error::SignInFailed)));
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    }
    // The local admin comes in at once; only refusals take as long as the directory's.
    let started = Instant::now();
    fixture.sign_in_as("root").await;
    assert!(started.elapsed() < Duration::from_millis(2400));
    let started = Instant::now();
    fixture.attempt("root", "not the right password").await.err().unwrap();
    assert!(started.elapsed() > Duration::from_millis(2400), "a local name would be told by its speed");
}

#[tokio::test]
async fn a_locked_session_of_the_directory_opens_by_its_password_and_only_for_its_person() {
    let (fixture, scripted) = fixture();
    let token = fixture.come_in("dora").await;
    fixture.lock(&token).await;
    let token = fixture.again(&token, Some(PASSWORD), None, Purpose::Unlock).await.unwrap();
    fixture.lock(&token).await;
    // The name was given to somebody else, who knows their own password.
    scripted.forget("dora");
    scripted.person(9, "dora", &[STAFF]);
    let other = fixture.again(&token, Some(PASSWORD), None, Purpose::Unlock).await;
    assert!(matches!(other, Err(Error::SignInFailed)));
    assert_eq!(fixture.reasons("session.unlock"), ["", "somebody_else"]);
    scripted.away(true);
    for _ in 0..4 {
        let silent = fixture.again(&token, Some(PASSWORD), None, Purpose::Unlock).await;
        assert!(matches!(silent, Err(Error::DirectoryAway)), "and nothing of it is counted");
    }
}

#[tokio::test]
async fn cve_2026_45675_the_first_of_the_directory_to_come_in_is_no_admin() {
    let (fixture, scripted) = fixture();
    for number in 0..100 {
        scripted.person(1000 + number, &format!("first{number}"), &[STAFF]);
    }
    let attempts = (0..100).map(|number| {
        let fixture = &fixture;
        async move { fixture.attempt(&format!("first{number}"), PASSWORD).await.is_ok() }
    });
    let outcomes = futures_util::future::join_all(attempts).await;
    assert!(outcomes.into_iter().all(|came_in| came_in));
    for number in 0..100 {
        assert_eq!(fixture.user(&format!("first{number}")).role, Role::Analyst);
    }
}
