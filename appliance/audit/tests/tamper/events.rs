//! Events of any kind, with what people type: records that differ in every field that may differ.

use redoubt_audit::catalogue::{self, Event};
use redoubt_audit::{Actor, Draft, ModelRef, Object, Outcome, Source};

use crate::random::Random;

/// Events that mean something to a verifier: they happen elsewhere.
const MEANT: [Event; 5] = [
    catalogue::CHECKPOINT,
    catalogue::KEY_ROTATE,
    catalogue::AUDIT_EXPORT,
    catalogue::SYSTEM_CLOCK_STEP,
    catalogue::LOG_RESTORED,
];
const NAMES: [&str; 8] = [
    "mmuster",
    "J\u{f6}rg \u{201e}der Alte\u{201c}",
    "line\nbreak\r\n\u{85}\u{2028}",
    "\u{1b}[31mred\u{1b}[0m",
    "a|b=c\\d]\"e",
    "\u{1f600} \u{fb33}",
    "",
    "{\"act\":\"x\"}",
];
const OBJECTS: [&str; 5] = ["chat", "message", "user", "session", "apikey"];
const NUMBERS: [&str; 3] = ["count", "hits", "failures"];

pub(crate) fn any(random: &mut Random) -> Draft {
    let event = loop {
        let event = random.pick(catalogue::ALL);
        if !MEANT.contains(&event) {
            break event;
        }
    };
    let outcome = random.pick(&[Outcome::Ok, Outcome::Ok, Outcome::Deny, Outcome::Error]);
    let mut draft = Draft::new(event, outcome, actor(random));
    if outcome == Outcome::Deny {
        draft = draft.reason(random.pick(&["replay", "idle", "rights"]));
    }
    if random.once_in(2) {
        draft = draft.source(source(random)).request(random.uuid());
    }
    if random.once_in(2) {
        let object = Object::new(random.pick(&OBJECTS), random.uuid());
        draft = draft.object(if random.once_in(2) { object } else { object.owned_by(random.uuid()) });
    }
    if random.once_in(6) {
        draft = draft.model(ModelRef { id: "small-1b".to_owned(), sha256: random.hex(32) });
    }
    data(random, draft)
}

fn data(random: &mut Random, mut draft: Draft) -> Draft {
    if random.once_in(2) {
        draft = draft.data(random.pick(&NUMBERS), random.within(0..1 << 53));
    }
    if random.once_in(4) {
        draft = draft.data("fields", vec![random.pick(&NAMES).to_owned(), "title".to_owned()]);
    }
    if random.once_in(4) {
        draft = draft.data("workspace", random.pick(&NAMES)).data("away", random.once_in(2));
    }
    draft
}

fn actor(random: &mut Random) -> Actor {
    match random.within(0..5) {
        0 => Actor::system(),
        1 => Actor::nobody(Some(random.pick(&NAMES).to_owned())),
        _ => Actor {
            uid: Some(random.uuid()),
            name: Some(random.pick(&NAMES).to_owned()),
            roles: vec![random.pick(&["admin", "analyst", "auditor"]).to_owned()],
            session: random.once_in(2).then(|| random.hex(8)),
        },
    }
}

fn source(random: &mut Random) -> Source {
    let has_agent = random.once_in(2);
    Source {
        ip: random.pick(&["10.1.2.3", "2001:db8::7", "192.0.2.250"]).to_owned(),
        port: u16::try_from(random.within(0..65_536)).unwrap(),
        tls: random.once_in(2).then(|| "1.3".to_owned()),
        agent_sha256: has_agent.then(|| random.hex(32)),
    }
}
