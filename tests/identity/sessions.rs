//! The limits of sessions.

use redoubt::config::SignIn;
use redoubt::identity::{Attempt, Error, Factor};
use redoubt_store::sessions as rows;
use redoubt_store::users::Role;

use super::appliance::{Fixture, PASSWORD, attempt, via, via_from};

const MINUTE: i64 = 60;

/// Without the lock, so that the other limits are met one at a time.
fn unlocked(role: Role) -> Fixture {
    Fixture::limited(role, SignIn { screen_lock_seconds: 3600, ..SignIn::default() })
}

#[tokio::test]
async fn a_session_ends_when_it_has_been_idle_for_fifteen_minutes() {
    let fixture = unlocked(Role::Analyst);
    let token = fixture.sign_in().await;
    fixture.clock.advance(15 * MINUTE - 1);
    fixture.identity.authenticate(&token).await.unwrap();
    fixture.clock.advance(15 * MINUTE - 1);
    fixture.identity.authenticate(&token).await.unwrap();
    fixture.clock.advance(15 * MINUTE);
    assert!(matches!(fixture.identity.authenticate(&token).await, Err(Error::SessionExpired)));
    fixture.identity.enforce_limits().await.unwrap();
    assert_eq!(fixture.reasons("session.expired"), ["idle"]);
}

#[tokio::test]
async fn an_admins_session_ends_after_ten() {
    let fixture = unlocked(Role::Admin);
    let token = fixture.sign_in().await;
    fixture.clock.advance(10 * MINUTE - 1);
    fixture.identity.authenticate(&token).await.unwrap();
    fixture.clock.advance(10 * MINUTE);
    assert!(matches!(fixture.identity.authenticate(&token).await, Err(Error::SessionExpired)));
}

#[tokio::test]
async fn the_busiest_session_ends_after_twelve_hours() {
    let fixture = unlocked(Role::Analyst);
    let token = fixture.sign_in().await;
    for _ in 0..12 * 6 - 1 {
        fixture.clock.advance(10 * MINUTE);
        fixture.identity.authenticate(&token).await.unwrap();
    }
    fixture.clock.advance(10 * MINUTE);
    assert!(matches!(fixture.identity.authenticate(&token).await, Err(Error::SessionExpired)));
    fixture.identity.enforce_limits().await.unwrap();
    assert_eq!(fixture.reasons("session.expired"), ["absolute"]);
}

#[tokio::test]
async fn housekeeping_ends_what_is_over_and_nothing_else() {
    let fixture = unlocked(Role::Analyst);
    let old = fixture.sign_in().await;
    let id = fixture.identity.authenticate(&old).await.unwrap().1.id;
    fixture.clock.advance(14 * MINUTE);
    let young = fixture.sign_in().await;
    fixture.clock.advance(MINUTE);
    assert_eq!(fixture.identity.enforce_limits().await.unwrap(), 1);
    assert_eq!(*fixture.ended.lock().unwrap(), [id], "its answers are stopped");
    assert!(fixture.identity.authenticate(&old).await.is_err());
    fixture.identity.authenticate(&young).await.unwrap();
    assert!(fixture.store.check_integrity().unwrap().is_empty());
}

#[tokio::test]
async fn the_second_step_must_come_within_five_minutes() {
    let fixture = Fixture::with(Role::Analyst);
    let pending = fixture.password(PASSWORD).await.unwrap();
    fixture.clock.advance(5 * MINUTE);
    let late = fixture.code(&pending, fixture.present_code()).await;
    assert!(matches!(late, Err(Error::SessionExpired)));
    fixture.identity.enforce_limits().await.unwrap();
    assert_eq!(fixture.reasons("session.expired"), ["unfinished"]);
}

#[tokio::test]
async fn a_pending_session_is_none() {
    let fixture = Fixture::with(Role::Analyst);
    let pending = fixture.password(PASSWORD).await.unwrap();
    assert!(matches!(fixture.identity.authenticate(&pending).await, Err(Error::NotSignedIn)));
    assert!(matches!(fixture.identity.authenticate_holder(&pending).await, Err(Error::NotSignedIn)));
}

