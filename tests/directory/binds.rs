//! Binds that succeed and prove nothing: as nobody, as somebody else, by whatever means nobody's password is taken.

use redoubt::directory::{DirectoryId, Refusal};

use super::asking::{Scripted, assert_unavailable};
use crate::support::hostile_ldap::{
    Operation, Request, SERVICE, Somebody, World, bind, bind_with, done, entry, extended,
};

const PASSWORD: &str = "salt marsh, nine herons";

/// Takes every bind, whatever the password.
fn takes_everything(request: &Request) -> Option<Vec<u8>> {
    matches!(request.operation, Operation::Bind { .. }).then(|| bind(request.id, 0, ""))
}

/// The bind by which an unknown name takes as long as a known one.
fn is_nobodys(dn: &str) -> bool {
    dn.starts_with("uid=redoubt-nobody")
}

fn binds_of_people(requests: &[Request]) -> usize {
    let is_one = |request: &&Request| matches!(&request.operation, Operation::Bind { dn, .. } if dn != SERVICE && !is_nobodys(dn));
    requests.iter().filter(is_one).count()
}

/// Texts that look empty: spaces of every kind, alone and together.
fn blanks() -> Vec<String> {
    let spaces: Vec<char> =
        (0..=0x10_ffff_u32).filter_map(char::from_u32).filter(|c| c.is_whitespace()).collect();
    let mut blanks: Vec<_> = spaces.iter().map(char::to_string).collect();
    for first in &spaces {
        blanks.extend(spaces.iter().map(|second| format!("{first}{second}")));
    }
    for length in 3.. {
        if blanks.len() >= 1000 {
            break;
        }
        blanks.extend(spaces.iter().map(|space| space.to_string().repeat(length)));
    }
    blanks
}

#[tokio::test]
async fn cve_2026_44551_a_blank_password_is_never_sent_to_a_directory_that_takes_it() {
    let scripted = Scripted::new(World::with_alice(PASSWORD), takes_everything);
    let mut passwords = blanks();
    assert!(passwords.len() >= 1000, "{}", passwords.len());
    passwords.extend(
        ["", "\0", " \0", "\0a", "a\0b", "\u{200b}", "\u{feff}", "\u{2060}", "\u{3164}"].map(str::to_owned),
    );
    for password in &passwords {
        assert_eq!(scripted.verify("alice", password).await, Err(Refusal::WrongPassword), "{password:?}");
    }
    assert_eq!(scripted.server.requests(), []);
    assert!(scripted.verify("alice", "anything").await.is_ok(), "the server takes the others");
}

#[tokio::test]
async fn cve_2025_13357_a_bind_that_was_one_as_nobody_is_found_out() {
    for (identity, words) in [
        ("", "as nobody's"),
        ("dn:", "as nobody's"),
        ("u:", "as nobody's"),
        ("dn:uid=bob,dc=x", "somebody else's"),
        ("dn:alice", "somebody else's"),
        ("?", "as nobody's"),
    ] {
        let scripted = Scripted::new(World::with_alice(PASSWORD), move |request| match request.operation {
            Operation::Bind { .. } => Some(bind(request.id, 0, "")),
            Operation::Extended { .. } => Some(extended(request.id, 0, identity)),
            _ => None,
        });
        assert_unavailable(scripted.verify("alice", PASSWORD).await, words);
    }
}

#[tokio::test]
async fn without_who_am_i_somebody_must_be_able_to_read_themself() {
    let world = || World { who_am_i: false, ..World::with_alice(PASSWORD) };
    let scripted = Scripted::new(world(), |_| None);
    assert_eq!(scripted.verify("alice", PASSWORD).await.unwrap().name, "alice");
    let scripted = Scripted::new(world(), |request| match &request.operation {
        Operation::Search { base, .. } if base.starts_with("uid=alice") => Some(done(request.id, 32)),
        _ => None,
    });
    assert_unavailable(scripted.verify("alice", PASSWORD).await, "own entry");
}

#[tokio::test]
async fn an_entry_without_a_name_or_from_elsewhere_is_never_bound() {
    for dn in ["", " ", "uid=alice", "uid=alice,dc=elsewhere", "nonsense"] {
        let scripted = Scripted::new(World::with_alice(PASSWORD), move |request| match &request.operation {
            Operation::Bind { .. } => Some(bind(request.id, 0, "")),
            Operation::Search { base, .. } if !base.is_empty() => {
                let attributes = Somebody::new("alice", "").attributes;
                Some([entry(request.id, dn, &attributes), done(request.id, 0)].concat())
            }
            _ => None,
        });
        assert_unavailable(scripted.verify("alice", PASSWORD).await, "below the base");
        assert_eq!(binds_of_people(&scripted.server.requests()), 0, "{dn:?}");
    }
}

#[tokio::test]
async fn several_entries_are_nobody() {
    let mut world = World::with_alice(PASSWORD);
    world
        .people
        .push(Somebody { dn: "uid=alice,ou=staff,dc=example,dc=org".to_owned(), ..world.people[0].clone() });
    let scripted = Scripted::new(world, |_| None);
    assert_eq!(scripted.verify("alice", PASSWORD).await, Err(Refusal::Ambiguous));
    let id = DirectoryId::parse("6a1f4ec2-0d0f-4a3c-9a55-2f9d3b7c1e01").unwrap();
    assert_eq!(scripted.asking.directory.look_up(&id).await, Err(Refusal::Ambiguous));
    let requests = scripted.server.requests();
    assert!(!requests.iter().any(|request| {
        matches!(&request.operation, Operation::Bind { password, .. } if password == PASSWORD.as_bytes())
    }));
    let limits: Vec<_> = requests
        .iter()
        .filter_map(|request| match &request.operation {
            Operation::Search { base, size_limit, .. } if !base.is_empty() => Some(*size_limit),
            _ => None,
        })
        .collect();
    assert_eq!(limits, [2, 2]);
}

#[tokio::test]
async fn an_unknown_name_takes_the_steps_of_a_known_one_and_shows_no_password() {
    let scripted = Scripted::new(World::with_alice(PASSWORD), |_| None);
    assert_eq!(scripted.verify("alice", "a wrong password").await, Err(Refusal::WrongPassword));
    let known = scripted.server.requests();
    scripted.server.forget();
    assert_eq!(scripted.verify("mallory", "a wrong password").await, Err(Refusal::Unknown));
    let unknown = scripted.server.requests();
    let kinds = |requests: &[Request]| {
        requests.iter().map(|request| std::mem::discriminant(&request.operation)).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&known), kinds(&unknown));
    let text = format!("{unknown:?}");
    assert!(!text.contains(&format!("{:?}", b"a wrong password")), "{text}");
}

#[tokio::test]
async fn a_password_policy_that_asks_for_a_change_lets_nobody_in() {
    let scripted = Scripted::new(World::with_alice(PASSWORD), |request| match &request.operation {
        Operation::Bind { dn, .. } if dn != SERVICE => {
            let control = ("1.3.6.1.4.1.42.2.27.8.5.1", &[0x30, 3, 0x81, 1, 2][..]);
            Some(bind_with(request.id, 0, "", &[control]))
        }
        _ => None,
    });
    assert_eq!(scripted.verify("alice", PASSWORD).await, Err(Refusal::MustChange));
}
