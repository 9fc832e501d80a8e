//! What an admin does with people, and what must not come of it.

use redoubt::identity::{Anyone, By, Changes, Error, Factor, NewPerson, Next, PlainToken, Purpose, State};
use redoubt_store::users::Role;

use super::appliance::{Fixture, PASSWORD};

fn role(role: Role) -> Changes {
    Changes { role: Some(role), ..Changes::default() }
}

fn disabled(disabled: bool) -> Changes {
    Changes { disabled: Some(disabled), ..Changes::default() }
}

async fn is_over(fixture: &Fixture, token: &PlainToken) -> bool {
    matches!(fixture.identity.authenticate(token).await, Err(Error::SessionExpired))
}

#[tokio::test]
async fn an_account_is_made_with_a_password_that_is_shown_once() {
    let fixture = Fixture::with(Role::Admin);
    let by = fixture.by(&fixture.sign_in().await).await;
    let new = NewPerson { name: " Bob ".into(), role: Role::Auditor, display_name: "Bob Builder".into() };
    let (bob, password) = fixture.identity.create_person(&by, new).await.unwrap();
    assert_eq!((bob.user.name.as_str(), bob.user.role, bob.state()), ("bob", Role::Auditor, State::Active));
    assert!(!bob.enrolled);
    let (_, next) = fixture.attempt("bob", &password).await.unwrap();
    assert!(matches!(next, Next::Enrol(_)));
    assert!(!bob.user.password_hash.contains(&password));
    let record = &fixture.records("user.create")[1];
    assert_eq!(record["actor"]["name"], "alice");
    assert_eq!(
        (&record["obj"]["id"], &record["d"]["role"]),
        (&bob.user.id.as_str().into(), &"auditor".into())
    );
    assert!(!fixture.records("user.create").iter().any(|record| record.to_string().contains(&password)));

    let taken = NewPerson { name: "ＢＯＢ".into(), role: Role::Admin, display_name: String::new() };
    assert!(matches!(fixture.identity.create_person(&by, taken).await, Err(Error::NameTaken)));
    for (name, display_name) in [("", ""), ("a\0b", ""), ("carol", "two\nlines"), ("carol", &"x".repeat(129))]
    {
        let bad =
            NewPerson { name: name.to_owned(), role: Role::Analyst, display_name: display_name.to_owned() };
        assert!(fixture.identity.create_person(&by, bad).await.is_err(), "{name:?} {display_name:?}");
    }
}

/// An account has the role that it was given; signing in first gives none.
#[tokio::test]
async fn cve_2026_45675_the_first_to_sign_in_is_no_admin() {
    let fixture = Fixture::with(Role::Analyst);
    for number in 0..20 {
        fixture.add(&format!("person{number}"), Role::Analyst);
    }
    let code = fixture.next_code();
    let attempts = (0..20).map(|number| {
        let (fixture, name, code) = (&fixture, format!("person{number}"), code.clone());
        async move {
            let (pending, _) = fixture.attempt(&name, PASSWORD).await.unwrap();
            fixture.finish(&pending, Factor::Code(code)).await.unwrap().user.role
        }
    });
    let roles = futures_util::future::join_all(attempts).await;
    assert!(roles.iter().all(|role| *role == Role::Analyst), "{roles:?}");
    assert!(fixture.records("user.role").is_empty());
}

#[tokio::test]
async fn a_changed_role_ends_all_sessions_and_holds_from_the_next_one_on() {
    let fixture = Fixture::with(Role::Admin);
    let bob = fixture.add("bob", Role::Analyst);
    let by = fixture.by(&fixture.sign_in().await).await;
    let tokens = [fixture.sign_in_as("bob").await, fixture.sign_in_as("bob").await];
    let changed = fixture.identity.change_person(&by, &bob.id, role(Role::Auditor)).await.unwrap();
    assert_eq!((changed.user.role, changed.sessions), (Role::Auditor, 0));
    for token in &tokens {
        assert!(is_over(&fixture, token).await);
    }
    assert_eq!(fixture.ended.lock().unwrap().len(), 2, "their answers are stopped");
    let record = &fixture.records("user.role")[0];
    assert_eq!((&record["d"]["from"], &record["d"]["to"]), (&"analyst".into(), &"auditor".into()));
    assert_eq!(fixture.reasons("session.revoked"), ["role", "role"]);
    let token = fixture.sign_in_as("bob").await;
    assert_eq!(fixture.identity.authenticate(&token).await.unwrap().0.role, Role::Auditor);
    // The same again changes nothing and ends nothing.
    fixture.identity.change_person(&by, &bob.id, role(Role::Auditor)).await.unwrap();
    assert!(!is_over(&fixture, &token).await);
}

