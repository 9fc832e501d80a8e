//! One-time codes and recovery codes: each works once, whoever tries it how often, and for nobody else.

use std::process::Command;

use redoubt::clock::SECOND_US;
use redoubt::config::SignIn;
use redoubt::identity::{Anyone, Error, Factor, Next, TotpSecret};
use redoubt_store::totp as rows;
use redoubt_store::users::Role;

use super::appliance::{Fixture, PASSWORD};
use crate::support::long;

/// Attempts at once in one round.
const AT_ONCE: usize = 100;

/// So many rounds that no limit but the one under test is met.
fn generous() -> SignIn {
    let many = 1_000_000;
    SignIn { max_failures: many, max_daily_failures: many, max_sessions: many, ..SignIn::default() }
}

/// Over ten half sign-ins at once, so that it is the code that is refused and not the sign-in that is over.
#[tokio::test]
async fn cve_2025_6014_one_code_is_accepted_once_by_a_hundred_at_once() {
    let fixture = Fixture::limited(Role::Analyst, generous());
    let mut pending = Vec::new();
    for round in 0..if long() { 1_000 } else { 100 } {
        // They last five minutes, which are ten codes.
        if round % 9 == 0 {
            pending.clear();
        }
        while pending.len() < 10 {
            pending.push(fixture.password(PASSWORD).await.unwrap());
        }
        let code = fixture.next_code();
        let attempts = (0..AT_ONCE).map(|attempt| fixture.code(&pending[attempt % 10], code.clone()));
        let outcomes = futures_util::future::join_all(attempts).await;
        let accepted: Vec<usize> = (0..AT_ONCE).filter(|attempt| outcomes[*attempt].is_ok()).collect();
        assert_eq!(accepted.len(), 1, "round {round}: {accepted:?}");
        pending.remove(accepted[0] % 10);
    }
}

#[tokio::test]
async fn cve_2025_55000_other_spellings_of_a_used_code_are_used_too() {
    let fixture = Fixture::limited(Role::Analyst, generous());
    let code = fixture.next_code();
    let pending = fixture.password(PASSWORD).await.unwrap();
    fixture.code(&pending, code.clone()).await.unwrap();
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let wide: String =
        code.chars().map(|digit| char::from_u32(0xff10 + digit.to_digit(10).unwrap()).unwrap()).collect();
    for spelling in
        [spaced, format!(" {code}"), format!("{code} "), format!("{code}\n"), format!("0{code}"), wide]
    {
        let pending = fixture.password(PASSWORD).await.unwrap();
        let again = fixture.code(&pending, spelling.clone()).await;
        assert!(matches!(again, Err(Error::CodeRefused)), "{spelling:?}");
    }
}

#[tokio::test]
async fn cve_2025_6015_the_lock_holds_for_right_codes_too() {
    let fixture = Fixture::with(Role::Analyst);
    let pending = fixture.password(PASSWORD).await.unwrap();
    for _ in 0..3 {
        assert!(matches!(fixture.code(&pending, "000000".to_owned()).await, Err(Error::CodeRefused)));
    }
    for _ in 0..5 {
        let right = fixture.code(&pending, fixture.next_code()).await;
        assert!(matches!(right, Err(Error::Locked { .. })));
    }
    assert!(fixture.records("session.proof").is_empty() && fixture.records("login.totp").len() >= 3);
}

#[tokio::test]
async fn cve_2026_82470_a_step_behind_an_accepted_one_is_over() {
    let fixture = Fixture::limited(Role::Analyst, generous());
    let earlier = fixture.present_code();
    let later = fixture.next_code();
    let pending = fixture.password(PASSWORD).await.unwrap();
    fixture.code(&pending, later).await.unwrap();
    let pending = fixture.password(PASSWORD).await.unwrap();
    let again = fixture.code(&pending, earlier).await;
    assert!(matches!(again, Err(Error::CodeRefused)), "it is within the window, and of a step before");
}

