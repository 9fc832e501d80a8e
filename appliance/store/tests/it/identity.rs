//! Users, codes, lockouts, sessions and keys: what must happen once happens once.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use redoubt_store::api_keys::{self, ApiKey};
use redoubt_store::lockouts::{self, Limits, Lockout, MAX_TYPED};
use redoubt_store::recovery_codes;
use redoubt_store::sessions::{self, FirstFactor, Session, Stage};
use redoubt_store::totp::{self, Totp};
use redoubt_store::users::{self, Role};
use redoubt_store::{Error, Store};

use crate::support::{Place, SECOND_US, START_US, insert_user, long};

const MINUTE_US: i64 = 60 * SECOND_US;
const DAY_US: i64 = 24 * 60 * MINUTE_US;

/// How many of 100 attempts at the same time get `true`.
fn accepted(store: &Store, attempt: fn(&mut redoubt_store::Tx<'_>) -> Result<bool, Error>) -> usize {
    let start = Arc::new(Barrier::new(100));
    let attempts: Vec<_> = (0..100)
        .map(|_| {
            let (store, start) = (store.clone(), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                store.write_blocking(attempt).unwrap()
            })
        })
        .collect();
    attempts.into_iter().map(|attempt| usize::from(attempt.join().unwrap())).sum()
}

#[test]
fn a_name_is_one_person_s() {
    let place = Place::with_alice();
    let outcome = place.store.write_blocking(|tx| insert_user(tx, "alice"));
    assert!(matches!(outcome, Err(Error::Conflict)), "{outcome:?}");
    let found = place.store.read_blocking(|reader| users::find_by_name(reader, "alice")).unwrap().unwrap();
    assert_eq!((found.id.as_str(), found.role, found.disabled), ("alice", Role::Analyst, false));
    assert_eq!(place.store.read_blocking(|reader| users::find(reader, "bob")).unwrap(), None);
    place.assert_intact();
}

#[test]
fn a_person_s_role_password_and_state_can_change() {
    let place = Place::with_alice();
    place
        .store
        .write_blocking(|tx| {
            assert!(users::update_role(tx, "alice", Role::Auditor, users::Origin::Assigned)?);
            assert!(users::update_password(tx, "alice", "new")?);
            assert!(users::update_disabled(tx, "alice", true)?);
            assert!(!users::update_disabled(tx, "bob", true)?);
            Ok::<_, Error>(())
        })
        .unwrap();
    let alice = place.store.read_blocking(|reader| users::find(reader, "alice")).unwrap().unwrap();
    assert_eq!((alice.role, alice.password_hash.as_str(), alice.disabled), (Role::Auditor, "new", true));
}

/// CVE-2025-6014, CVE-2025-55000 and their kind: a code that is accepted twice.
#[test]
fn of_a_hundred_attempts_with_one_time_step_one_is_accepted() {
    let place = Place::with_alice();
    let secret = Totp { user_id: "alice".to_owned(), sealed: vec![1], last_step: 0, confirmed_at: None };
    place.store.write_blocking(move |tx| totp::insert(tx, &secret)).unwrap();
    assert_eq!(accepted(&place.store, |tx| totp::accept_step(tx, "alice", 59_000_000)), 1);
    assert_eq!(accepted(&place.store, |tx| totp::accept_step(tx, "alice", 58_999_999)), 0, "an older step");
    assert_eq!(accepted(&place.store, |tx| totp::accept_step(tx, "alice", 59_000_001)), 1);
    assert_eq!(accepted(&place.store, |tx| totp::accept_step(tx, "bob", 59_000_001)), 0, "nobody's step");
}

#[test]
fn enrolment_is_confirmed_once_and_a_new_secret_begins_anew() {
    let place = Place::with_alice();
    place
        .store
        .write_blocking(|tx| {
            let mut secret =
                Totp { user_id: "alice".to_owned(), sealed: vec![1], last_step: 5, confirmed_at: None };
            totp::insert(tx, &secret)?;
            assert!(totp::confirm(tx, "alice", START_US)?);
            assert!(!totp::confirm(tx, "alice", START_US + 1)?);
            assert_eq!(totp::find(tx, "alice")?.unwrap().confirmed_at, Some(START_US));
            secret.sealed = vec![2];
            totp::insert(tx, &secret)?;
            assert_eq!(totp::find(tx, "alice")?, Some(secret));
            assert!(totp::delete(tx, "alice")?);
            assert_eq!(totp::find(tx, "alice")?, None);
            Ok::<_, Error>(())
        })
        .unwrap();
}

