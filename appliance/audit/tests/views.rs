//! The three other forms of a record: what `FORMAT.md` says they are, and nothing that somebody typed gets out of its place.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod collectors;

use std::time::{Duration, Instant};

use collectors::{breaks_lines, from_plain, read_cef, read_rfc5424};
use data_encoding::HEXLOWER;
use proptest::prelude::*;
use redoubt_audit::catalogue::{
    self, LOGIN_PASSWORD, LOGIN_TOTP, MESSAGE_CREATE, SESSION_REVOKED, SESSION_WORKSPACE, SYSTEM_BOOT,
    USER_DISABLE,
};
use redoubt_audit::views::{cef, ocsf, rfc5424};
use redoubt_audit::{
    Actor, Draft, MAX_RECORD_BYTES, ModelRef, Object, Origin, Outcome, Record, Source, Stamp, canonical_json,
};
use serde_json::{Value as Json, json};

fn origin() -> Origin {
    Origin {
        origin: "redoubt/7f3a1c9e-52d0-4b86-9f0e-6a4d2b8c1e35".to_owned(),
        boot: "0b9f8a7e-1d2c-4e3f-8a9b-5c6d7e8f9a0b".to_owned(),
        software: "0.1.0+sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
    }
}

fn seal(draft: &Draft, seq: u64) -> Record {
    draft.seal(&origin(), Stamp { seq, time_us: 1_795_422_350_123_456, mono_us: 123_456_789 }).unwrap()
}

const FORMAT: &str = include_str!("../FORMAT.md");
/// The longest line of a view that a reader takes, as `FORMAT.md` says.
const MAX_LINE: usize = 131_072;

fn person() -> Actor {
    Actor {
        uid: Some("u-17".to_owned()),
        name: Some("mmuster".to_owned()),
        roles: vec!["analyst".to_owned()],
        session: Some("9e107d9d372bb682".to_owned()),
    }
}

fn event(draft: &Draft) -> Json {
    serde_json::from_str(&ocsf(&seal(draft, 1))).unwrap()
}

#[test]
fn the_examples_of_the_format_are_what_is_derived() {
    let example = FORMAT.lines().find(|line| line.starts_with("{\"act\"")).unwrap();
    let record = Record::parse(example.as_bytes()).unwrap();
    for line in [ocsf(&record), cef(&record), rfc5424(&record)] {
        assert!(FORMAT.contains(&format!("\n{line}\n")), "{line}");
    }
}

#[test]
fn every_event_of_the_catalogue_has_a_class_and_fits_the_header_of_syslog() {
    for known in catalogue::ALL {
        let record = seal(&Draft::new(*known, Outcome::Ok, person()), 1);
        let event: Json = serde_json::from_str(&ocsf(&record)).unwrap();
        let class = event["class_uid"].as_u64().unwrap();
        assert_eq!(
            event["type_uid"],
            json!(class * 100 + event["activity_id"].as_u64().unwrap()),
            "{known:?}"
        );
        assert_eq!(event["category_uid"], json!(class / 1_000));
        assert_eq!(
            event["activity_id"] == json!(99),
            event["activity_name"] == json!(known.act()),
            "{known:?}"
        );
        assert_eq!(read_rfc5424(&rfc5424(&record)).unwrap().header[4], known.act());
    }
}

/// What the schema requires beyond what every event has: OCSF 1.3.0, events/iam and events/application/api.
#[test]
fn no_class_lacks_what_its_schema_requires() {
    let nobody = || Draft::new(LOGIN_PASSWORD, Outcome::Deny, Actor::nobody(None));
    for draft in [nobody(), Draft::new(SYSTEM_BOOT, Outcome::Ok, Actor::system()), ordinary()]
        .into_iter()
        .chain(catalogue::ALL.iter().map(|known| Draft::new(*known, Outcome::Error, Actor::default())))
        .chain([Draft::new(SESSION_WORKSPACE, Outcome::Ok, person()).data("workspace", "w")])
    {
        let event = event(&draft);
        let named = |user: &Json| user["name"].is_string() || user["uid"].is_string();
        match event["class_uid"].as_u64().unwrap() {
            3001 => assert!(named(&event["user"]) && named(&event["actor"]["user"]), "{event}"),
            3002 => assert!(named(&event["user"]) && event["service"]["name"].is_string(), "{event}"),
            3003 => assert!(named(&event["user"]) && event["actor"].is_null(), "{event}"),
            _ => {
                assert!(named(&event["actor"]["user"]) && event["api"]["operation"].is_string(), "{event}");
                let source = &event["src_endpoint"];
                assert!(source["ip"].is_string() || source["uid"].is_string(), "{event}");
            }
        }
    }
}

