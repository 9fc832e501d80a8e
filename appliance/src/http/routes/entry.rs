//! The routes of signing in and of one's own session.

use actix_web::http::Method;
use actix_web::web;
use redoubt_audit::catalogue as event;

use super::{Access, Route};
use crate::http::handlers::{appliance, lock, session, sessions};

pub(super) fn all() -> Vec<Route> {
    [sign_in(), own_session()].concat()
}

fn sign_in() -> Vec<Route> {
    use Access::{Holder, Pending, Public};
    vec![
        Route::on(Method::GET, "/api/v1/appliance", Public, "What the sign-in page shows", || {
            web::route().to(appliance::show)
        })
        .shows_common()
        .returns::<appliance::Appliance>(200),
        Route::on(Method::POST, "/api/v1/session", Public, "Sign in, first step: name and password", || {
            web::route().to(session::create)
        })
        .records(&[event::LOGIN_PASSWORD])
        .takes::<session::Credentials>()
        .returns::<session::NextStep>(200),
        Route::on(
            Method::POST,
            "/api/v1/session/certificate",
            Public,
            "Sign in, first step: the certificate that the connection showed",
            || web::route().to(session::create_with_certificate),
        )
        .records(&[event::LOGIN_CERTIFICATE])
        .takes::<session::WithCertificate>()
        .returns::<session::NextStep>(200),
        Route::on(Method::POST, "/api/v1/session/totp", Pending, "Sign in, second step: a code", || {
            web::route().to(session::complete)
        })
        .records(&[
            event::LOGIN_TOTP,
            event::LOGIN_RECOVERY_CODE,
            event::TOTP_ENROL,
            event::LOGIN_CONCURRENT,
            event::SESSION_REVOKED,
        ])
        .takes::<session::SecondFactor>()
        .returns::<session::SignedInView>(200),
        Route::on(Method::DELETE, "/api/v1/session", Holder, "Sign out", || web::route().to(session::delete))
            .records(&[event::LOGOUT]),
        Route::on(Method::POST, "/api/v1/session/unlock", Holder, "Open the locked session again", || {
            web::route().to(lock::unlock)
        })
        .records(&[event::SESSION_UNLOCK])
        .takes::<lock::Unlocking>(),
    ]
}

fn own_session() -> Vec<Route> {
    use Access::Anyone;
    vec![
        Route::on(Method::POST, "/api/v1/session/lock", Anyone, "Lock the present session", || {
            web::route().to(lock::lock)
        })
        .records(&[event::SESSION_LOCK]),
        Route::on(Method::POST, "/api/v1/session/proof", Anyone, "Give password and code again", || {
            web::route().to(lock::prove)
        })
        .records(&[event::SESSION_PROOF])
        .takes::<lock::Proving>(),
        Route::on(
            Method::POST,
            "/api/v1/me/recovery-codes",
            Anyone,
            "New recovery codes; asks for a proof",
            || web::route().to(lock::issue_recovery_codes),
        )
        .records(&[event::RECOVERY_CODES_ISSUE])
        .returns::<lock::RecoveryCodes>(200),
        Route::on(Method::GET, "/api/v1/me", Anyone, "Who is signed in", || web::route().to(sessions::me))
            .shows_own()
            .returns::<sessions::Me>(200),
        Route::on(Method::GET, "/api/v1/sessions", Anyone, "One's own sessions", || {
            web::route().to(sessions::list)
        })
        .shows_own()
        .returns::<sessions::SessionPage>(200),
        Route::on(Method::DELETE, "/api/v1/sessions/{id}", Anyone, "End one of one's sessions", || {
            web::route().to(sessions::delete)
        })
        .records(&[event::SESSION_REVOKED, event::LOGOUT]),
    ]
}
