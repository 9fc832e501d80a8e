//! A working appliance begins nothing: no packet but those of connections that others opened to it, and with a directory
//! TCP to that one address.

use std::net::{SocketAddr, TcpStream, UdpSocket};

use super::capture::{Begun, Capture};
use super::network::in_a_network_of_its_own;
use super::work;
use crate::directory::served::Served;
use crate::support::Demo;
use crate::support::slapd::{GROUPS, PASSWORD, Slapd};

#[test]
fn an_appliance_at_work_begins_no_packet() {
    in_a_network_of_its_own(|| {
        let capture = Capture::begin();
        let demo = Demo::start(1);
        let address = work::address(&demo);
        work::a_day(&demo);
        let (status, _folder) = demo.stop();
        assert!(status.success(), "{status}");
        let seen = capture.end();
        assert_eq!(seen.beyond(&[address]), [] as [&Begun; 0]);
        // That the clients were seen says that the appliance would have been.
        let clients = seen.connections_to(address);
        assert!(clients >= 10, "{clients} connections in {} frames", seen.frames);
        println!(
            "0 packets begun by the appliance; {} frames, {clients} connections of clients",
            seen.frames
        );
    });
}

#[test]
fn with_a_directory_only_the_directory_is_called() {
    in_a_network_of_its_own(|| {
        let slapd = Slapd::start();
        let ldaps = SocketAddr::from(([127, 0, 0, 1], slapd.ldaps));
        let capture = Capture::begin();
        let served = Served::start(&slapd, &map(&slapd)).unwrap();
        let address = served.address();
        served.client().offer_password("person1", PASSWORD).is(200);
        served.client().offer_password("person2", "a wrong password").refuses(401, "sign_in_failed");
        served.kill("@dialler", &["@dialler", "@directory"]);
        drop(served);
        let seen = capture.end();
        assert_eq!(seen.beyond(&[address, ldaps]), [] as [&Begun; 0]);
        let called = seen.connections_to(ldaps);
        assert!(called > 0, "{seen:?}");
        println!("{called} connections to the directory, 0 packets begun to anybody else");
    });
}

pub(super) fn map(slapd: &Slapd) -> String {
    let Slapd { ca, .. } = slapd;
    format!("ca = {ca:?}\n[[directory.map]]\ngroup = \"cn=readers,{GROUPS}\"\nrole = \"analyst\"\n")
}

#[test]
fn whatever_is_begun_is_seen() {
    in_a_network_of_its_own(|| {
        let capture = Capture::begin();
        let [name_server, name_server6] =
            ["192.0.2.53:53", "[2001:db8::53]:53"].map(|text| text.parse().unwrap());
        for (own, other) in [("0.0.0.0:0", name_server), ("[::]:0", name_server6)] {
            UdpSocket::bind(own).unwrap().send_to(b"?", other).unwrap();
        }
        let server: SocketAddr = "203.0.113.7:443".parse().unwrap();
        assert!(TcpStream::connect_timeout(&server, std::time::Duration::from_secs(5)).is_err());
        let seen = capture.end();
        let beyond = seen.beyond(&[]);
        for asked in [name_server, name_server6] {
            assert!(
                beyond.iter().any(|begun| matches!(begun, Begun::Datagram { to, .. } if *to == asked)),
                "{beyond:?}"
            );
        }
        assert_eq!(seen.connections_to(server), 1);
        // The kernel's own words that nobody listens there.
        assert!(
            beyond.iter().any(|begun| matches!(begun, Begun::Other { what, .. } if what == "protocol 1"))
        );
        assert!(seen.beyond(&[server]).len() < beyond.len());
    });
}
