//! Bytes that are no UTF-8, where text is expected: refused in words, and every record of that is a line.

use redoubt_audit::{Record, views};
use redoubt_store::audit_log::{self, Filter};

use super::appliance::House;
use crate::support::Answer;

const JSON: (&str, &str) = ("content-type", "application/json");
/// Never in UTF-8; an overlong slash; half of a pair in UTF-16; a character cut off.
const NO_TEXT: [&[u8]; 4] = [b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf0\x9f\x98"];

/// The records that came of a request.
fn records(house: &House, answer: &Answer) -> Vec<Record> {
    let request = answer.header("x-request-id").unwrap().to_owned();
    let page = house.store.read_blocking(|reader| audit_log::list(reader, &Filter::default(), None, 100));
    let records = page.unwrap().items.into_iter().map(|entry| entry.record);
    records.filter(|record| record.fields().req.as_ref() == Some(&request)).collect()
}

#[track_caller]
fn assert_refused_by(house: &House, answer: Answer, status: u16, code: &str, act: &str) {
    let answer = answer.refuses(status, code);
    let [record] = &records(house, &answer)[..] else { panic!("{act}: not one record") };
    assert_eq!(record.fields().act, act);
    assert_eq!(Record::parse(record.bytes()).unwrap(), *record);
    for line in [views::ocsf(record), views::cef(record), views::rfc5424(record)] {
        assert!(!line.contains(char::is_control) && !line.contains(char::REPLACEMENT_CHARACTER), "{line:?}");
    }
}

#[test]
fn a_header_that_is_no_text_is_refused_and_its_record_is_a_line() {
    let house = House::new();
    let client = house.client();
    for no_text in NO_TEXT {
        // Of one source, few are recorded singly within a minute.
        house.clock.advance(61);
        let session = [b"__Host-redoubt=", no_text].concat();
        let answer = client.send_bytes("GET", "/api/v1/me", "cookie", &session);
        assert_refused_by(&house, answer, 401, "not_signed_in", "authorisation.refused");
        let answer = client.send_bytes("GET", "/api/v1/me", "user-agent", no_text);
        assert_refused_by(&house, answer, 401, "not_signed_in", "authorisation.refused");
    }
}

#[test]
fn a_body_or_a_path_that_is_no_text_is_refused() {
    let house = House::new();
    let client = house.analyst("anna");
    for no_text in NO_TEXT {
        let name = [b"{\"username\":\"", no_text, b"\",\"password\":\"x\"}"].concat();
        let answer =
            client.stranger().send("POST", "/api/v1/session", &[JSON], Some(name)).refuses(422, "invalid");
        assert!(answer.json()["title"].as_str().unwrap().contains("unicode"), "{}", answer.text());
        assert!(records(&house, &answer).is_empty(), "nobody's name was tried");
        let escaped: String = no_text.iter().map(|byte| format!("%{byte:02x}")).collect();
        let answer = client.get(&format!("/api/v1/chats/{escaped}"));
        assert_refused_by(&house, answer, 404, "not_found", "authorisation.refused");
    }
    // A lone half of a pair can be spelt in JSON and is no text either.
    let half = br#"{"username":"\ud800","password":"x"}"#.to_vec();
    client.stranger().send("POST", "/api/v1/session", &[JSON], Some(half)).refuses(422, "invalid");
}
