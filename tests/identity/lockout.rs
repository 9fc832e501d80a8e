//! The lock after failures: when it comes, when it goes, and that nothing gets around it.

use std::time::Duration;

use redoubt::config::{self, SignIn};
use redoubt::identity::Error;
use redoubt_store::lockouts::{self, Limits, MAX_TYPED};
use redoubt_store::users::Role;

use super::appliance::{Fixture, PASSWORD};
use super::scripted::Scripted;

const MINUTE: i64 = 60;

async fn fail(fixture: &Fixture) {
    assert!(matches!(fixture.password("not the right password").await, Err(Error::SignInFailed)));
}

async fn is_locked(fixture: &Fixture) -> bool {
    matches!(fixture.password(PASSWORD).await, Err(Error::Locked { .. }))
}

#[tokio::test]
async fn the_lock_is_over_after_fifteen_minutes() {
    let fixture = Fixture::with(Role::Analyst);
    for _ in 0..3 {
        fail(&fixture).await;
    }
    assert!(is_locked(&fixture).await);
    fixture.clock.advance(15 * MINUTE - 1);
    assert!(is_locked(&fixture).await);
    fixture.clock.advance(1);
    fixture.sign_in().await;
}

#[tokio::test]
async fn failures_further_apart_than_the_window_do_not_lock() {
    let fixture = Fixture::with(Role::Analyst);
    for _ in 0..4 {
        fail(&fixture).await;
        fixture.clock.advance(8 * MINUTE);
    }
    fixture.sign_in().await;
}

#[tokio::test]
async fn only_a_complete_sign_in_clears_the_count() {
    let fixture = Fixture::with(Role::Analyst);
    fail(&fixture).await;
    fail(&fixture).await;
    // The right password alone must not give whoever guesses codes a fresh start.
    fixture.password(PASSWORD).await.unwrap();
    fail(&fixture).await;
    assert!(is_locked(&fixture).await);
}

#[tokio::test]
async fn wrong_codes_count_like_wrong_passwords() {
    let fixture = Fixture::with(Role::Analyst);
    let pending = fixture.password(PASSWORD).await.unwrap();
    for _ in 0..3 {
        let refused = fixture.code(&pending, "not a code".to_owned()).await;
        assert!(matches!(refused, Err(Error::CodeRefused)));
    }
    let locked = fixture.code(&pending, fixture.present_code()).await;
    assert!(matches!(locked, Err(Error::Locked { .. })));
}

#[tokio::test]
async fn a_code_is_accepted_once_however_many_try_it_at_once() {
    let fixture = Fixture::with(Role::Analyst);
    let mut pending = Vec::new();
    for _ in 0..10 {
        pending.push(fixture.password(PASSWORD).await.unwrap());
    }
    let code = fixture.present_code();
    let attempts = pending.iter().map(|pending| fixture.code(pending, code.clone()));
    let accepted = futures_util::future::join_all(attempts).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(accepted, 1);
}

#[tokio::test]
async fn thirty_failures_in_a_day_lock_until_it_is_over() {
    let fixture = Fixture::with(Role::Analyst);
    for _ in 0..10 {
        for _ in 0..3 {
            fail(&fixture).await;
        }
        fixture.clock.advance(16 * MINUTE);
    }
    assert!(is_locked(&fixture).await, "the day's budget is used up");
    fixture.clock.advance(24 * 60 * MINUTE);
    fixture.sign_in().await;
}

/// Whoever goes away before the refusal comes has been counted all the same.
#[tokio::test]
async fn cve_2026_35597_an_attempt_that_is_given_up_is_counted() {
    let fixture = Fixture::with(Role::Analyst);
    for number in 1..=3 {
        let recorded = async {
            while fixture.records("login.password").len() < number {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = fixture.password("not the right password") => {}
            () = recorded => {}
        }
    }
    assert!(is_locked(&fixture).await);
}

/// Whoever stays below the short lock meets the day's, and the log says so.
#[tokio::test]
async fn the_days_lock_is_recorded_when_it_comes() {
    let limits = SignIn { max_daily_failures: 4, ..SignIn::default() };
    let fixture = Fixture::limited(Role::Analyst, limits);
    for _ in 0..2 {
        fail(&fixture).await;
        fail(&fixture).await;
        fixture.clock.advance(15 * MINUTE);
    }
    assert!(is_locked(&fixture).await);
    assert_eq!(fixture.records("login.lockout").len(), 1);
}

/// What is told of names can be pushed out by made-up ones, for those that somebody has as for others; the lock cannot.
#[tokio::test]
async fn a_flood_of_made_up_names_opens_no_lock_and_tells_no_names_apart() {
    let fixture = Fixture::with(Role::Analyst);
    let told = async |name: &str, password: &str| match fixture.attempt(name, password).await {
        Err(Error::SignInFailed) => "wrong",
        Err(Error::Locked { .. }) => "locked",
        _ => "let in",
    };
    let names = ["alice", "nobody-at-all"];
    for name in names {
        for expected in ["wrong", "wrong", "wrong", "locked"] {
            assert_eq!(told(name, "not the right password").await, expected, "{name}");
        }
    }
    fixture
        .store
        .write_blocking(|tx| {
            let limits = Limits { max: 3, window_us: 900_000_000, lock_us: 900_000_000 };
            let now = tx.now_us();
            for number in 0..MAX_TYPED {
                lockouts::record_typed_failure(tx, &format!("made up {number}"), now, limits)?;
            }
            Ok::<_, redoubt_store::Error>(())
        })
        .unwrap();
    for name in names {
        for expected in ["wrong", "wrong", "wrong", "locked"] {
            assert_eq!(told(name, PASSWORD).await, expected, "{name} after the flood");
        }
    }
    fixture.clock.advance(15 * MINUTE);
    fixture.sign_in().await;
}

#[tokio::test]
async fn names_that_nobody_has_leave_no_attempt_at_the_directory() {
    let scripted = Scripted::default();
    scripted.person(1, "dora", &["cn=staff"]);
    let fixture =
        Fixture::with_directory(SignIn::default(), scripted.directory(), config::Directory::default());
    let attempts = |name: &str| {
        let key = format!("\0bind:name:{name}");
        let found = fixture.store.read_blocking(move |reader| lockouts::find(reader, &key)).unwrap();
        found.map(|lockout| lockout.failures)
    };
    for name in ["dora", "nobody-at-all"] {
        assert!(matches!(fixture.attempt(name, "not the right password").await, Err(Error::SignInFailed)));
    }
    assert_eq!((attempts("dora"), attempts("nobody-at-all")), (Some(1), None));
    scripted.away(true);
    for name in ["dora", "nobody-at-all"] {
        assert!(matches!(fixture.attempt(name, "not the right password").await, Err(Error::SignInFailed)));
    }
    assert_eq!((attempts("dora"), attempts("nobody-at-all")), (Some(1), None));
}
