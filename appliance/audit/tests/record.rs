//! Records: what is sealed is what is read, and nothing else is a record.

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use redoubt_audit::catalogue::{self, LOGIN_TOTP, MESSAGE_CREATE, SYSTEM_BOOT};
use redoubt_audit::{
    Actor, Draft, Error, MAX_RECORD_BYTES, ModelRef, Object, Origin, Outcome, Record, Source, Stamp,
    leaf_hash,
};

const FORMAT: &str = include_str!("../FORMAT.md");

fn origin() -> Origin {
    Origin {
        origin: "redoubt/7f3a1c9e-52d0-4b86-9f0e-6a4d2b8c1e35".to_owned(),
        boot: "0b9f8a7e-1d2c-4e3f-8a9b-5c6d7e8f9a0b".to_owned(),
        software: "0.1.0+sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
    }
}

fn stamp() -> Stamp {
    Stamp { seq: 1042, time_us: 1_795_422_350_123_456, mono_us: 123_456_789 }
}

/// The example of FORMAT.md.
fn refused_code() -> Draft {
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
    Draft::new(LOGIN_TOTP, Outcome::Deny, actor)
        .reason("replay")
        .source(source)
        .request("5f8b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d")
        .data("failures", 2_u32)
}

fn nobody(name: &str) -> Draft {
    Draft::new(LOGIN_TOTP, Outcome::Deny, Actor::nobody(Some(name.to_owned())))
}

#[test]
fn the_example_of_the_format_is_what_sealing_writes() {
    let record = refused_code().seal(&origin(), stamp()).unwrap();
    let text = std::str::from_utf8(record.bytes()).unwrap();
    assert!(FORMAT.contains(&format!("\n{text}\n")), "{text}");
    assert!(FORMAT.contains(&HEXLOWER.encode(&record.leaf())), "{}", HEXLOWER.encode(&record.leaf()));
    assert_eq!(record.leaf(), leaf_hash(record.bytes()));
}

#[test]
fn the_format_names_every_event() {
    for event in catalogue::ALL {
        assert!(FORMAT.contains(&format!("`{}`", event.act())), "{} is not in FORMAT.md", event.act());
    }
}

#[test]
fn a_full_record_is_read_back() {
    let draft = refused_code()
        .object(Object::new("message", "m").owned_by("u"))
        .model(ModelRef { id: "smollm2".to_owned(), sha256: "00".to_owned() })
        .data("chat", "c")
        .data("yes", true)
        .data("list", vec!["a".to_owned(), "\"".to_owned()])
        .data("below", -5_i64);
    let record = draft.seal(&origin(), stamp()).unwrap();
    let read = Record::parse(record.bytes()).unwrap();
    assert_eq!(read, record);
    assert_eq!(read.fields().time, "2026-11-23T08:25:50.123456Z");
    assert_eq!(read.fields().time_us().unwrap(), stamp().time_us);
    assert_eq!(read.fields().obj.as_ref().unwrap().owner.as_deref(), Some("u"));
}

#[test]
fn absent_fields_take_no_bytes() {
    let record = Draft::new(SYSTEM_BOOT, Outcome::Ok, Actor::default()).seal(&origin(), stamp()).unwrap();
    let text = std::str::from_utf8(record.bytes()).unwrap();
    for name in ["reason", "src", "obj", "req", "model", "\"d\"", "roles", "null"] {
        assert!(!text.contains(name), "{name} in {text}");
    }
}

#[test]
fn times_have_six_digits_and_four_digit_years() {
    let sealed = |time_us| nobody("x").seal(&origin(), Stamp { time_us, ..stamp() });
    assert_eq!(sealed(0).unwrap().fields().time, "1970-01-01T00:00:00.000000Z");
    assert_eq!(sealed(-1).unwrap().fields().time, "1969-12-31T23:59:59.999999Z");
    assert_eq!(sealed(253_402_300_799_999_999).unwrap().fields().time, "9999-12-31T23:59:59.999999Z");
    for time_us in [253_402_300_800_000_000, i64::MAX, i64::MIN] {
        assert!(matches!(sealed(time_us), Err(Error::OutOfRange("time"))), "{time_us}");
    }
}

#[test]
fn what_does_not_fit_is_an_error_and_not_a_shorter_record() {
    let long = nobody(&"n".repeat(MAX_RECORD_BYTES)).seal(&origin(), stamp());
    assert!(matches!(long, Err(Error::TooLong(_))));
    let escaped = nobody(&"\u{1}".repeat(MAX_RECORD_BYTES / 5)).seal(&origin(), stamp());
    assert!(matches!(escaped, Err(Error::TooLong(_))));
    let unsafe_number = nobody("x").data("count", u64::MAX).seal(&origin(), stamp());
    assert!(matches!(unsafe_number, Err(Error::OutOfRange(_))));
    let unsafe_seq = nobody("x").seal(&origin(), Stamp { seq: 1 << 53, ..stamp() });
    assert!(matches!(unsafe_seq, Err(Error::OutOfRange(_))));
}