#[test]
fn a_recovery_code_works_once_and_new_ones_void_the_old() {
    let place = Place::with_alice();
    let hashes: Vec<String> = (0..10).map(|number| format!("hash {number}")).collect();
    place.store.write_blocking(move |tx| recovery_codes::insert_all(tx, "alice", &hashes)).unwrap();
    assert_eq!(accepted(&place.store, |tx| recovery_codes::mark_used(tx, "alice", 1, START_US)), 1);
    assert_eq!(accepted(&place.store, |tx| recovery_codes::mark_used(tx, "bob", 2, START_US)), 0);
    let unused = place.store.read_blocking(|reader| recovery_codes::list_unused(reader, "alice")).unwrap();
    assert_eq!(unused.len(), 9);
    place
        .store
        .write_blocking(|tx| {
            recovery_codes::insert_all(tx, "alice", &["new".to_owned()])?;
            assert_eq!(recovery_codes::count_unused(tx, "alice")?, 1);
            assert_eq!(recovery_codes::list_unused(tx, "alice")?[0].hash, "new");
            Ok::<_, Error>(())
        })
        .unwrap();
}

/// Three failures in 15 minutes lock for 15 minutes.
const LIMITS: Limits = Limits { max: 3, window_us: 15 * MINUTE_US, lock_us: 15 * MINUTE_US };

fn fail(store: &Store, key: &'static str, now_us: i64) -> Lockout {
    store.write_blocking(move |tx| lockouts::record_failure(tx, key, now_us, LIMITS)).unwrap()
}

fn fail_three_times(store: &Store, key: &'static str) -> Lockout {
    fail(store, key, START_US);
    fail(store, key, START_US);
    fail(store, key, START_US)
}

#[test]
fn the_third_failure_within_the_window_locks() {
    let place = Place::new();
    let store = &place.store;
    assert_eq!(store.read_blocking(|reader| lockouts::find(reader, "alice")).unwrap(), None);
    assert!(!fail(store, "alice", START_US).is_locked(START_US));
    let second = fail(store, "alice", START_US + MINUTE_US);
    assert_eq!((second.failures, second.window_start), (2, Some(START_US)));
    let third_at = START_US + 2 * MINUTE_US;
    let third = fail(store, "alice", third_at);
    assert_eq!(third.locked_until, Some(third_at + 15 * MINUTE_US));
    assert!(third.is_locked(third_at + 15 * MINUTE_US - 1));
    assert!(!third.is_locked(third_at + 15 * MINUTE_US));
    assert_eq!(store.read_blocking(|reader| lockouts::find(reader, "bob")).unwrap(), None);
}

#[test]
fn failing_while_locked_does_not_lock_for_longer() {
    let place = Place::new();
    let locked = fail_three_times(&place.store, "alice");
    let again = fail(&place.store, "alice", START_US + MINUTE_US);
    assert_eq!(again.locked_until, locked.locked_until);
}

#[test]
fn after_a_lock_the_count_begins_anew() {
    let place = Place::new();
    let locked = fail_three_times(&place.store, "alice");
    let later = locked.locked_until.unwrap();
    let first = fail(&place.store, "alice", later);
    assert_eq!((first.failures, first.locked_until), (1, None));
    assert!(!fail(&place.store, "alice", later + 1).is_locked(later + 1));
    assert!(fail(&place.store, "alice", later + 2).is_locked(later + 2));
}

#[test]
fn the_window_slides() {
    let place = Place::new();
    // Two failures at the end of a window that the first began: with one more after it, three fell within
    // fifteen minutes, though a window that only restarts would have forgotten two.
    fail(&place.store, "alice", START_US);
    fail(&place.store, "alice", START_US + 14 * MINUTE_US);
    let third_at = START_US + 15 * MINUTE_US + 1;
    let third = fail(&place.store, "alice", third_at);
    assert_eq!((third.failures, third.is_locked(third_at)), (2, false));
    assert!(fail(&place.store, "alice", third_at + 1).is_locked(third_at + 1));
}

#[test]
fn a_success_clears_the_window_and_not_the_day() {
    let place = Place::new();
    fail_three_times(&place.store, "alice");
    place.store.write_blocking(|tx| lockouts::clear(tx, "alice")).unwrap();
    let cleared = place.store.read_blocking(|reader| lockouts::find(reader, "alice")).unwrap().unwrap();
    assert_eq!((cleared.failures, cleared.is_locked(START_US)), (0, false));
    assert_eq!(cleared.failures_today(START_US), 3);
    assert_eq!(cleared.failures_today(START_US + DAY_US), 0);
    assert_eq!(fail(&place.store, "alice", START_US + DAY_US).day_failures, 1);
}

/// CVE-2026-35597: a rolled-back handler took its failure counter with it.
#[test]
fn cve_2026_35597_a_failure_stays_counted_whatever_fails_after_it() {
    let place = Place::new();
    fail(&place.store, "alice", START_US);
    let handler = place.store.write_blocking(|tx| {
        lockouts::clear(tx, "alice")?;
        Err::<(), _>(Error::BadCursor)
    });
    assert!(handler.is_err());
    let found = place.store.read_blocking(|reader| lockouts::find(reader, "alice")).unwrap().unwrap();
    assert_eq!(found.failures, 1);
}