#[tokio::test]
async fn cve_2025_0604_the_disabled_do_not_come_back_in() {
    let fixture = Fixture::with(Role::Admin);
    let bob = fixture.add("bob", Role::Analyst);
    let by = fixture.by(&fixture.sign_in().await).await;
    let token = fixture.sign_in_as("bob").await;
    let (pending, _) = fixture.attempt("bob", PASSWORD).await.unwrap();
    let view = fixture.identity.change_person(&by, &bob.id, disabled(true)).await.unwrap();
    assert_eq!(view.state(), State::Disabled);
    assert!(is_over(&fixture, &token).await);
    let late = fixture.code(&pending, fixture.next_code()).await;
    assert!(matches!(late, Err(Error::SessionExpired)), "between the two steps");
    assert!(matches!(fixture.attempt("bob", PASSWORD).await, Err(Error::SignInFailed)));
    assert_eq!(fixture.reasons("login.password").last().unwrap(), "disabled");
    // A password that an admin replaces does not let them in either.
    let password = fixture.identity.replace_password(&by, &bob.id).await.unwrap();
    assert!(matches!(fixture.attempt("bob", &password).await, Err(Error::SignInFailed)));
    fixture.identity.change_person(&by, &bob.id, disabled(false)).await.unwrap();
    fixture.attempt("bob", &password).await.unwrap();
    assert!(matches!(fixture.attempt("bob", PASSWORD).await, Err(Error::SignInFailed)), "the old password");
}

#[tokio::test]
async fn admins_change_neither_their_own_role_nor_the_last_of_them() {
    let fixture = Fixture::with(Role::Admin);
    let alice = fixture.user("alice");
    let by = fixture.by(&fixture.sign_in().await).await;
    for changes in [role(Role::Auditor), role(Role::Analyst), disabled(true)] {
        let own = fixture.identity.change_person(&by, &alice.id, changes.clone()).await;
        assert!(matches!(own, Err(Error::OwnAccount)));
        let last = fixture.identity.change_person(&By::console(), &alice.id, changes).await;
        assert!(matches!(last, Err(Error::LastAdmin)), "not even from the console");
    }
    let bob = fixture.add("bob", Role::Admin);
    fixture.identity.change_person(&by, &bob.id, disabled(true)).await.unwrap();
    let last = fixture.identity.change_person(&By::console(), &alice.id, disabled(true)).await;
    assert!(matches!(last, Err(Error::LastAdmin)), "a disabled one does not count");
    fixture.identity.change_person(&by, &bob.id, disabled(false)).await.unwrap();
    fixture.identity.change_person(&By::console(), &alice.id, role(Role::Analyst)).await.unwrap();
}

#[tokio::test]
async fn a_reset_takes_authenticator_codes_and_sessions_and_is_on_record() {
    let fixture = Fixture::with(Role::Admin);
    let bob = fixture.add("bob", Role::Analyst);
    let by = fixture.by(&fixture.sign_in().await).await;
    let token = fixture.sign_in_as("bob").await;
    let proven =
        fixture.identity.require_proof(fixture.caller::<Anyone>(&token).await.unwrap()).await.unwrap();
    let codes = fixture.identity.issue_recovery_codes(&proven).await.unwrap();
    let (pending, _) = fixture.attempt("bob", PASSWORD).await.unwrap();
    fixture.identity.reset_totp(&by, &bob.id).await.unwrap();
    assert!(is_over(&fixture, &token).await);
    let late = fixture.code(&pending, fixture.next_code()).await;
    assert!(matches!(late, Err(Error::SessionExpired)));
    let (pending, next) = fixture.attempt("bob", PASSWORD).await.unwrap();
    assert!(matches!(next, Next::Enrol(_)));
    let recovered = fixture.finish(&pending, Factor::RecoveryCode(codes[0].clone())).await;
    assert!(matches!(recovered, Err(Error::CodeRefused)), "codes of before");
    let old = fixture.code(&pending, fixture.next_code()).await;
    assert!(matches!(old, Err(Error::CodeRefused)), "the authenticator of before");
    assert_eq!(fixture.records("totp.reset")[0]["obj"]["id"], bob.id.as_str());
    assert_eq!(fixture.reasons("session.revoked"), ["totp_reset", "totp_reset"]);
}

#[tokio::test]
async fn an_admin_unlocks_a_name_before_its_time() {
    let fixture = Fixture::with(Role::Admin);
    let bob = fixture.add("bob", Role::Analyst);
    let by = fixture.by(&fixture.sign_in().await).await;
    for _ in 0..10 {
        for _ in 0..3 {
            assert!(fixture.attempt("bob", "not the right password").await.is_err());
        }
        fixture.clock.advance(16 * 60);
    }
    assert!(matches!(fixture.attempt("bob", PASSWORD).await, Err(Error::Locked { .. })), "for the day");
    assert_eq!(fixture.identity.person(&by, &bob.id).await.unwrap().state(), State::Locked);
    fixture.identity.unlock_person(&by, &bob.id).await.unwrap();
    assert_eq!(fixture.identity.person(&by, &bob.id).await.unwrap().state(), State::Active);
    fixture.sign_in_as("bob").await;
    assert_eq!(fixture.records("user.unlock").len(), 1);
}