#[test]
fn other_spellings_of_the_same_record_are_refused() {
    let record = refused_code().seal(&origin(), stamp()).unwrap();
    let text = std::str::from_utf8(record.bytes()).unwrap();
    assert!(Record::parse(text.as_bytes()).is_ok());
    let changes = [
        ("a newline at the end", format!("{text}\n")),
        ("trailing bytes", format!("{text}{{}}")),
        ("white space", text.replacen(':', ": ", 1)),
        ("another order", text.replacen("\"v\":1}", "\"x\":1}", 1).replacen('{', "{\"v\":1,", 1)),
        ("a name twice", text.replacen('{', "{\"v\":1,", 1)),
        ("a name twice in d", text.replacen("\"d\":{", "\"d\":{\"failures\":2,", 1)),
        ("an unknown name", text.replacen("\"v\":1", "\"v\":1,\"w\":1", 1)),
        ("null for absent", text.replacen("\"v\":1", "\"model\":null,\"v\":1", 1)),
        ("a fraction", text.replacen("\"failures\":2", "\"failures\":2.0", 1)),
        ("an exponent", text.replacen("\"failures\":2", "\"failures\":2e0", 1)),
        ("a needless escape", text.replacen("mmuster", "\\u006dmuster", 1)),
        ("an escaped slash", text.replacen("redoubt/", "redoubt\\/", 1)),
        ("an empty object", text.replacen("\"d\":{\"failures\":2}", "\"d\":{}", 1)),
        ("another version", text.replacen("\"v\":1", "\"v\":2", 1)),
        ("another outcome", text.replacen("deny", "perhaps", 1)),
        ("a time without digits", text.replacen(".123456Z", "Z", 1)),
        ("a time with an offset", text.replacen(".123456Z", ".123456+00:00", 1)),
        ("a time that is none", text.replacen("2026-11-23", "2026-02-30", 1)),
        ("a port that is none", text.replacen("51544", "65536", 1)),
        ("an event in upper case", text.replacen("login.totp", "Login.totp", 1)),
        ("a byte-order mark", format!("\u{feff}{text}")),
    ];
    for (what, changed) in changes {
        assert_ne!(changed, text, "{what} changes nothing");
        assert!(Record::parse(changed.as_bytes()).is_err(), "{what}: {changed}");
    }
    assert!(Record::parse(b"").is_err());
    assert!(Record::parse(&[text.as_bytes(), &[0xff]].concat()).is_err());
    assert!(Record::parse("[".repeat(10_000).as_bytes()).is_err(), "deep nesting");
}

#[test]
fn an_event_of_a_later_catalogue_is_still_a_record() {
    let record = refused_code().seal(&origin(), stamp()).unwrap();
    let later = std::str::from_utf8(record.bytes()).unwrap().replacen("login.totp", "login.passkey", 1);
    assert_eq!(Record::parse(later.as_bytes()).unwrap().fields().act, "login.passkey");
}

#[test]
fn every_changed_bit_is_refused_or_changes_the_leaf() {
    let record = nobody("x").seal(&origin(), stamp()).unwrap();
    for bit in 0..record.bytes().len() * 8 {
        let mut bytes = record.bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(changed) = Record::parse(&bytes) {
            assert_ne!(changed.leaf(), record.leaf());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// CVE-2023-6484 is a log that a user name could write lines into.
    #[test]
    fn cve_2023_6484_hostile_names_stay_on_one_line_and_come_back_equal(
        name in "(\\PC|[\n\r\t\u{0}\u{1b}\u{7f}\u{85}\u{2028}\u{2029}\"\\\\|=\\[\\]{}]){0,200}",
        agent in any::<String>(),
    ) {
        let record = nobody(&name).data("agent", agent.clone()).seal(&origin(), stamp()).unwrap();
        prop_assert!(record.bytes().iter().all(|byte| *byte >= b' '));
        let read = Record::parse(record.bytes()).unwrap();
        prop_assert_eq!(read.fields().actor.name.as_deref(), Some(name.as_str()));
        prop_assert_eq!(&read.fields().d["agent"], &redoubt_audit::Value::from(agent));
        prop_assert_eq!(read.leaf(), record.leaf());
    }

    #[test]
    fn all_that_the_parser_accepts_is_canonical(
        at in any::<prop::sample::Index>(), removed in 0_usize..4,
        inserted in prop::collection::vec(prop::sample::select(b"{}[]\":,.0123456789eE+-\\un al\n\xc3\xff".to_vec()), 0..4),
    ) {
        let mut bytes = refused_code().seal(&origin(), stamp()).unwrap().bytes().to_vec();
        let start = at.index(bytes.len());
        let end = bytes.len().min(start + removed);
        bytes.splice(start..end, inserted);
        if let Ok(record) = Record::parse(&bytes) {
            let again = Record::parse(record.bytes()).unwrap();
            prop_assert_eq!(record.bytes(), &bytes[..]);
            prop_assert_eq!(again.leaf(), leaf_hash(&bytes));
        }
    }

    #[test]
    fn records_are_canonical_whatever_they_say(number in -(1_i64 << 53) + 1..(1_i64 << 53), text in any::<String>()) {
        let draft = Draft::new(MESSAGE_CREATE, Outcome::Ok, Actor::system())
            .object(Object::new("message", text.clone()))
            .data("n", number)
            .data("list", vec![text]);
        let record = draft.seal(&origin(), stamp()).unwrap();
        prop_assert_eq!(Record::parse(record.bytes()).unwrap(), record);
    }
}