#[test]
fn a_hundred_failures_at_once_are_all_counted() {
    let place = Place::new();
    accepted(&place.store, |tx| lockouts::record_failure(tx, "alice", START_US, LIMITS).map(|_| true));
    let found = place.store.read_blocking(|reader| lockouts::find(reader, "alice")).unwrap().unwrap();
    assert_eq!((found.day_failures, found.is_locked(START_US)), (100, true));
}

#[test]
fn made_up_names_are_forgotten_but_locked_ones_are_not() {
    let place = Place::new();
    fail(&place.store, "stale", START_US);
    fail_three_times(&place.store, "locked");
    fail(&place.store, "recent", START_US + 10 * MINUTE_US);
    let gone = place.store.write_blocking(|tx| lockouts::delete_stale(tx, START_US + 5 * MINUTE_US)).unwrap();
    assert_eq!(gone, 1);
    let find =
        |key: &'static str| place.store.read_blocking(move |reader| lockouts::find(reader, key)).unwrap();
    assert!(find("stale").is_none() && find("locked").is_some() && find("recent").is_some());
}

/// Two hundred thousand names that nobody has in a long run, fewer in a normal one, but more than are kept.
#[test]
fn a_flood_of_made_up_names_is_bounded_and_pushes_no_lock_out() {
    let names = if long() { 200_000 } else { 2 * MAX_TYPED };
    let place = Place::new();
    fail_three_times(&place.store, "alice");
    let mut slowest = Duration::ZERO;
    for batch in 0..names / 1_000 {
        let flood = place.store.write_blocking(move |tx| {
            for number in 0..1_000 {
                let name = format!("nobody{}", batch * 1_000 + number);
                lockouts::record_typed_failure(tx, &name, START_US, LIMITS)?;
            }
            Ok::<_, Error>(())
        });
        flood.unwrap();
        let started = Instant::now();
        let gone = place.store.write_blocking(|tx| lockouts::delete_stale(tx, START_US)).unwrap();
        slowest = slowest.max(started.elapsed());
        assert_eq!(gone, 0);
    }
    println!("tidying beside the flood took {slowest:?} at most");
    let find = |name: String| place.store.read_blocking(move |reader| lockouts::find(reader, &name)).unwrap();
    assert!(find("alice".to_owned()).unwrap().is_locked(START_US));
    let newest = names - MAX_TYPED;
    assert_eq!(find(format!("nobody{}", newest - 1)), None);
    assert!(find(format!("nobody{newest}")).is_some() && find(format!("nobody{}", names - 1)).is_some());

    let (mut left, day) = (MAX_TYPED as usize, START_US + DAY_US);
    while left > 0 {
        let gone = place.store.write_blocking(move |tx| lockouts::delete_stale(tx, day)).unwrap();
        assert!((1..=2_000).contains(&gone), "{gone} at once, {left} left");
        left = left.saturating_sub(gone);
    }
}

#[test]
fn a_typed_name_locks_like_another_and_an_attempt_given_back_leaves_nothing() {
    let place = Place::new();
    let locked = place.store.write_blocking(|tx| {
        let mut told = Vec::new();
        for _ in 0..4 {
            told.push(lockouts::record_typed_failure(tx, "nobody", START_US, LIMITS)?.is_locked(START_US));
        }
        Ok::<_, Error>(told)
    });
    assert_eq!(locked.unwrap(), [false, false, true, true]);
    let found = place.store.write_blocking(|tx| {
        assert!(lockouts::take_attempt(tx, "bind", START_US, 2, MINUTE_US)?);
        assert!(lockouts::take_attempt(tx, "bind", START_US, 2, MINUTE_US)?);
        lockouts::return_attempt(tx, "bind")?;
        let one = lockouts::find(tx, "bind")?.map(|lockout| lockout.failures);
        lockouts::return_attempt(tx, "bind")?;
        Ok::<_, Error>((one, lockouts::find(tx, "bind")?))
    });
    assert_eq!(found.unwrap(), (Some(1), None));
}

#[test]
fn attempts_are_forgotten_after_their_window_and_locks_are_not() {
    let place = Place::new();
    fail_three_times(&place.store, "locked");
    let left = place.store.write_blocking(|tx| {
        lockouts::record_typed_failure(tx, "typed", START_US, LIMITS)?;
        for (key, at) in [("old", START_US), ("recent", START_US + MINUTE_US)] {
            assert!(lockouts::take_attempt(tx, key, at, 2, MINUTE_US)?);
        }
        assert_eq!(lockouts::delete_attempts(tx, START_US + 1)?, 1);
        let keys = ["locked", "typed", "old", "recent"];
        keys.into_iter().map(|key| Ok(lockouts::find(tx, key)?.is_some())).collect::<Result<Vec<_>, Error>>()
    });
    assert_eq!(left.unwrap(), [true, true, false, true]);
}

