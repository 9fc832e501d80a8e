//! Locked sessions, and password and code given again.

use redoubt::config::SignIn;
use redoubt::identity::{Anyone, Error, PlainToken, Purpose};
use redoubt_store::users::Role;

use super::appliance::{Fixture, PASSWORD};

const MINUTE: i64 = 60;

async fn is_locked(fixture: &Fixture, token: &PlainToken) -> bool {
    matches!(fixture.identity.authenticate(token).await, Err(Error::SessionLocked))
}

#[tokio::test]
async fn a_locked_session_opens_by_password_or_code_under_a_new_token() {
    let fixture = Fixture::with(Role::Analyst);
    let token = fixture.sign_in().await;
    fixture.lock(&token).await;
    assert!(is_locked(&fixture, &token).await);
    let second = fixture.again(&token, Some(PASSWORD), None, Purpose::Unlock).await.unwrap();
    fixture.identity.authenticate(&second).await.unwrap();
    assert!(matches!(fixture.identity.authenticate(&token).await, Err(Error::SessionExpired)), "ASVS 7.2.4");

    fixture.lock(&second).await;
    let code = fixture.next_code();
    let third = fixture.again(&second, None, Some(&code), Purpose::Unlock).await.unwrap();
    fixture.identity.authenticate(&third).await.unwrap();
    fixture.lock(&third).await;
    let replay = fixture.again(&third, None, Some(&code), Purpose::Unlock).await;
    assert!(matches!(replay, Err(Error::SignInFailed)), "a code works once");
    assert!(fixture.ended.lock().unwrap().is_empty(), "running answers went on");
    assert_eq!(fixture.reasons("session.lock"), ["person"; 3]);
    let factors: Vec<_> =
        fixture.records("session.unlock").iter().map(|record| record["d"]["factor"].clone()).collect();
    assert_eq!(factors[..2], ["password", "code"]);
}

#[tokio::test]
async fn a_session_that_nobody_uses_locks_after_five_minutes() {
    let fixture = Fixture::with(Role::Analyst);
    let token = fixture.sign_in().await;
    fixture.clock.advance(5 * MINUTE - 1);
    fixture.identity.authenticate(&token).await.unwrap();
    fixture.clock.advance(5 * MINUTE);
    assert!(is_locked(&fixture, &token).await, "also before housekeeping has been there");
    fixture.identity.enforce_limits().await.unwrap();
    fixture.identity.enforce_limits().await.unwrap();
    assert_eq!(fixture.reasons("session.lock"), ["idle"], "recorded once");
    assert!(is_locked(&fixture, &token).await);
    fixture.again(&token, Some(PASSWORD), None, Purpose::Unlock).await.unwrap();
}

/// A lock hides; it does not prolong.
#[tokio::test]
async fn a_locked_session_ends_when_it_would_have_ended_unlocked() {
    let fixture = Fixture::with(Role::Analyst);
    let token = fixture.sign_in().await;
    fixture.lock(&token).await;
    for _ in 0..14 {
        fixture.clock.advance(MINUTE);
        assert!(is_locked(&fixture, &token).await, "asking does not count as use");
    }
    fixture.clock.advance(MINUTE);
    let late = fixture.again(&token, Some(PASSWORD), None, Purpose::Unlock).await;
    assert!(matches!(late, Err(Error::SessionExpired)));
}

#[tokio::test]
async fn cve_2026_27801_unlocking_counts_like_signing_in_and_ends_a_session_in_which_somebody_guesses() {
    let fixture = Fixture::with(Role::Analyst);
    let (token, other) = (fixture.sign_in().await, fixture.sign_in().await);
    fixture.lock(&token).await;
    for guess in [Some("not the right password"), None, Some("nor this one, I fear")] {
        let code = guess.is_none().then_some("000000");
        let refused = fixture.again(&token, guess, code, Purpose::Unlock).await;
        assert!(matches!(refused, Err(Error::SignInFailed)));
    }
    assert!(matches!(fixture.password(PASSWORD).await, Err(Error::Locked { .. })), "the name is locked");
    assert!(matches!(fixture.identity.authenticate_holder(&token).await, Err(Error::SessionExpired)));
    fixture.identity.authenticate(&other).await.unwrap();
    assert_eq!(fixture.reasons("session.revoked"), ["locked_out"]);
    assert_eq!(fixture.reasons("session.unlock"), ["wrong"; 3]);
}

