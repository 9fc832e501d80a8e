//! Servers that are down, in every way that there is: an answer comes within three seconds, from another server if one
//! is there.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::asking::{Asking, assert_unavailable, good_certificate};
use crate::support::hostile_ldap::{Before, Hostile, World};
use crate::support::slapd::{PASSWORD, Slapd, free_ports};

const LONGEST: Duration = Duration::from_secs(3);

/// A listener whose queue is full drops further connections, as a firewall does.
struct BlackHole {
    listener: TcpListener,
    _queued: Vec<std::io::Result<std::net::TcpStream>>,
}

impl BlackHole {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = |_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(50));
        let queued = (0..4).map(connect).collect();
        Self { listener, _queued: queued }
    }

    fn url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.listener.local_addr().unwrap().port())
    }
}

#[tokio::test]
async fn a_directory_that_is_down_answers_within_three_seconds() {
    let (_folder, ca, issued) = good_certificate();
    let [nobody] = free_ports();
    let refused = format!("ldaps://127.0.0.1:{nobody}");
    let silent = Hostile::start(Before::Silent, &issued, World::default());
    let hole = BlackHole::new();
    let downs = [
        vec![refused.clone()],
        vec![silent.url().replace("ldap://", "ldaps://")],
        vec![silent.url()],
        vec![hole.url()],
        vec![hole.url(), silent.url(), refused.clone(), hole.url()],
        vec!["ldaps://no-such-name".to_owned()],
    ];
    for urls in downs {
        let asking = Asking::servers(&urls, &ca, "", |_| {});
        for _ in 0..2 {
            let began = Instant::now();
            assert_unavailable(asking.verify("alice", PASSWORD).await, "");
            let elapsed = began.elapsed();
            assert!(elapsed < LONGEST, "{urls:?}: {elapsed:?}");
        }
    }
}

#[tokio::test]
async fn another_server_takes_over_and_is_remembered() {
    let mut first = Slapd::start();
    let (_folder, ca, issued) = good_certificate();
    // Both authorities in one file, as an operator with two would have it.
    let both = std::fs::read_to_string(&first.ca).unwrap() + &std::fs::read_to_string(&ca).unwrap();
    std::fs::write(&ca, both).unwrap();
    let second = Hostile::start(Before::Ldaps, &issued, World::with_alice(PASSWORD));
    let hole = BlackHole::new();
    let urls = [format!("ldaps://127.0.0.1:{}", first.ldaps), hole.url(), second.url()];
    let asking = Asking::servers(&urls, &ca, "", |_| {});
    assert!(asking.verify("alice", PASSWORD).await.is_ok());
    assert_eq!(second.connections(), 0);
    first.end();
    let began = Instant::now();
    assert!(asking.verify("alice", PASSWORD).await.is_ok());
    assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
    assert!(second.connections() > 0);
    let began = Instant::now();
    assert!(asking.verify("alice", PASSWORD).await.is_ok());
    assert!(
        began.elapsed() < Duration::from_millis(500),
        "it tried the dead ones first: {:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_connection_that_the_server_ended_meanwhile_is_replaced() {
    let (_folder, ca, issued) = good_certificate();
    let server = Hostile::start(Before::Ldaps, &issued, World::with_alice(PASSWORD));
    let asking = Asking::servers(&[server.url()], &ca, "", |_| {});
    assert!(asking.verify("alice", PASSWORD).await.is_ok());
    assert!(asking.verify("alice", PASSWORD).await.is_ok());
    assert_eq!(server.connections(), 1, "a connection is used again");
    server.hang_up();
    assert!(asking.verify("alice", PASSWORD).await.is_ok());
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_test_says_of_each_server_what_is_wrong() {
    let slapd = Slapd::start();
    let [nobody] = free_ports();
    let urls = [
        "ldaps://dc9.example".to_owned(),
        format!("ldaps://127.0.0.1:{nobody}"),
        format!("ldaps://127.0.0.1:{}", slapd.ldaps),
    ];
    let asking = Asking::servers(&urls, &slapd.ca, "", |_| {});
    let report = asking.directory.test(Some("alice")).await;
    assert!(!report.ok);
    let text = serde_json::to_value(&report).unwrap();
    let steps: Vec<_> = text["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["name"].as_str().unwrap().to_owned(), step["ok"].as_bool().unwrap()))
        .collect();
    let expected = [
        ("address", false),
        ("address", true),
        ("connect", false),
        ("address", true),
        ("connect", true),
        ("tls", true),
        ("bind", true),
        ("search", true),
        ("groups", true),
    ];
    assert_eq!(steps, expected.map(|(name, ok)| (name.to_owned(), ok)), "{text}");
    let asking = Asking::slapd(&slapd, |config| config.bind_dn = "cn=nobody,dc=example,dc=org".to_owned());
    let report = asking.directory.test(None).await;
    let last = report.steps.last().unwrap();
    assert!(!last.ok && last.found.contains("the service account is refused"), "{last:?}");
}
