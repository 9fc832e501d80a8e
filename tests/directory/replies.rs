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

#[tokio::test]
async fn cve_2026_9801_a_malformed_reply_ends_one_question_and_nothing_else() {
    let deep = |id| {
        let nested = (0..50_000).fold(Vec::new(), |inner, _| {
            let mut outer = vec![0x30, 0x84];
            outer.extend(u32::try_from(inner.len()).unwrap().to_be_bytes());
            if outer.len() + inner.len() > 900_000 { inner } else { [outer, inner].concat() }
        });
        message(id, &element(0x64, &nested))
    };
    let nested = deep(2);
    let cases: Vec<(&str, Box<dyn Fn(u32) -> Vec<u8> + Send + Sync>)> = vec![
        ("no LDAP at all", Box::new(|_| b"HTTP/1.1 200 OK\r\n\r\n".to_vec())),
        ("an indefinite length", Box::new(|_| vec![0x30, 0x80, 2, 1, 2, 0, 0])),
        ("a length of 4 GiB", Box::new(|_| vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff])),
        ("an empty message", Box::new(|_| vec![0x30, 0])),
        ("a message without an operation", Box::new(|id| message(id, b""))),
        (
            "an entry without attributes",
            Box::new(|id| message(id, &element(0x64, &element(4, b"uid=alice")))),
        ),
        (
            "an entry whose name is no text",
            Box::new(|id| {
                message(id, &element(0x64, &[element(4, b"\xff\xfe"), element(0x30, b"")].concat()))
            }),
        ),
        ("a result without a code", Box::new(|id| message(id, &element(0x65, b"")))),
        ("a result whose code is a text", Box::new(|id| message(id, &element(0x65, &element(4, b"0"))))),
        ("a bind's answer to a search", Box::new(|id| bind(id, 0, ""))),
        ("an intermediate answer", Box::new(|id| message(id, &element(0x79, b"")))),
        ("a request", Box::new(|id| message(id, &element(0x63, b"")))),
        ("an operation that does not exist", Box::new(|id| message(id, &element(0x7e, b"")))),
        ("nesting without an end", Box::new(move |_| nested.clone())),
        ("many empty elements", Box::new(|id| message(id, &element(0x64, &[4, 0].repeat(400_000))))),
        (
            "a control that is none",
            Box::new(|id| {
                element(
                    0x30,
                    &[
                        &[2, 4][..],
                        &id.to_be_bytes(),
                        &element(0x65, &[10, 1, 0, 4, 0, 4, 0]),
                        &element(0xa0, &element(0x30, b"")),
                    ]
                    .concat(),
                )
            }),
        ),
        ("nothing asked for", Box::new(|_| message(0, &element(0x65, &[10, 1, 0, 4, 0, 4, 0])))),
    ];
    for (what, reply) in cases {
        let scripted = Scripted::configured(World::with_alice(PASSWORD), to_searches(reply), |config| {
            (config.connect_seconds, config.answer_seconds) = (1, 1);
        });
        let process = scripted.asking.pids();
        let refused = scripted.verify("alice", PASSWORD).await;
        assert!(matches!(refused, Err(Refusal::Unavailable(_))), "{what}: {refused:?}");
        assert_eq!(scripted.verify("alice", PASSWORD).await.is_ok(), false, "{what}");
        assert!(scripted.asking.directory.is_connected(), "{what} ended the process");
        assert_eq!(scripted.asking.pids(), process);
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
        assert!(elapsed < Duration::from_millis(1500), "{elapsed:?}");
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
    for code in [1, 3, 50, 52, 80] {
        let scripted = Scripted::new(World::with_alice(PASSWORD), to_searches(move |id| done(id, code)));
        assert_unavailable(scripted.verify("alice", PASSWORD).await, &format!("rc={code}"));
    }
}