#[test]
fn an_event_about_an_account_or_a_session_names_whose_it_is() {
    let user = |draft: Draft| event(&draft)["user"].clone();
    let disabled = || Draft::new(USER_DISABLE, Outcome::Ok, person());
    assert_eq!(user(disabled().object(Object::new("user", "u-4"))), json!({"uid": "u-4"}));
    assert_eq!(user(disabled()), json!({"name": "mmuster", "uid": "u-17"}));
    let revoked = |owner| {
        let session = Object::new("session", "s").owned_by(owner);
        Draft::new(SESSION_REVOKED, Outcome::Ok, person()).object(session)
    };
    assert_eq!(user(revoked("u-4")), json!({"uid": "u-4"}));
    assert_eq!(user(revoked("u-17")), json!({"name": "mmuster", "uid": "u-17"}));
    let nobody = Draft::new(LOGIN_PASSWORD, Outcome::Deny, Actor::nobody(None));
    assert_eq!(user(nobody), json!({"name": "unknown", "type_id": 0}));
    let bound = Draft::new(SESSION_WORKSPACE, Outcome::Ok, person()).data("workspace", "w-1");
    assert_eq!(event(&bound)["group"], json!({"type": "workspace", "uid": "w-1"}));
}

#[test]
fn all_of_a_record_is_in_ocsf() {
    let draft = ordinary().model(ModelRef { id: "smollm2".to_owned(), sha256: "00".to_owned() });
    for draft in [
        draft.clone(),
        draft.reason("quota"),
        Draft::new(LOGIN_TOTP, Outcome::Deny, person()).request("r").object(Object::new("user", "u")),
    ] {
        let record = seal(&draft, 7);
        let line = ocsf(&record);
        let record: Json = serde_json::from_slice(record.bytes()).unwrap();
        let mut leaves = Vec::new();
        values(&record, &mut leaves);
        // The time is there in milliseconds, the version of records nowhere.
        for value in leaves.iter().filter(|value| ***value != record["time"] && ***value != record["v"]) {
            assert!(line.contains(&value.to_string()), "{value} in {line}");
        }
    }
}

fn values<'a>(json: &'a Json, found: &mut Vec<&'a Json>) {
    match json {
        Json::Object(members) => members.values().for_each(|value| values(value, found)),
        Json::Array(items) => items.iter().for_each(|value| values(value, found)),
        value => found.push(value),
    }
}

#[test]
fn an_address_of_ipv6_has_a_field_of_its_own_in_cef() {
    let from = |ip: &str| {
        let source = Source { ip: ip.to_owned(), port: 1, tls: None, agent_sha256: None };
        read_cef(&cef(&seal(&ordinary().source(source), 1))).unwrap().extension
    };
    assert_eq!(from("10.1.2.3")["src"], "10.1.2.3");
    let extension = from("fe80::1");
    assert_eq!((extension["c6a2"].as_str(), extension.get("src")), ("fe80::1", None));
}

#[test]
fn a_time_before_1970_and_an_origin_that_is_no_host_name_are_written_by_the_rules() {
    for (origin_text, host) in [
        ("redoubt/a/b", "a/b"),
        ("redoubt", "-"),
        ("redoubt/", "-"),
        ("redoubt/a b", "-"),
        ("redoubt/\u{e9}", "-"),
    ] {
        let origin = Origin { origin: origin_text.to_owned(), ..origin() };
        let record = ordinary().seal(&origin, Stamp { seq: 0, time_us: -1, mono_us: 0 }).unwrap();
        assert_eq!(read_rfc5424(&rfc5424(&record)).unwrap().header[1], host);
        assert_eq!(read_cef(&cef(&record)).unwrap().extension["rt"], "-1");
        assert_eq!(read_cef(&cef(&record)).unwrap().extension["cs6"], origin_text);
    }
}

