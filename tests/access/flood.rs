//! A flood of refused requests from outside: the log grows little, and a person's sign-in stands in it by itself.
//!
//! 5 seconds; with `REDOUBT_LONG=1` a minute.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use redoubt::http::MAX_CONNECTIONS_PER_ADDRESS;
use redoubt_store::audit_log::{self, Filter};
use redoubt_store::users::Role;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;

use super::appliance::{House, block_on};
use crate::support::long;

const THREADS: u8 = 4;
/// Addresses of this machine from which each thread asks in turn.
const SOURCES: u8 = 60;
/// What a minute may add to the log.
const MOST_BYTES: usize = 1_000_000;

/// Requests on one connection, from an address of one's own.
struct Stranger(BufReader<StreamOwned<ClientConnection, TcpStream>>);

impl Stranger {
    fn connect(from: Ipv4Addr, to: SocketAddr, ca: &Path) -> Self {
        let raw = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&raw, &SocketAddrV4::new(from, 0)).unwrap();
        connect(&raw, &to).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        Self(BufReader::new(StreamOwned::new(tls, raw.into())))
    }

    /// The status of the answer.
    fn ask(&mut self, head: &str, body: &str) -> u16 {
        let length = body.len();
        let request = format!(
            "{head}\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            status = status.or_else(|| line.split(' ').nth(1)?.parse().ok());
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
        }
        self.0.read_exact(&mut vec![0; length]).unwrap();
        status.unwrap()
    }

    /// Whether the connection ends instead of an answer.
    fn is_hung_up_on(&mut self) -> bool {
        let asked = self.0.get_mut().write_all(b"GET /api/v1/me HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
        asked.is_err() || !matches!(self.0.read(&mut [0]), Ok(1))
    }
}

/// Refused requests of every kind until told to stop; how many there were.
fn flood(to: SocketAddr, ca: &Path, thread: u8, over: &AtomicBool) -> usize {
    let mut refused = 0;
    while !over.load(Ordering::SeqCst) {
        let mut stranger = Stranger::connect(
            Ipv4Addr::new(127, 0, thread + 1, (refused / 25 % usize::from(SOURCES)) as u8 + 1),
            to,
            ca,
        );
        for round in 0..25 {
            // The longest that a typed name may be, and every time another.
            let name = format!("{thread}-{refused}-{}", "\u{1f512}".repeat(120));
            let sign_in = format!("{{\"username\":\"{name}\",\"password\":\"a wrong password\"}}");
            let (head, body) = match round {
                0 => ("POST /api/v1/session HTTP/1.1", sign_in.as_str()),
                number if number % 4 == 0 => ("GET /api/v1/me HTTP/1.1", ""),
                number if number % 4 == 1 => ("GET /api/v1/chats/0 HTTP/1.1", ""),
                number if number % 4 == 2 => ("GET /v1/models HTTP/1.1\r\nauthorization: Bearer rk-none", ""),
                _ => ("GET /api/v1/nowhere HTTP/1.1", ""),
            };
            let status = stranger.ask(head, body);
            assert!([401, 404, 429].contains(&status), "{head}: {status}");
            refused += 1;
        }
    }
    refused
}

/// How many bytes the records take, and how many there are.
fn size(house: &House) -> (usize, usize) {
    let (mut bytes, mut records, mut cursor) = (0, 0, None);
    loop {
        let list = move |reader: &redoubt_store::Reader| {
            audit_log::list(reader, &Filter::default(), Option::as_deref(&cursor), 1000)
        };
        let page = house.store.read_blocking(list).unwrap();
        bytes += page.items.iter().map(|entry| entry.record.bytes().len()).sum::<usize>();
        records += page.items.len();
        cursor = page.next;
        if cursor.is_none() {
            return (bytes, records);
        }
    }
}

