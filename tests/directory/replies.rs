//! Replies that no directory should send: malformed, endless, huge, dripping, or sending us elsewhere.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use redoubt::directory::Refusal;

use super::asking::{Scripted, assert_unavailable};
use crate::support::hostile_ldap::{
    Operation, Request, SERVICE, World, bind, done, element, entry, reference, referral,
};

const PASSWORD: &str = "salt marsh, nine herons";

/// What to say instead to a search for people.
fn to_searches(reply: impl Fn(u32) -> Vec<u8>) -> impl Fn(&Request) -> Option<Vec<u8>> {
    move |request| match &request.operation {
        Operation::Search { base, .. } if !base.is_empty() => Some(reply(request.id)),
        _ => None,
    }
}

fn message(id: u32, operation: &[u8]) -> Vec<u8> {
    element(0x30, &[&[2, 4][..], &id.to_be_bytes(), operation].concat())
}

/// What is wrong, and the reply to a message of some id.
type Case = (&'static str, Box<dyn Fn(u32) -> Vec<u8> + Send + Sync>);

fn case(what: &'static str, reply: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> Case {
    (what, Box::new(reply))
}

/// An operation of a well-formed message that is not what it should be.
fn odd(what: &'static str, tag: u8, content: Vec<u8>) -> Case {
    case(what, move |id| message(id, &element(tag, &content)))
}

fn malformed() -> Vec<Case> {
    let well = [10, 1, 0, 4, 0, 4, 0];
    let nameless = [element(4, b"\xff\xfe"), element(0x30, b"")].concat();
    let no_control = move |id: u32| {
        let control = element(0xa0, &element(0x30, b""));
        element(0x30, &[&[2, 4][..], &id.to_be_bytes(), &element(0x65, &well), &control].concat())
    };
    vec![
        case("no LDAP at all", |_| b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
        case("an indefinite length", |_| vec![0x30, 0x80, 2, 1, 2, 0, 0]),
        case("a length of 4 GiB", |_| vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
        case("an empty message", |_| vec![0x30, 0]),
        case("a message without an operation", |id| message(id, b"")),
        case("a bind's answer to a search", |id| bind(id, 0, "")),
        case("a control that is none", no_control),
        case("an answer to nothing", move |_| message(0, &element(0x65, &well))),
        odd("an entry without attributes", 0x64, element(4, b"uid=alice")),
        odd("an entry whose name is no text", 0x64, nameless),
        odd("nesting without an end", 0x64, nested()),
        odd("many empty elements", 0x64, [4, 0].repeat(400_000)),
        odd("a result without a code", 0x65, Vec::new()),
        odd("a result whose code is a text", 0x65, element(4, b"0")),
        odd("an intermediate answer", 0x79, Vec::new()),
        odd("a request", 0x63, Vec::new()),
        odd("an operation that does not exist", 0x7e, Vec::new()),
    ]
}

/// A hundred thousand sequences, each the only element of the one before.
fn nested() -> Vec<u8> {
    const DEPTH: u32 = 100_000;
    (0..DEPTH)
        .flat_map(|depth| [&[0x30, 0x84][..], &(6 * (DEPTH - 1 - depth)).to_be_bytes()].concat())
        .collect()
}

#[tokio::test]
async fn cve_2026_9801_a_malformed_reply_ends_one_question_and_nothing_else() {
    for (what, reply) in malformed() {
        let scripted = Scripted::configured(World::with_alice(PASSWORD), to_searches(reply), |config| {
            (config.connect_seconds, config.answer_seconds) = (1, 1);
        });
        let (process, _) = scripted.asking.pids();
        for _ in 0..2 {
            let refused = scripted.verify("alice", PASSWORD).await;
            assert!(
                matches!(
                    refused,
                    Err(Refusal::Unusable(_) | Refusal::Unavailable(_) | Refusal::Unanswered(_))
                ),
                "{what}: {refused:?}"
            );
        }
        assert!(scripted.asking.directory.is_connected(), "{what} ended the process");
        assert!(std::path::Path::new(&format!("/proc/{process}/fd")).exists(), "{what} ended the process");
    }
}

#[tokio::test]
async fn a_reply_beyond_one_mebibyte_is_not_taken() {
    let scripted = Scripted::new(
        World::with_alice(PASSWORD),
        to_searches(|id| {
            let value = vec![b'x'; (1 << 20) + 1];
            entry(id, "uid=alice,dc=example,dc=org", &[("uid".to_owned(), vec![value])])
        }),
    );
    assert_unavailable(scripted.verify("alice", PASSWORD).await, "more than 1 MiB");
}

#[tokio::test]
async fn an_endless_search_ends_at_its_limit() {
    let many = |id: u32| {
        let entries: Vec<_> = (0..5000)
            .map(|number| entry(id, &format!("uid=alice,ou={number},dc=example,dc=org"), &[]))
            .collect();
        entries.concat()
    };
    let scripted = Scripted::new(World::with_alice(PASSWORD), to_searches(many));
    let began = Instant::now();
    assert_eq!(scripted.verify("alice", PASSWORD).await, Err(Refusal::Ambiguous));
    assert!(began.elapsed() < Duration::from_secs(2));
    // References do not count as entries, so only their number ends the search.
    let scripted = Scripted::configured(
        World::with_alice(PASSWORD),
        to_searches(|id| reference(id, "ldap://elsewhere/").repeat(30_000)),
        |config| config.answer_seconds = 3,
    );
    assert_unavailable(scripted.verify("alice", PASSWORD).await, "");
}

#[tokio::test]
async fn a_reply_that_never_comes_ends_with_the_time() {
    for reply in [Vec::new(), vec![0x30], vec![0x30, 0x83, 0x01, 0, 0, 2]] {
        let scripted = Scripted::configured(
            World::with_alice(PASSWORD),
            to_searches(move |_| reply.clone()),
            |config| {
                (config.connect_seconds, config.answer_seconds) = (1, 1);
            },
        );
        let began = Instant::now();
        assert_unavailable(scripted.verify("alice", PASSWORD).await, "no answer in time");
        let elapsed = began.elapsed();
        assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
    }
}

#[tokio::test]
async fn a_directory_that_sends_us_elsewhere_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let url = format!("ldap://127.0.0.1:{}/dc=example,dc=org", elsewhere.local_addr().unwrap().port());
    let (to_bind, to_search, beside) = (url.clone(), url.clone(), url);
    let refers = [
        Scripted::new(World::with_alice(PASSWORD), move |request| match &request.operation {
            Operation::Bind { dn, .. } if dn != SERVICE => Some(referral(request.id, 0x61, &to_bind)),
            _ => None,
        }),
        Scripted::new(World::with_alice(PASSWORD), to_searches(move |id| referral(id, 0x65, &to_search))),
    ];
    for scripted in refers {
        assert_unavailable(scripted.verify("alice", PASSWORD).await, "");
    }
    // A reference beside an entry is what Active Directory sends; the entry counts.
    let world = World::with_alice(PASSWORD);
    let answers = world.clone();
    let scripted = Scripted::new(world, move |request| match &request.operation {
        Operation::Search { base, .. } if !base.is_empty() => {
            Some([reference(request.id, &beside), answers.answer(request)].concat())
        }
        _ => None,
    });
    assert_eq!(scripted.verify("alice", PASSWORD).await.unwrap().name, "alice");
    let nobody = elsewhere.accept().map(|_| ());
    assert_eq!(nobody.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_search_that_fails_says_so() {
    // 32: nobody is gone only because the service account sees nothing any more.
    for code in [1, 3, 32, 50, 52, 80] {
        let scripted = Scripted::new(World::with_alice(PASSWORD), to_searches(move |id| done(id, code)));
        assert_unavailable(scripted.verify("alice", PASSWORD).await, &format!("rc={code}"));
    }
}
