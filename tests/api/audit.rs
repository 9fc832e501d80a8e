//! The records, as an auditor gets them: complete, in order, provable, and without a word of content.

use std::collections::BTreeMap;

use redoubt_audit::{Note, Record, catalogue, proof_text, verify_inclusion};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::support::{Client, await_some, shared};

fn page(auditor: &Client, query: &str) -> Value {
    auditor.get(&format!("/api/v1/audit/records?{query}")).is(200).json()
}

/// The acts of one person, the oldest first.
fn acts(auditor: &Client, actor: &str) -> Vec<String> {
    let page = page(auditor, &format!("actor={actor}&limit=1000"));
    let items = page["items"].as_array().unwrap().iter().rev();
    items.map(|item| item["record"]["act"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_act_is_recorded_in_its_order() {
    let demo = shared();
    let auditor = demo.signed_in("auditor");
    let person = demo.next_analyst();
    let client = demo.sign_in(&person);
    let chat = client.new_chat();
    let path = format!("/api/v1/chats/{chat}");
    client.ask(&chat, "Say yes.");
    client.patch(&path, &json!({"title": "Renamed"})).is(200);
    client.chat(&chat);
    client.get(&format!("{path}/export?format=json")).is(200);
    client.get("/api/v1/search?q=renamed").is(200);
    client.get("/api/v1/audit/records").refuses(403, "forbidden");
    client.delete(&path).is(204);
    client.delete("/api/v1/session").is(204);
    let expected = [
        "totp.enrol",
        "login.password",
        "login.totp",
        "chat.create",
        "message.create",
        "inference.start",
        "inference.end",
        "chat.update",
        "chat.open",
        "chat.export",
        "chat.search",
        "authorisation.refused",
        "chat.delete",
        "logout",
    ];
    let recorded = acts(&auditor, &person.username);
    // The enrolment of a demo's person is the console's act.
    assert_eq!(recorded, expected[1..], "{recorded:?}");
}

/// Hits show titles and words, so whoever gets them is recorded first; what they looked for is nobody's business.
#[test]
fn a_search_is_recorded_with_the_number_of_its_hits() {
    let demo = shared();
    let auditor = demo.signed_in("auditor");
    let person = demo.next_analyst();
    let client = demo.sign_in(&person);
    let chat = client.new_chat();
    client.patch(&format!("/api/v1/chats/{chat}"), &json!({"title": "Ptarmigan"})).is(200);
    for query in ["ptarmigan", "capercaillie", "%20"] {
        client.get(&format!("/api/v1/search?q={query}")).is(200);
    }
    client.get(&format!("/api/v1/search?q={}", "x".repeat(201))).refuses(422, "invalid");
    let searches = page(&auditor, &format!("act=chat.search&actor={}", person.username));
    let told: Vec<&Value> =
        searches["items"].as_array().unwrap().iter().map(|item| &item["record"]["d"]).collect();
    assert_eq!(told, [&json!({"hits": 0}), &json!({"hits": 0}), &json!({"hits": 1})]);
    assert!(!searches.to_string().contains("tarmigan"));
}

#[test]
fn filters_choose_and_cursors_go_on() {
    let demo = shared();
    let auditor = demo.signed_in("auditor");
    demo.client().offer_password("no-such-person", "not the right password").refuses(401, "sign_in_failed");
    let denied = page(&auditor, "act=login.password&outcome=deny&actor=no-such-person");
    assert_eq!(denied["items"][0]["record"]["reason"], "unknown_name");
    let first = page(&auditor, "from=0&to=9&limit=4");
    let seqs = |page: &Value| -> Vec<u64> {
        page["items"].as_array().unwrap().iter().map(|item| item["seq"].as_u64().unwrap()).collect()
    };
    assert_eq!(seqs(&first), [9, 8, 7, 6]);
    let next = page(&auditor, &format!("from=0&to=9&limit=4&cursor={}", first["next"].as_str().unwrap()));
    assert_eq!(seqs(&next), [5, 4, 3, 2]);
    for wrong in ["from=yesterday", "outcome=perhaps", "cursor=x", "acts=login"] {
        auditor.get(&format!("/api/v1/audit/records?{wrong}")).refuses(422, "invalid");
    }
}

/// What was done to one thing, by whomever, and what one person did to it.
#[test]
fn an_object_is_followed_through_the_log() {
    let demo = shared();
    let auditor = demo.signed_in("auditor");
    let person = demo.next_analyst();
    let client = demo.sign_in(&person);
    let chat = client.new_chat();
    client.chat(&chat);
    client.delete(&format!("/api/v1/chats/{chat}")).is(204);
    let acts = |query: &str| -> Vec<String> {
        let items = page(&auditor, &format!("object={chat}{query}"))["items"].take();
        items
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["record"]["act"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(acts(""), ["chat.delete", "chat.open", "chat.create"]);
    assert_eq!(acts(&format!("&actor={}&act=chat.open&outcome=ok", person.username)), ["chat.open"]);
    assert_eq!(acts("&outcome=deny"), [""; 0]);
    assert_eq!(acts("&actor=auditor"), [""; 0]);
}

#[test]
fn every_event_of_the_catalogue_is_explained() {
    let events = shared().signed_in("auditor").get("/api/v1/audit/events").is(200).json();
    let items = events["items"].as_array().unwrap();
    let acts: Vec<&str> = items.iter().map(|item| item["act"].as_str().unwrap()).collect();
    let catalogue: Vec<&str> = catalogue::ALL.iter().map(|event| event.act()).collect();
    assert_eq!(acts, catalogue);
    let totp = items.iter().find(|item| item["act"] == "login.totp").unwrap();
    assert_eq!(totp["meaning"], "A one-time code was tried.");
}

fn hash(text: &Value) -> [u8; 32] {
    let bytes = data_encoding::HEXLOWER.decode(text.as_str().unwrap().as_bytes()).unwrap();
    bytes.try_into().unwrap()
}

/// Checked as an auditor would: the line gives the leaf, the leaf and the hashes give the root that was signed.
#[test]
fn a_record_comes_with_the_proof_that_it_is_in_the_log() {
    let auditor = shared().signed_in("auditor");
    let seq = page(&auditor, "limit=1")["items"][0]["seq"].as_u64().unwrap();
    let path = format!("/api/v1/audit/records/{seq}");
    let whole = await_some("a checkpoint that covers the record", || {
        Some(auditor.get(&path).is(200).json()).filter(|whole| !whole["proof"].is_null())
    });
    let line = whole["line"].as_str().unwrap();
    let record = Record::parse(line.as_bytes()).unwrap();
    assert_eq!(record.fields().seq, seq);
    assert_eq!(whole["record"], serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(hash(&whole["leaf"]), record.leaf());
    let proof = &whole["proof"];
    let note = proof["note"].as_str().unwrap();
    let checkpoint = Note::parse(note.as_bytes()).unwrap().checkpoint().unwrap();
    assert_eq!(checkpoint.size, proof["size"].as_u64().unwrap());
    let hashes: Vec<[u8; 32]> = proof["hashes"].as_array().unwrap().iter().map(hash).collect();
    verify_inclusion(&record.leaf(), seq, checkpoint.size, &hashes, &checkpoint.root).unwrap();
    assert_eq!(proof["file"], proof_text(seq, &hashes, note));
    for missing in ["999999999", "18446744073709551616", "-1", "x"] {
        auditor.get(&format!("/api/v1/audit/records/{missing}")).refuses(404, "not_found");
    }
}

#[test]
fn checkpoints_are_listed_and_each_can_be_kept_on_paper() {
    let auditor = shared().signed_in("auditor");
    let list = |query: &str| auditor.get(&format!("/api/v1/audit/checkpoints{query}")).is(200).json();
    let newest = await_some("a checkpoint", || list("?limit=1")["items"].as_array_mut().unwrap().pop());
    let note = Note::parse(newest["note"].as_str().unwrap().as_bytes()).unwrap();
    let checkpoint = note.checkpoint().unwrap();
    assert_eq!(newest["size"], checkpoint.size);
    assert_eq!(newest["root"], data_encoding::BASE64.encode(&checkpoint.root));
    let kept = auditor.get(&format!("/api/v1/audit/checkpoints/{}", checkpoint.size)).is(200).json();
    assert_eq!(
        [&kept["note"], &kept["root"], &kept["epoch"]],
        [&newest["note"], &newest["root"], &newest["epoch"]]
    );
    assert!(
        kept["qr"]["size"].as_u64().unwrap() > 40 && kept["qr"]["path"].as_str().unwrap().starts_with('M')
    );
    let older = list(&format!("?cursor={}", checkpoint.size));
    let sizes = older["items"].as_array().unwrap().iter().map(|item| item["size"].as_u64().unwrap());
    assert!(sizes.clone().all(|size| size < checkpoint.size) && sizes.is_sorted_by(|a, b| a > b));
    auditor.get("/api/v1/audit/checkpoints/999999999").refuses(404, "not_found");
    auditor.get("/api/v1/audit/checkpoints?cursor=x").refuses(422, "invalid");
}

#[test]
fn whoever_looks_into_the_log_is_in_it() {
    let demo = shared();
    let auditor = demo.signed_in("auditor");
    auditor.get("/api/v1/audit/records?limit=3").is(200);
    auditor.get("/api/v1/audit/records/2").is(200);
    auditor.get("/api/v1/audit/checkpoints").is(200);
    auditor.get("/api/v1/audit/exports").is(200);
    auditor.get("/api/v1/audit/purges").is(200);
    auditor.get("/api/v1/audit/holds").is(200);
    let reads = page(&auditor, "act=audit.read&outcome=ok&limit=1000");
    let told: Vec<&Value> =
        reads["items"].as_array().unwrap().iter().map(|item| &item["record"]["d"]).collect();
    // Others look meanwhile.
    for expected in [json!({"shown": 3, "what": "records"}), json!({"seq": 2, "shown": 1, "what": "record"})]
    {
        assert!(told.contains(&&expected), "{expected}");
    }
    for what in ["checkpoints", "exports", "purges", "holds"] {
        assert!(told.iter().any(|d| d["what"] == what && d["shown"].is_u64()), "{what}");
    }
}

/// Leaf and root as RFC 6962 defines them, from nothing but the records that were handed out.
#[test]
fn leaves_and_root_follow_from_the_records() {
    let auditor = shared().signed_in("auditor");
    let newest = page(&auditor, "limit=1");
    let size = newest["size"].as_u64().unwrap();
    let mut leaves = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = page(&auditor, &format!("to={}&limit=1000{cursor}", size - 1));
        for item in page["items"].as_array().unwrap() {
            let record = Record::parse(item["record"].to_string().as_bytes()).unwrap();
            let leaf = digest(&SHA256, &[b"\0", record.bytes()].concat());
            assert_eq!(item["leaf"], data_encoding::HEXLOWER.encode(leaf.as_ref()));
            leaves.insert(item["seq"].as_u64().unwrap(), <[u8; 32]>::try_from(leaf.as_ref()).unwrap());
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(leaves.keys().copied().eq(0..size), "numbers are missing");
    let root = redoubt_audit::root(&leaves.into_values().collect::<Vec<_>>());
    assert_eq!(newest["root"], data_encoding::HEXLOWER.encode(&root));
}

#[test]
fn no_record_holds_content() {
    const CANARY: &str = "kanarienvogel7c1f";
    let demo = shared();
    let (auditor, client) = (demo.signed_in("auditor"), demo.analyst());
    let chat = client.post("/api/v1/chats", &json!({"title": format!("{CANARY} title")})).is(201).json();
    let id = chat["id"].as_str().unwrap();
    let asked = client.ask(id, &format!("Repeat this word: {CANARY}"));
    client.get(&format!("/api/v1/search?q={CANARY}")).is(200);
    client.patch(&format!("/api/v1/chats/{id}"), &json!({"title": format!("{CANARY} again")})).is(200);
    client.get(&format!("/api/v1/chats/{id}/export?format=markdown")).is(200);
    client.get(&format!("/api/v1/chats/{CANARY}")).refuses(404, "not_found");
    client.stranger().get(&format!("/api/v1/chats/{CANARY}")).refuses(401, "not_signed_in");
    demo.client().offer_password("somebody-else", CANARY).refuses(401, "sign_in_failed");
    client.delete(&format!("/api/v1/chats/{id}")).is(204);
    let records = page(&auditor, "limit=1000")["items"].to_string();
    assert!(records.contains(&asked.answer), "these are not the records of that chat");
    assert!(!records.contains(CANARY));
    assert!(!records.contains("Repeat this word"));
}