/// Every way in which a code can be given shares one memory of what was used.
#[tokio::test]
async fn cve_2026_103655_a_code_of_the_sign_in_proves_nothing_afterwards() {
    use redoubt::identity::Purpose::{Proof, Unlock};
    let fixture = Fixture::limited(Role::Analyst, generous());
    let code = fixture.next_code();
    let pending = fixture.password(PASSWORD).await.unwrap();
    let token = fixture.code(&pending, code.clone()).await.unwrap();
    let proof = fixture.again(&token, Some(PASSWORD), Some(&code), Proof).await;
    assert!(matches!(proof, Err(Error::SignInFailed)));
    let unlock = fixture.again(&token, None, Some(&code), Unlock).await;
    assert!(matches!(unlock, Err(Error::SignInFailed)));
    let fresh = fixture.next_code();
    let token = fixture.again(&token, None, Some(&fresh), Unlock).await.unwrap();
    let pending = fixture.password(PASSWORD).await.unwrap();
    assert!(matches!(fixture.code(&pending, fresh.clone()).await, Err(Error::CodeRefused)));
    assert!(fixture.again(&token, Some(PASSWORD), Some(&fresh), Proof).await.is_err());
}

#[tokio::test]
async fn cve_2026_104105_a_code_of_one_person_is_nobody_elses() {
    let fixture = Fixture::limited(Role::Analyst, generous());
    fixture.add("bob", Role::Analyst);
    let code = fixture.next_code();
    // Both have the same authenticator here, so the code is right for both, and used up for one only.
    let (alice, _) = fixture.attempt("alice", PASSWORD).await.unwrap();
    let (bob, _) = fixture.attempt("bob", PASSWORD).await.unwrap();
    fixture.code(&alice, code.clone()).await.unwrap();
    fixture.code(&bob, code.clone()).await.unwrap();
    let (alice, _) = fixture.attempt("alice", PASSWORD).await.unwrap();
    assert!(fixture.code(&alice, code).await.is_err());
}

/// Thirty guesses a day with three valid codes each: 9 in 100,000.
#[tokio::test]
async fn cve_2026_56450_guesses_are_budgeted_by_the_day() {
    let fixture = Fixture::with(Role::Analyst);
    let mut guesses = 0;
    // From eleven in the morning to eleven at night: one day of the calendar.
    for _ in 0..12 {
        if let Ok(pending) = fixture.password(PASSWORD).await {
            for _ in 0..4 {
                match fixture.code(&pending, "000000".to_owned()).await {
                    Err(Error::CodeRefused) => guesses += 1,
                    Err(Error::Locked { .. }) => break,
                    outcome => panic!("{:?}", outcome.err()),
                }
            }
        }
        fixture.clock.advance(60 * 60);
    }
    assert_eq!(guesses, 30);
    assert!(f64::from(guesses) * 3.0 / 1e6 < 1e-4);
}

#[tokio::test]
async fn one_recovery_code_is_accepted_once_by_a_hundred_at_once() {
    let fixture = Fixture::limited(Role::Analyst, generous());
    let token = fixture.sign_in().await;
    let rounds = if long() { 10 } else { 2 };
    for _ in 0..rounds {
        let caller = fixture.caller::<Anyone>(&token).await.unwrap();
        let proven = fixture.identity.require_proof(caller).await.unwrap();
        let codes = fixture.identity.issue_recovery_codes(&proven).await.unwrap();
        let mut pending = Vec::new();
        for _ in 0..10 {
            pending.push(fixture.password(PASSWORD).await.unwrap());
        }
        let attempts = (0..AT_ONCE).map(|attempt| {
            fixture.finish(&pending[attempt % pending.len()], Factor::RecoveryCode(codes[0].clone()))
        });
        let outcomes = futures_util::future::join_all(attempts).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let left = fixture.identity.recovery_codes_left(&fixture.user("alice").id).await.unwrap();
        assert_eq!(left, 9);
    }
}