/// The right password alone never gives whoever guesses codes a fresh start.
#[tokio::test]
async fn only_both_factors_clear_the_count() {
    let fixture = Fixture::with(Role::Analyst);
    let token = fixture.sign_in().await;
    for _ in 0..2 {
        assert!(fixture.again(&token, None, Some("000000"), Purpose::Unlock).await.is_err());
    }
    let token = fixture.again(&token, Some(PASSWORD), None, Purpose::Unlock).await.unwrap();
    assert!(fixture.again(&token, None, Some("000000"), Purpose::Unlock).await.is_err());
    assert!(matches!(fixture.identity.authenticate_holder(&token).await, Err(Error::SessionExpired)));
}

#[tokio::test]
async fn a_proof_takes_password_and_code_and_lasts_five_minutes() {
    let fixture = Fixture::limited(
        Role::Analyst,
        SignIn { screen_lock_seconds: 3600, idle_seconds: 3600, ..SignIn::default() },
    );
    let token = fixture.sign_in().await;
    let caller = fixture.caller::<Anyone>(&token).await.unwrap();
    fixture.identity.require_proof(caller).await.unwrap();
    fixture.clock.advance(5 * MINUTE);
    let caller = fixture.caller::<Anyone>(&token).await.unwrap();
    let stale = fixture.identity.require_proof(caller).await;
    assert!(matches!(stale, Err(Error::ProofNeeded)));

    let code = fixture.next_code();
    for (password, code) in [(Some(PASSWORD), None), (None, Some(code.as_str())), (None, None)] {
        let less = fixture.again(&token, password, code, Purpose::Proof).await;
        assert!(matches!(less, Err(Error::Incomplete)));
    }
    let wrong = fixture.again(&token, Some("not the right password"), Some(&code), Purpose::Proof).await;
    assert!(matches!(wrong, Err(Error::SignInFailed)));
    // The wrong password cost the person no code.
    let proved = fixture.again(&token, Some(PASSWORD), Some(&code), Purpose::Proof).await.unwrap();
    assert!(matches!(fixture.identity.authenticate(&token).await, Err(Error::SessionExpired)), "ASVS 7.2.4");
    let caller = fixture.caller::<Anyone>(&proved).await.unwrap();
    fixture.identity.require_proof(caller).await.unwrap();
    let replay = fixture.again(&proved, Some(PASSWORD), Some(&code), Purpose::Proof).await;
    assert!(matches!(replay, Err(Error::SignInFailed)));
    assert_eq!(fixture.reasons("session.proof"), ["wrong", "", "replay"]);
}

#[tokio::test]
async fn unlocking_is_no_proof() {
    let fixture = Fixture::limited(
        Role::Analyst,
        SignIn { screen_lock_seconds: 3600, idle_seconds: 3600, ..SignIn::default() },
    );
    let token = fixture.sign_in().await;
    fixture.clock.advance(5 * MINUTE);
    let token = fixture.again(&token, Some(PASSWORD), None, Purpose::Unlock).await.unwrap();
    let caller = fixture.caller::<Anyone>(&token).await.unwrap();
    assert!(matches!(fixture.identity.require_proof(caller).await, Err(Error::ProofNeeded)));
}

/// Of two requests with one old token, one gets the new one.
#[tokio::test]
async fn a_token_is_exchanged_once() {
    let fixture = Fixture::with(Role::Analyst);
    let token = fixture.sign_in().await;
    let attempts = (0..8).map(|_| fixture.again(&token, Some(PASSWORD), None, Purpose::Unlock));
    let outcomes = futures_util::future::join_all(attempts).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for outcome in outcomes {
        match outcome {
            Ok(token) => drop(fixture.identity.authenticate(&token).await.unwrap()),
            Err(error) => assert!(matches!(error, Error::SessionExpired), "{error}"),
        }
    }
}