#[test]
fn the_longest_record_of_the_worst_characters_is_a_line_that_readers_take() {
    for worst in ["\u{7f}", "\u{85}", "\u{2028}", "\u{1}", "\\", "\"", "=", "]", "|"] {
        let escaped = serde_json::to_string(worst).unwrap().len() - 2;
        let text = worst.repeat((MAX_RECORD_BYTES - 500) / escaped);
        for draft in [
            Draft::new(LOGIN_TOTP, Outcome::Deny, Actor::nobody(Some(text.clone()))),
            Draft::new(LOGIN_TOTP, Outcome::Deny, Actor::system()).data("x", text),
        ] {
            let record = seal(&draft, 1);
            for line in [ocsf(&record), cef(&record), rfc5424(&record)] {
                assert!(line.len() <= MAX_LINE, "{worst:?}: {}", line.len());
            }
        }
    }
}

/// What names are made of that were meant to break logs: ends of lines, orders to terminals, what separates fields, and
/// texts that look like the escapes or the fields themselves.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "\n",
        "\r",
        "\r\n",
        "\u{b}",
        "\u{c}",
        "\u{1c}",
        "\u{1d}",
        "\u{1e}",
        "\u{85}",
        "\u{2028}",
        "\u{2029}",
        "\0",
        "\u{7f}",
        "\u{9b}31m",
        "\u{1b}[2J",
        "\u{1b}]0;title\u{7}",
        "|",
        "=",
        "\\",
        "\\\\",
        "]",
        "\"",
        "'",
        " ",
        "  ",
        "\u{301}",
        "\u{202e}",
        "\u{2066}",
        "\u{feff}",
        "\u{fffd}",
        "\u{ffff}",
        "\u{1f600}",
        "\u{10ffff}",
        "\\n",
        "\\u000a",
        "\\u0022",
        "\\|",
        "\\=",
        "\\]",
        " outcome=ok",
        " suser=root cs1=00",
        "|9|",
        "CEF:0|a|b|",
        "\"] [redoubt@32473 seq=\"0",
        "\"} {\"act\":\"x\"}",
        "<104>1 - - - - - -",
        "%0a",
        "&#10;",
        "${jndi:ldap://x}",
        "\u{e2}\u{80}\u{a8}",
        "\u{c2}",
        "a",
    ]);
    prop_oneof![
        9 => prop::collection::vec(prop_oneof![4 => pieces.prop_map(str::to_owned), 1 => any::<String>()], 0..12)
            .prop_map(|pieces| pieces.concat()),
        1 => ("[\n|=\\\\\\]\"\u{2028}]{1,3}", 500..900_usize).prop_map(|(text, times)| text.repeat(times)),
    ]
}

fn data_of(record: &Record) -> Json {
    serde_json::to_value(&record.fields().d).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn cve_2023_6484_hostile_names_stay_in_their_place_in_every_form(
        name in hostile(),
        value in hostile(),
        id in hostile(),
        outcome in prop::sample::select(vec![Outcome::Ok, Outcome::Deny, Outcome::Error]),
        seq in 0_u64..(1 << 53),
    ) {
        let draft = Draft::new(LOGIN_TOTP, outcome, Actor::nobody(Some(name.clone())))
            .object(Object::new("chat", id.clone()))
            .data("agent", value.clone())
            .data("list", vec![value, name.clone()]);
        prop_assume!(draft.seal(&origin(), Stamp { seq, time_us: 0, mono_us: 0 }).is_ok());
        let record = seal(&draft, seq);
        let leaf = HEXLOWER.encode(&record.leaf());
        let (seq, outcome, data) = (seq.to_string(), outcome.as_str(), data_of(&record));
        let json = |plain: &str| serde_json::from_str::<Json>(&from_plain(plain).unwrap()).unwrap();

        let line = cef(&record);
        prop_assert!(!breaks_lines(&line), "{line:?}");
        let read = read_cef(&line).expect("CEF");
        let plain = |key: &str| from_plain(&read.extension[key]).unwrap();
        prop_assert_eq!(&read.header[4..6], &["login.totp", "login.totp"]);
        prop_assert_eq!([plain("suser"), plain("cs2")], [name.clone(), format!("chat {id}")]);
        prop_assert_eq!([&read.extension["externalId"], &read.extension["cs1"]], [&seq, &leaf]);
        prop_assert_eq!((read.extension["outcome"].as_str(), json(&read.extension["cs4"])), (outcome, data.clone()));

        let line = rfc5424(&record);
        prop_assert!(!breaks_lines(&line), "{line:?}");
        let read = read_rfc5424(&line).expect("RFC 5424");
        let plain = |key: &str| from_plain(&read.parameters[key]).unwrap();
        prop_assert_eq!((read.id.as_str(), read.header[4].as_str()), ("redoubt@32473", "login.totp"));
        prop_assert_eq!([plain("name"), plain("id")], [name.clone(), id.clone()]);
        prop_assert_eq!([&read.parameters["seq"], &read.parameters["leaf"]], [&seq, &leaf]);
        prop_assert_eq!((read.parameters["outcome"].as_str(), json(&read.parameters["d"])), (outcome, data.clone()));
        prop_assert!([104 + 6, 104 + 4, 104 + 3].contains(&read.priority));

        let line = ocsf(&record);
        prop_assert!(line.bytes().all(|byte| byte >= b' '));
        let read: Json = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(&canonical_json(&read).unwrap(), line.as_bytes());
        prop_assert_eq!(&read["actor"]["user"]["name"], &json!(name));
        prop_assert_eq!(&read["metadata"]["sequence"], &json!(seq.parse::<u64>().unwrap()));
        prop_assert_eq!([&read["metadata"]["uid"], &read["metadata"]["event_code"]], [&json!(leaf), &json!("login.totp")]);
        prop_assert_eq!([&read["unmapped"]["outcome"], &read["unmapped"]["d"]], [&json!(outcome), &data]);
        prop_assert_eq!(&read["unmapped"]["obj"]["id"], &json!(id));
    }
}