#[tokio::test]
async fn one_pending_session_becomes_one_session() {
    let fixture = Fixture::with(Role::Analyst);
    let pending = fixture.password(PASSWORD).await.unwrap();
    fixture.code(&pending, fixture.present_code()).await.unwrap();
    // The next step's code is fresh, but the first step that it would complete was completed.
    let second = fixture.code(&pending, fixture.next_code()).await;
    assert!(matches!(second, Err(Error::SessionExpired)));
}

/// The sixth ends the one seen longest ago, which need not be the oldest.
#[tokio::test]
async fn a_person_has_at_most_five_sessions() {
    let fixture = unlocked(Role::Analyst);
    let mut tokens = Vec::new();
    for _ in 0..5 {
        tokens.push(fixture.sign_in().await);
    }
    fixture.clock.advance(MINUTE);
    fixture.identity.authenticate(&tokens[0]).await.unwrap();
    fixture.sign_in().await;
    fixture.identity.authenticate(&tokens[0]).await.unwrap();
    assert!(matches!(fixture.identity.authenticate(&tokens[1]).await, Err(Error::SessionExpired)));
    for token in &tokens[2..] {
        fixture.identity.authenticate(token).await.unwrap();
    }
    assert_eq!(fixture.reasons("session.revoked"), ["too_many"]);
    assert_eq!(fixture.ended.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_sign_in_from_elsewhere_is_recorded_as_such() {
    let fixture = Fixture::with(Role::Analyst);
    fixture.sign_in().await;
    fixture.sign_in().await;
    assert!(fixture.records("login.concurrent").is_empty(), "the same address");
    let code = fixture.next_code();
    let elsewhere = via_from("192.0.2.99");
    let (pending, _) = fixture.identity.begin(attempt("alice", PASSWORD), &elsewhere).await.unwrap();
    fixture.identity.finish(&pending, Factor::Code(code), &elsewhere).await.unwrap();
    let records = fixture.records("login.concurrent");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["d"]["sessions"], 2);
    assert_eq!(records[0]["src"]["ip"], "192.0.2.99");
}

#[tokio::test]
async fn cve_2025_53826_a_token_is_worthless_after_signing_out() {
    let fixture = Fixture::with(Role::Analyst);
    let token = fixture.sign_in().await;
    let (user, session) = fixture.identity.authenticate(&token).await.unwrap();
    fixture.identity.end_session(&user, &session, &session.id, &via()).await.unwrap();
    assert!(matches!(fixture.identity.authenticate(&token).await, Err(Error::SessionExpired)));
    assert!(matches!(fixture.identity.authenticate_holder(&token).await, Err(Error::SessionExpired)));
    let row = fixture.store.read_blocking(move |reader| rows::find(reader, &session.id)).unwrap();
    assert_eq!(row, None, "nothing of it is left");
}

#[tokio::test]
async fn a_notice_is_accepted_before_anything_else_and_on_record() {
    let notice = "You are accessing an information system of the exercise.".to_owned();
    let limits = SignIn { notice, ..SignIn::default() };
    let accepted = limits.notice_sha256().unwrap();
    let fixture = Fixture::limited(Role::Analyst, limits);
    for notice_sha256 in [None, Some(String::new()), Some("0".repeat(64)), Some(accepted.to_uppercase())] {
        let attempt = Attempt { notice_sha256, ..attempt("alice", PASSWORD) };
        let refused = fixture.identity.begin(attempt, &via()).await;
        assert!(matches!(refused, Err(Error::NoticeRequired)));
    }
    let attempt = Attempt { notice_sha256: Some(accepted.clone()), ..attempt("alice", PASSWORD) };
    fixture.identity.begin(attempt, &via()).await.unwrap();
    let records = fixture.records("login.password");
    assert_eq!(records.len(), 1, "without the notice nothing was tried");
    assert_eq!(records[0]["d"]["notice_sha256"], accepted.as_str());
}