#[tokio::test]
async fn people_are_found_by_parts_of_their_names_and_looking_is_recorded() {
    let fixture = Fixture::with(Role::Admin);
    let by = fixture.by(&fixture.sign_in().await).await;
    for number in 0..5 {
        let name = format!("member{number}");
        let new = NewPerson { name, role: Role::Analyst, display_name: format!("Zoë {number}%") };
        fixture.identity.create_person(&by, new).await.unwrap();
    }
    let find = async |query: &str, cursor: Option<String>| {
        let page = fixture.identity.people(&by, query.to_owned(), 2, cursor).await.unwrap();
        let names: Vec<String> = page.items.into_iter().map(|person| person.user.name).collect();
        (names, page.next)
    };
    let (first, next) = find("MEMBER", None).await;
    assert_eq!(first, ["member0", "member1"]);
    let (second, next) = find("member", next).await;
    assert_eq!(second, ["member2", "member3"]);
    assert_eq!(find("member", next).await, (vec!["member4".to_owned()], None));
    assert_eq!(find("3%", None).await.0, ["member3"]);
    assert_eq!(find("%", None).await.0.len(), 2);
    assert!(find("_", None).await.0.is_empty(), "no wildcard");
    assert_eq!(fixture.records("people.read").len(), 6);
}

#[tokio::test]
async fn an_admin_sees_and_ends_the_sessions_of_others() {
    let fixture = Fixture::with(Role::Admin);
    let bob = fixture.add("bob", Role::Analyst);
    let own = fixture.sign_in().await;
    let by = fixture.by(&own).await;
    let tokens = [fixture.sign_in_as("bob").await, fixture.sign_in_as("bob").await];
    fixture.attempt("bob", PASSWORD).await.unwrap();
    assert_eq!(fixture.identity.sessions_of(&by, &bob.id).await.unwrap().len(), 2, "complete ones");
    assert_eq!(fixture.identity.all_sessions(&by).await.unwrap().len(), 3);
    let first = fixture.identity.authenticate(&tokens[0]).await.unwrap().1.id;
    fixture.identity.end_any_session(&by, &first).await.unwrap();
    assert!(is_over(&fixture, &tokens[0]).await && !is_over(&fixture, &tokens[1]).await);
    assert!(matches!(fixture.identity.end_any_session(&by, &first).await, Err(Error::NoSuchSession)));
    fixture.identity.end_sessions_of(&by, &bob.id).await.unwrap();
    assert!(is_over(&fixture, &tokens[1]).await && !is_over(&fixture, &own).await);
}

/// WEB-5: a hundred times, whatever the reason, and in the same moment.
#[tokio::test]
async fn what_takes_rights_away_ends_sessions_at_once_every_time() {
    let fixture = Fixture::with(Role::Admin);
    let bob = fixture.add("bob", Role::Analyst);
    let by = By::console();
    for round in 0..100 {
        let token = fixture.sign_in_as("bob").await;
        match round % 4 {
            0 => drop(fixture.identity.change_person(&by, &bob.id, disabled(true)).await.unwrap()),
            1 => {
                let other =
                    if fixture.user("bob").role == Role::Analyst { Role::Auditor } else { Role::Analyst };
                fixture.identity.change_person(&by, &bob.id, role(other)).await.unwrap();
            }
            2 => drop(fixture.identity.end_sessions_of(&by, &bob.id).await.unwrap()),
            _ => {
                let (user, session) = fixture.identity.authenticate(&token).await.unwrap();
                let via = super::appliance::via();
                fixture.identity.end_session(&user, &session, &session.id, &via).await.unwrap();
            }
        }
        assert!(is_over(&fixture, &token).await, "round {round}");
        assert_eq!(fixture.ended.lock().unwrap().len(), round + 1);
        fixture.identity.change_person(&by, &bob.id, disabled(false)).await.unwrap();
    }
    assert!(fixture.store.check_integrity().unwrap().is_empty());
}

#[tokio::test]
async fn new_recovery_codes_void_the_old_ones() {
    let fixture = Fixture::with(Role::Analyst);
    let token = fixture.sign_in().await;
    let mut issued = Vec::new();
    for _ in 0..2 {
        let caller = fixture.caller::<Anyone>(&token).await.unwrap();
        let proven = fixture.identity.require_proof(caller).await.unwrap();
        issued.push(fixture.identity.issue_recovery_codes(&proven).await.unwrap());
    }
    let pending = fixture.password(PASSWORD).await.unwrap();
    let old = fixture.finish(&pending, Factor::RecoveryCode(issued[0][0].clone())).await;
    assert!(matches!(old, Err(Error::CodeRefused)));
    fixture.finish(&pending, Factor::RecoveryCode(issued[1][0].clone())).await.unwrap();
    assert_eq!(fixture.records("recovery_codes.issue")[0]["d"]["count"], 10);
    // Nor do they open a locked session: that takes what the person has at hand.
    let token = fixture.sign_in().await;
    let refused = fixture.again(&token, None, Some(&issued[1][1]), Purpose::Unlock).await;
    assert!(matches!(refused, Err(Error::SignInFailed)));
}