/// What most records are like: about 600 bytes.
fn ordinary() -> Draft {
    let actor = Actor {
        uid: Some("3d6f0e9a-8b7c-4d5e-9f1a-2b3c4d5e6f70".to_owned()),
        name: Some("mmuster".to_owned()),
        roles: vec!["analyst".to_owned()],
        session: Some("9e107d9d372bb682".to_owned()),
    };
    let source = Source {
        ip: "10.1.2.3".to_owned(),
        port: 51544,
        tls: Some("1.3".to_owned()),
        agent_sha256: Some("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".to_owned()),
    };
    Draft::new(MESSAGE_CREATE, Outcome::Ok, actor)
        .source(source)
        .object(Object::new("message", "m-1").owned_by("3d6f0e9a-8b7c-4d5e-9f1a-2b3c4d5e6f70"))
        .request("5f8b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d")
        .data("chat", "c-1")
        .data("count", 2_u32)
}

/// One million records at 10 s and 200 MB on one core is what an auditor is promised; see `FORMAT.md` for what is checked.
#[test]
fn how_long_records_take_to_be_read_checked_and_derived() {
    const BATCH: u64 = 10_000;
    let batches = if std::env::var_os("REDOUBT_LONG").is_some_and(|value| value == "1") { 100 } else { 10 };
    let (mut reading, mut deriving, mut bytes) = (Duration::ZERO, [Duration::ZERO; 3], 0);
    let forms: [fn(&Record) -> String; 3] = [ocsf, cef, rfc5424];
    let draft = ordinary();
    for batch in 0..batches {
        let sealed: Vec<Record> = (batch * BATCH..(batch + 1) * BATCH).map(|seq| seal(&draft, seq)).collect();
        bytes += sealed.iter().map(|record| record.bytes().len()).sum::<usize>();
        let started = Instant::now();
        let intact = sealed
            .iter()
            .all(|record| Record::parse(record.bytes()).is_ok_and(|read| read.leaf() == record.leaf()));
        reading += started.elapsed();
        assert!(intact);
        for (form, deriving) in forms.iter().zip(&mut deriving) {
            let lines: Vec<String> = sealed.iter().map(form).collect();
            let started = Instant::now();
            let equal = sealed.iter().zip(&lines).all(|(record, line)| form(record) == *line);
            *deriving += started.elapsed();
            assert!(equal);
        }
    }
    let records = batches * BATCH;
    println!(
        "{records} records of {} bytes: {reading:?} read, {deriving:?} derived",
        bytes / records as usize
    );
    let million = (reading + deriving.iter().sum::<Duration>()) / u32::try_from(batches).unwrap() * 100;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    println!("one million: {million:?}; {peak}");
}