#[test]
fn a_flood_of_refusals_takes_little_of_the_log_and_hides_nobody() {
    let house = House::new();
    house.person("alice", Role::Analyst);
    let ca = redoubt::http::tls::ca_path(&house.data().join("data"));
    assert!(fs::exists(&ca).unwrap());
    let (bytes, records) = size(&house);
    let over = AtomicBool::new(false);
    let refused: usize = thread::scope(|scope| {
        let (address, ca, over) = (house.address(), &ca, &over);
        let floods: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || flood(address, ca, thread, over))).collect();
        let half = Duration::from_millis(if long() { 30_000 } else { 2_500 });
        thread::sleep(half);
        house.client().offer_password("alice", "not her password").is(401);
        house.analyst("alice").get("/api/v1/me").is(200);
        thread::sleep(half);
        over.store(true, Ordering::SeqCst);
        floods.into_iter().map(|flood| flood.join().unwrap()).sum()
    });
    house.clock.advance(60);
    block_on(house.app.tidy()).unwrap();
    let (grown, added) = size(&house);
    let (grown, added) = (grown - bytes, added - records);
    println!("{refused} refused requests of a minute are {added} records of {grown} bytes");
    assert!(refused > 500, "{refused} are no flood");
    assert!(grown < MOST_BYTES, "{grown} bytes");

    let alice = house.person("alice", Role::Analyst).id;
    let of_alice = |act: &str| {
        house
            .log(act)
            .iter()
            .filter(|record| record["actor"]["uid"] == alice.as_str())
            .map(|record| record["outcome"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of_alice("login.password"), ["deny", "ok"], "by themselves, in the middle of it");
    assert_eq!(of_alice("login.totp"), ["ok"]);
    let counted: u64 =
        house.log("refusals.summary").iter().map(|record| record["d"]["count"].as_u64().unwrap()).sum();
    assert!(counted > refused as u64 / 2, "{counted} of {refused} were counted");
}

/// How many attempts to sign in a source has is configured; whatever it sends beyond that is not looked at.
#[test]
fn a_source_that_tries_too_often_waits_for_the_next_minute_and_is_recorded_once() {
    let house = House::with(|config| config.sign_in.attempts_per_minute = 15);
    house.person("alice", Role::Analyst);
    let mut stranger = house.client();
    // More than are recorded singly.
    for attempt in 0..15 {
        stranger.offer_password(&format!("nobody {attempt}"), "a wrong password").is(401);
    }
    for _ in 0..7 {
        let refused = stranger.offer_password("alice", "a wrong password").refuses(429, "locked");
        let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    stranger.offer_code("000000").refuses(429, "locked");
    let limited = house.log("login.rate_limit");
    assert_eq!(limited.len(), 1, "{limited:?}");
    assert_eq!((&limited[0]["reason"], &limited[0]["d"]), (&json!("attempts"), &json!({"limit": 15})));
    assert_eq!((&limited[0]["outcome"], &limited[0]["src"]["ip"]), (&json!("deny"), &json!("127.0.0.1")));
    assert_eq!(house.log("login.password").len(), 10, "no password was looked at beyond that");

    house.clock.advance(60);
    house.analyst("alice").get("/api/v1/me").is(200);
    block_on(house.app.tidy()).unwrap();
    let counted = house.log("refusals.summary");
    assert_eq!((counted.len(), &counted[0]["d"]["count"]), (1, &json!(12)), "{counted:?}");
}

#[test]
fn a_source_with_too_many_connections_is_recorded_once_a_minute() {
    let house = House::new();
    let ca = redoubt::http::tls::ca_path(&house.data().join("data"));
    let from = Ipv4Addr::new(127, 0, 9, 9);
    let mut held = Vec::new();
    for _ in 0..MAX_CONNECTIONS_PER_ADDRESS {
        let mut stranger = Stranger::connect(from, house.address(), &ca);
        assert_eq!(stranger.ask("GET /api/v1/me HTTP/1.1", ""), 401);
        held.push(stranger);
    }
    for _ in 0..3 {
        let mut crowded = Stranger::connect(from, house.address(), &ca);
        assert!(crowded.is_hung_up_on());
    }
    block_on(house.app.tidy()).unwrap();
    let limited = house.log("login.rate_limit");
    assert_eq!(limited.len(), 1, "{limited:?}");
    assert_eq!(limited[0]["reason"], "connections");
    assert_eq!(limited[0]["d"], json!({"ip": "127.0.9.9", "limit": MAX_CONNECTIONS_PER_ADDRESS}));
    drop(held);
}
