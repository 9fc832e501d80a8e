//! Ten kinds of wrong certificate: refused before a password is sent, each with a reason that an operator understands.

use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};

use super::asking::{Asking, assert_unavailable};
use crate::support::authority::{Authority, Issued, days_from_now, self_signed};
use crate::support::hostile_ldap::{Before, Hostile, World};

const PASSWORD: &str = "salt marsh, nine herons";
const HOSTS: &str = "127.0.0.1 dc1.example dc1.corp.example\n";
const HERE: [&str; 1] = ["127.0.0.1"];

/// What is wrong, the certificate, the host in the configuration, and a word of the reason.
type Case = (&'static str, Issued, &'static str, &'static str);

fn wrong(authority: &Authority) -> Vec<Case> {
    let address = "127.0.0.1";
    let other = Authority::new("the directory's authority");
    vec![
        (
            "expired",
            authority.issue_with(&HERE, |params| {
                (params.not_before, params.not_after) = (days_from_now(-30), days_from_now(-1));
            }),
            address,
            "has expired",
        ),
        (
            "not yet valid",
            authority.issue_with(&HERE, |params| params.not_before = days_from_now(1)),
            address,
            "not valid yet",
        ),
        ("another name", authority.issue(&["dc2.example"]), "dc1.example", "another name"),
        ("a name for an address", authority.issue(&["dc1.example"]), address, "another name"),
        ("an address for a name", authority.issue(&HERE), "dc1.example", "another name"),
        ("self-signed", self_signed(&HERE), address, "not from the configured authority"),
        ("another authority of the same name", other.issue(&HERE), address, "certificate"),
        (
            "for clients only",
            authority.issue_with(&HERE, |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            }),
            address,
            "not one for servers",
        ),
        (
            "the name in the common name only",
            authority.issue_with(&[], |params| {
                params.distinguished_name.push(rcgen::DnType::CommonName, "dc1.example");
            }),
            "dc1.example",
            "another name",
        ),
        (
            "an authority's",
            authority.issue_with(&HERE, |params| {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            }),
            address,
            "an authority's",
        ),
        (
            "a wildcard for other names",
            authority.issue(&["*.other.example"]),
            "dc1.corp.example",
            "another name",
        ),
    ]
}

#[tokio::test]
async fn cve_2024_5967_no_wrong_certificate_gets_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("the directory's authority");
    let ca = authority.write(folder.path());
    let cases = wrong(&authority);
    assert!(cases.len() >= 10);
    for (what, issued, host, reason) in cases {
        for before in [Before::Ldaps, Before::StartTls] {
            let server = Hostile::start(before, &issued, World::with_alice(PASSWORD));
            let url = server.url().replace("127.0.0.1", host);
            let asking = Asking::servers(&[url], &ca, HOSTS, |_| {});
            assert_unavailable(asking.verify("alice", PASSWORD).await, reason);
            assert_eq!(server.requests(), [], "{what}");
            let plain = server.plain();
            assert!(plain.len() <= 31, "{what}: more than the request for TLS came in the clear");
            let report = asking.directory.test(None).await;
            let failed = report.steps.iter().find(|step| !step.ok).unwrap();
            assert!(
                !report.ok && failed.found.contains(reason) && failed.advice.is_some(),
                "{what}: {failed:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_right_certificate_is_taken_by_address_and_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("the directory's authority");
    let ca = authority.write(folder.path());
    for (names, host) in [
        (["127.0.0.1"], "127.0.0.1"),
        (["dc1.example"], "dc1.example"),
        (["*.corp.example"], "dc1.corp.example"),
    ] {
        let server = Hostile::start(Before::Ldaps, &authority.issue(&names), World::with_alice(PASSWORD));
        let asking = Asking::servers(&[server.url().replace("127.0.0.1", host)], &ca, HOSTS, |_| {});
        assert_eq!(asking.verify("alice", PASSWORD).await.unwrap().name, "alice", "{names:?}");
    }
}
