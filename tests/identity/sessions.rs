//! The limits of sessions.

use redoubt::identity::Error;
use redoubt_store::users::Role;

use super::appliance::{Fixture, PASSWORD};

const MINUTE: i64 = 60;

#[tokio::test]
async fn a_session_ends_when_it_has_been_idle_for_fifteen_minutes() {
    let fixture = Fixture::with(Role::Analyst);
    let token = fixture.sign_in().await;
    fixture.clock.advance(15 * MINUTE - 1);
    fixture.identity.authenticate(&token).await.unwrap();
    fixture.clock.advance(15 * MINUTE - 1);
    fixture.identity.authenticate(&token).await.unwrap();
    fixture.clock.advance(15 * MINUTE);
    assert!(matches!(fixture.identity.authenticate(&token).await, Err(Error::SessionExpired)));
}

#[tokio::test]
async fn an_admins_session_ends_after_ten() {
    let fixture = Fixture::with(Role::Admin);
    let token = fixture.sign_in().await;
    fixture.clock.advance(10 * MINUTE - 1);
    fixture.identity.authenticate(&token).await.unwrap();
    fixture.clock.advance(10 * MINUTE);
    assert!(matches!(fixture.identity.authenticate(&token).await, Err(Error::SessionExpired)));
}

#[tokio::test]
async fn the_busiest_session_ends_after_twelve_hours() {
    let fixture = Fixture::with(Role::Analyst);
    let token = fixture.sign_in().await;
    for _ in 0..12 * 6 - 1 {
        fixture.clock.advance(10 * MINUTE);
        fixture.identity.authenticate(&token).await.unwrap();
    }
    fixture.clock.advance(10 * MINUTE);
    assert!(matches!(fixture.identity.authenticate(&token).await, Err(Error::SessionExpired)));
}

#[tokio::test]
async fn housekeeping_ends_what_is_over_and_nothing_else() {
    let fixture = Fixture::with(Role::Analyst);
    let old = fixture.sign_in().await;
    fixture.clock.advance(14 * MINUTE);
    let young = fixture.sign_in().await;
    fixture.clock.advance(MINUTE);
    assert_eq!(fixture.identity.expire_sessions().await.unwrap().len(), 1);
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
}

#[tokio::test]
async fn a_pending_session_is_none() {
    let fixture = Fixture::with(Role::Analyst);
    let pending = fixture.password(PASSWORD).await.unwrap();
    assert!(matches!(fixture.identity.authenticate(&pending).await, Err(Error::NotSignedIn)));
}