fn session(number: u8, user_id: &str) -> Session {
    Session {
        id: format!("session {number}"),
        token_hash: [number; 32],
        user_id: user_id.to_owned(),
        stage: Stage::Full,
        created_at: START_US,
        last_seen_at: START_US + i64::from(number),
        expires_at: START_US + DAY_US,
        address: "10.1.2.3".to_owned(),
        agent: "Firefox".to_owned(),
        workspace: Some("general".to_owned()),
        proved_at: START_US,
        locked_at: None,
        factor: FirstFactor::Password,
    }
}

#[test]
fn sessions_are_found_by_token_listed_and_ended() {
    let place = Place::with_alice();
    let store = &place.store;
    store.write_blocking(|tx| insert_user(tx, "bob")).unwrap();
    store
        .write_blocking(|tx| {
            for (number, user) in [(1, "alice"), (2, "alice"), (3, "bob")] {
                sessions::insert(tx, &session(number, user))?;
            }
            assert_eq!(sessions::find_by_token(tx, &[1; 32])?, Some(session(1, "alice")));
            assert_eq!(sessions::find_by_token(tx, &[9; 32])?, None);
            let ids = |list: Vec<Session>| list.into_iter().map(|session| session.id).collect::<Vec<_>>();
            assert_eq!(ids(sessions::list_by_user(tx, "alice")?), ["session 2", "session 1"]);

            assert!(sessions::touch(tx, "session 1", START_US + 100)?);
            assert!(sessions::touch(tx, "session 1", START_US)?, "a clock that went back");
            assert_eq!(sessions::find_by_token(tx, &[1; 32])?.unwrap().last_seen_at, START_US + 100);

            assert!(!sessions::delete(tx, "bob", "session 1")?, "bob ended a session of alice");
            assert!(sessions::delete(tx, "alice", "session 1")?);
            assert!(!sessions::touch(tx, "session 1", START_US)?);
            assert_eq!(ids(sessions::delete_by_user(tx, "alice")?), ["session 2"]);
            assert_eq!(sessions::list_by_user(tx, "bob")?.len(), 1);
            Ok::<_, Error>(())
        })
        .unwrap();
}

#[test]
fn idle_and_old_sessions_expire() {
    let place = Place::with_alice();
    place
        .store
        .write_blocking(|tx| {
            let idle = session(1, "alice");
            let old = Session {
                expires_at: START_US + MINUTE_US,
                last_seen_at: START_US + MINUTE_US,
                ..session(2, "alice")
            };
            let live = Session { last_seen_at: START_US + MINUTE_US, ..session(3, "alice") };
            for session in [&idle, &old, &live] {
                sessions::insert(tx, session)?;
            }
            let mut gone = sessions::delete_expired(tx, START_US + MINUTE_US, START_US + MINUTE_US)?;
            gone.sort_by(|a, b| a.id.cmp(&b.id));
            assert_eq!(gone, [idle, old]);
            assert_eq!(sessions::list_by_user(tx, "alice")?, [live]);
            Ok::<_, Error>(())
        })
        .unwrap();
}

#[test]
fn keys_for_programs_are_found_by_hash_and_revoked_once_by_their_owner() {
    let place = Place::with_alice();
    place
        .store
        .write_blocking(|tx| {
            let key = ApiKey {
                id: "key".to_owned(),
                user_id: "alice".to_owned(),
                name: "script".to_owned(),
                hash: [1; 32],
                created_at: START_US,
                expires_at: None,
                last_used_at: None,
                revoked_at: None,
                parallel: 32,
                workspace: "general".to_owned(),
                scopes: "chat".to_owned(),
            };
            api_keys::insert(tx, &key)?;
            assert_eq!(api_keys::find_by_hash(tx, &[1; 32])?, Some(key));
            assert_eq!(api_keys::find_by_hash(tx, &[2; 32])?, None);
            assert!(api_keys::touch(tx, "key", START_US + 1)?);
            assert!(!api_keys::revoke(tx, "bob", "key", START_US + 2)?);
            assert!(api_keys::revoke(tx, "alice", "key", START_US + 2)?);
            assert!(!api_keys::revoke(tx, "alice", "key", START_US + 3)?);
            let found = &api_keys::list_by_user(tx, "alice")?[0];
            assert_eq!((found.last_used_at, found.revoked_at), (Some(START_US + 1), Some(START_US + 2)));
            Ok::<_, Error>(())
        })
        .unwrap();
}
