//! Certificates in place of passwords, over real connections to a served appliance in its cages, with a real directory.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::served::Served;
use crate::support::authority::Authority;
use crate::support::slapd::{GROUPS, PEOPLE, Slapd};
use crate::support::{Answer, Client, await_some, totp};

/// A little longer than a connection's certificate stands for whoever is at the other end.
const STALE: Duration = Duration::from_secs(11);

/// Puts a list in place of the one before, as operators do.
fn put(lists: &Path, list: &str) {
    fs::write(lists.join(".new"), list).unwrap();
    fs::rename(lists.join(".new"), lists.join("people.crl")).unwrap();
}

fn begin(client: &mut Client) -> Answer {
    let answer = client.post("/api/v1/session/certificate", &json!({}));
    client.keep_cookies(&answer);
    answer
}

#[test]
fn a_card_signs_in_somebody_of_the_directory_until_it_is_revoked() {
    let slapd = Slapd::start();
    // Her password is of no use to her, which does not matter.
    slapd.modify(&format!("dn: uid=bob,{PEOPLE}\nchangetype: modify\nreplace: pwdReset\npwdReset: TRUE\n"));
    let folder = tempfile::tempdir().unwrap();
    let lists = folder.path().join("lists");
    fs::create_dir(&lists).unwrap();
    let cards = Authority::new("people's authority");
    let ca = cards.write(folder.path());
    put(&lists, &cards.revoke(&[], 30));
    let served = Served::start(
        &slapd,
        &format!(
            "ca = {:?}\n[[directory.map]]\ngroup = \"cn=ring7,{GROUPS}\"\nrole = \"analyst\"\n\
             [certificates]\nca = {ca:?}\nrevocation_lists = {lists:?}\nsubject = \"cn\"\n",
            slapd.ca
        ),
    )
    .unwrap();
    let nobody = served.client();
    assert_eq!(nobody.get("/api/v1/appliance").json()["certificates"], true);
    let answer = nobody.post("/api/v1/session/certificate", &json!({})).refuses(401, "certificate_needed");
    assert_eq!(answer.header("connection"), Some("close"), "so that the next one is asked again");

    let bob = cards.issue_person("bob", |_| {});
    let mut client = nobody.showing(&bob);
    let offer = begin(&mut client).is(200).json();
    assert_eq!(offer["next"], "enrol", "{offer}");
    let secret = offer["secret"].as_str().unwrap().to_owned();
    client.offer_code(&totp::code(&secret, totp::present_step())).is(200);
    let me = client.get("/api/v1/me").is(200).json();
    assert_eq!((&me["user"]["username"], &me["session"]["factor"]), (&json!("bob"), &json!("certificate")));

    // The connection is kept, and says nothing about who sits there now.
    thread::sleep(STALE);
    let stale = begin(&mut client).refuses(401, "certificate_stale");
    assert_eq!(stale.header("connection"), Some("close"));
    assert_eq!(begin(&mut client).is(200).json()["next"], "totp");

    // A stranger's card does not keep its holder from the page, and is told from a revoked one.
    let stranger = nobody.showing(&Authority::new("another authority").issue_person("bob", |_| {}));
    stranger.get("/api/v1/appliance").is(200);
    let refused =
        stranger.post("/api/v1/session/certificate", &json!({})).refuses(401, "certificate_refused");
    assert!(refused.json()["title"].as_str().unwrap().contains("authority"), "{}", refused.text());

    // The front is locked in, and sees the new list all the same.
    put(&lists, &cards.revoke(&[7], 30));
    let revoked = nobody.showing(&bob).post("/api/v1/session/certificate", &json!({}));
    assert!(revoked.refuses(401, "certificate_refused").text().contains("revoked"));
    await_some("the end of the session", || (client.get("/api/v1/me").status == 401).then_some(()));
}