/// The secret is sealed for its person: in somebody else's row it opens nothing.
#[tokio::test]
async fn a_secret_that_was_moved_to_another_person_does_not_open() {
    let fixture = Fixture::with(Role::Analyst);
    let (alice, bob) = (fixture.user("alice"), fixture.add("bob", Role::Analyst));
    let moved = bob.id.clone();
    fixture
        .store
        .write(move |tx| {
            let row = rows::find(tx, &alice.id)?.expect("alice is enrolled");
            rows::insert(tx, &rows::Totp { user_id: moved, ..row })
        })
        .await
        .unwrap();
    let (pending, _) = fixture.attempt("bob", PASSWORD).await.unwrap();
    let outcome = fixture.code(&pending, fixture.next_code()).await;
    assert!(matches!(outcome, Err(Error::Store(redoubt_store::Error::Sealed))), "{:?}", outcome.err());
    assert!(matches!(fixture.code(&pending, fixture.next_code()).await, Err(Error::Store(_))));
}

/// Somebody between the two steps cannot have the authenticator enrolled anew.
#[tokio::test]
async fn cve_2026_62232_half_a_sign_in_enrols_nobody_again() {
    let fixture = Fixture::with(Role::Analyst);
    let before = fixture.user("alice").id;
    let sealed = async || {
        let id = before.clone();
        fixture.store.read(move |reader| rows::find(reader, &id)).await.unwrap().unwrap().sealed
    };
    let secret = sealed().await;
    for _ in 0..3 {
        let (pending, next) = fixture.attempt("alice", PASSWORD).await.unwrap();
        assert!(matches!(next, Next::Totp), "no new secret is offered");
        assert!(fixture.caller::<Anyone>(&pending).await.is_err());
        assert!(
            fixture.again(&pending, Some(PASSWORD), None, redoubt::identity::Purpose::Unlock).await.is_err()
        );
    }
    assert_eq!(sealed().await, secret);
}

/// A secret that was offered anew since is not confirmed by a code of the one before.
#[tokio::test]
async fn an_abandoned_enrolment_confirms_nothing() {
    let fixture = Fixture::with(Role::Admin);
    let by = fixture.by(&fixture.sign_in().await).await;
    let bob = fixture.add("bob", Role::Analyst);
    fixture.identity.reset_totp(&by, &bob.id).await.unwrap();
    let offer = async || {
        let (pending, next) = fixture.attempt("bob", PASSWORD).await.unwrap();
        let Next::Enrol(enrolment) = next else { panic!("bob is enrolled") };
        let secret = data_encoding::BASE32_NOPAD.decode(enrolment.secret.as_bytes()).unwrap();
        (pending, TotpSecret::from_bytes(secret.into()))
    };
    use redoubt::clock::Clock as _;
    let (abandoned, first) = offer().await;
    let (present, second) = offer().await;
    let now = fixture.clock.now_us();
    let stale = fixture.code(&abandoned, first.code_at(now).unwrap()).await;
    assert!(matches!(stale, Err(Error::CodeRefused)));
    fixture.code(&present, second.code_at(now).unwrap()).await.unwrap();
}

/// The same codes as another implementation's, over many years' worth of moments.
#[test]
fn codes_are_those_of_oathtool() {
    let bytes: Vec<u8> = (0..20).map(|byte| byte * 11 + 3).collect();
    let secret = TotpSecret::from_bytes(bytes.into());
    let times = if long() { 2_000 } else { 100 };
    for number in 0..times {
        // Primes, so that moments fall anywhere within a step; the last ones lie beyond 2038.
        let seconds = 59 + number * (2_900_000_011 / times);
        let told = Command::new("oathtool")
            .args(["--totp", "--base32", "--now", &format!("@{seconds}"), &secret.base32()])
            .output()
            .expect("oathtool; scripts/test installs it");
        let told = String::from_utf8(told.stdout).unwrap();
        assert_eq!(told.trim(), secret.code_at(seconds * SECOND_US).unwrap(), "at {seconds}");
    }
}
