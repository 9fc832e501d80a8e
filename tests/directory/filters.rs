//! Whatever somebody types as a name arrives at the directory as one value of one comparison.

use redoubt::directory::Refusal;

use super::asking::Scripted;
use crate::support::hostile_ldap::{Filter, Operation, World};

const PASSWORD: &str = "salt marsh, nine herons";
const NAMES: usize = 10_000;
/// Pieces that mean something in filters, names and encodings.
const PIECES: [&str; 24] = [
    "*",
    "(",
    ")",
    "\\",
    "\\2a",
    "\\28",
    "&",
    "|",
    "!",
    "=",
    ">=",
    "~=",
    ":=",
    ":dn:",
    ",",
    ";",
    "#",
    "uid=",
    ")(uid=*",
    "{name}",
    "a",
    "é",
    "\u{202e}",
    "\u{1f511}",
];

fn names() -> impl Iterator<Item = String> {
    let fixed =
        ["*", "*)(uid=*", "*))(|(uid=*", "\\2a", "a\\", "\\", "(", ")", "{name}", "admin)(&", "x' or '1'='1"];
    // A generator of its own (xorshift), so that every run asks the same.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    let made = std::iter::from_fn(move || {
        Some((0..1 + next() % 8).map(|_| PIECES[next() % PIECES.len()]).collect::<String>())
    });
    fixed.into_iter().map(str::to_owned).chain(made).take(NAMES)
}

#[tokio::test]
async fn cve_2022_2232_ten_thousand_names_are_one_equality_each() {
    let scripted = Scripted::new(World::with_alice(PASSWORD), |_| None);
    for name in names() {
        scripted.server.forget();
        let refused = scripted.verify(&name, PASSWORD).await;
        assert_eq!(refused, Err(Refusal::Unknown), "{name:?}");
        let requests = scripted.server.requests();
        let filters: Vec<_> = requests
            .iter()
            .filter_map(|request| match &request.operation {
                Operation::Search { base, filter, .. } if !base.is_empty() => Some(filter),
                _ => None,
            })
            .collect();
        let [Filter::And(parts)] = filters[..] else { panic!("{name:?} made {filters:?}") };
        let class =
            Filter::Equality { attribute: "objectClass".to_owned(), value: b"inetOrgPerson".to_vec() };
        let uid = Filter::Equality { attribute: "uid".to_owned(), value: name.as_bytes().to_vec() };
        assert_eq!(parts[..], [class, uid], "{name:?}");
    }
}

#[tokio::test]
async fn names_that_cannot_be_names_are_not_asked_about() {
    let scripted = Scripted::new(World::with_alice(PASSWORD), |_| None);
    for name in ["", "\0", "a\0b", "a\nb", "\u{1b}", &"x".repeat(129), &"x".repeat(100_000)] {
        assert_eq!(scripted.verify(name, PASSWORD).await, Err(Refusal::Unknown));
    }
    let asked = scripted.server.requests();
    assert!(
        !asked
            .iter()
            .any(|request| matches!(&request.operation, Operation::Search { base, .. } if !base.is_empty()))
    );
}
