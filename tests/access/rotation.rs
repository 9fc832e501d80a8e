//! Another data key, where there is something of everything that is sealed: codes, archives, the certificate's key.

use std::fs;

use redoubt::http::tls;
use redoubt::unlock::rotate;
use redoubt_audit::Origin;
use redoubt_store::keys::{Description, KeySlots, RecoveryKey, Secret};
use redoubt_store::{Options, Store, archives, totp, users};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use serde_json::json;

use super::appliance::House;
use crate::support::Client;

const DAY: i64 = 24 * 60 * 60;

fn archived(house: &House, alice: &Client) -> String {
    let chat = alice.post("/api/v1/chats", &json!({"title": "The pelican file"})).is(201).json();
    house.clock.advance(31 * DAY);
    let keeps = json!({"retention_days": 30, "retention_action": "archive"});
    house.admin().patch("/api/v1/admin/workspaces/general", &keeps).is(200);
    house.admin().post("/api/v1/admin/retention/run", &json!({})).is(200);
    chat["id"].as_str().unwrap().to_owned()
}

#[test]
fn whatever_is_sealed_opens_by_the_new_key_and_no_more_by_the_old() {
    let house = House::open();
    let alice = house.analyst("alice");
    let chat = archived(&house, &alice);
    let (old, data) = (house.data().join("data"), house.data().join("anew"));
    KeySlots::new("test").save(&old).unwrap();
    let random = SystemRandom::new();
    let secret = Secret::RecoveryKey(RecoveryKey::generate(&random).unwrap());
    let secrets = [(secret, Description::default())];
    let rotated = rotate(&house.store, &old, &data, &secrets, "test", house.clock.clone(), &random).unwrap();
    assert_eq!((rotated.slots, rotated.archives), (1, 1));

    let key = KeySlots::load(&data).unwrap().open(&secrets[0].0).unwrap().0;
    let origin = Origin { origin: "redoubt/test".into(), boot: "boot".into(), software: "test".into() };
    let anew = Store::open(Options::at(data.join("redoubt.db")), key, house.clock.clone(), origin).unwrap();
    let found = chat.clone();
    let (archive, code) = anew
        .read_blocking(move |reader| {
            let alice = users::find_by_name(reader, "alice")?.unwrap();
            Ok::<_, redoubt_store::Error>((
                archives::find(reader, &found)?.unwrap(),
                totp::find(reader, &alice.id)?.unwrap(),
            ))
        })
        .unwrap();
    let sealed = fs::read(data.join("archives").join(&archive.file)).unwrap();
    assert_eq!(data_encoding::HEXLOWER.encode(digest(&SHA256, &sealed).as_ref()), archive.sha256);
    let certificate = fs::read(data.join("tls/server.key.sealed")).unwrap();
    for (purpose, aad, sealed) in [
        ("chat-archive", chat.as_bytes(), &sealed),
        ("totp-secret", code.user_id.as_bytes(), &code.sealed),
        ("tls-key", b"server".as_slice(), &certificate),
    ] {
        anew.unseal(purpose, aad, sealed).unwrap();
        assert!(house.store.unseal(purpose, aad, sealed).is_err(), "{purpose} opens by the old key");
    }
    let unseal = |purpose: &str, aad: &[u8], sealed: &[u8]| anew.unseal(purpose, aad, sealed);
    tls::server_config(&data, &house.app.config.listen, None, unseal).unwrap();
    assert_eq!(anew.check_integrity().unwrap(), Vec::<String>::new());
    anew.close().unwrap();
    // What it was made from is as it was.
    assert_eq!(house.store.check_integrity().unwrap(), Vec::<String>::new());
}
