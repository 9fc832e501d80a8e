//! Searching the audit log: every set of filters finds what it should, and none takes long, however they meet.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use redoubt_audit::{Actor, Draft, Event, Object, Outcome, Record, Source, catalogue};
use redoubt_store::audit_log::{self, Filter};
use redoubt_store::{Error, Store};

use crate::support::{Place, long};

/// A page of the log must be there within this.
const LIMIT: Duration = Duration::from_millis(100);
const OUTCOMES: [Outcome; 3] = [Outcome::Ok, Outcome::Deny, Outcome::Error];
/// Kinds of act, the most frequent first.
const ACTS: usize = 40;
const PERSONS: u64 = 200;
const BATCH: u64 = 10_000;

fn numbers(store: &Store, filter: &Filter, cursor: Option<u64>, limit: usize) -> Vec<u64> {
    let (filter, cursor) = (filter.clone(), cursor.map(|cursor| cursor.to_string()));
    let page = store
        .read_blocking(move |reader| audit_log::list(reader, &filter, cursor.as_deref(), limit))
        .unwrap();
    page.items.iter().map(|entry| entry.record.fields().seq).collect()
}

fn passes(record: &Record, filter: &Filter) -> bool {
    let fields = record.fields();
    let actor = fields.actor.uid.as_ref().or(fields.actor.name.as_ref());
    filter.actor.as_ref().is_none_or(|wanted| actor == Some(wanted))
        && filter.act.as_ref().is_none_or(|wanted| fields.act == *wanted)
        && filter
            .object
            .as_ref()
            .is_none_or(|wanted| fields.obj.as_ref().is_some_and(|obj| obj.id == *wanted))
        && filter.outcome.is_none_or(|wanted| fields.outcome == wanted)
        && filter.from_us.is_none_or(|from| from <= fields.time_us().unwrap())
        && filter.to_us.is_none_or(|to| fields.time_us().unwrap() <= to)
        && filter.from_seq.is_none_or(|from| from <= fields.seq)
        && filter.to_seq.is_none_or(|to| fields.seq <= to)
}

#[derive(Clone, Debug)]
struct Deed {
    actor: usize,
    act: usize,
    object: usize,
    outcome: usize,
    step_s: i64,
}

const NAMES: [&str; 3] = ["", "ada", "bob"];
const OBJECTS: [&str; 2] = ["chat-1", "chat-2"];
const FEW_ACTS: [Event; 3] = [catalogue::CHAT_OPEN, catalogue::CHAT_DELETE, catalogue::LOGOUT];

impl Deed {
    fn draft(&self) -> Draft {
        // One more than there are: nobody, and nothing.
        let actor = match NAMES.get(self.actor) {
            Some(name) => Actor::nobody(Some((*name).to_owned())),
            None => Actor::system(),
        };
        let draft = Draft::new(FEW_ACTS[self.act], OUTCOMES[self.outcome], actor);
        match OBJECTS.get(self.object) {
            Some(id) => draft.object(Object::new("chat", *id)),
            None => draft,
        }
    }
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let steps = prop_oneof![9 => Just(0), 1 => -9_i64..9];
    let deed = (0..=NAMES.len(), 0..FEW_ACTS.len(), 0..=OBJECTS.len(), 0..OUTCOMES.len(), steps)
        .prop_map(|(actor, act, object, outcome, step_s)| Deed { actor, act, object, outcome, step_s });
    prop::collection::vec(deed, 1..60)
}

/// All 24 filters by what was done, and none.
fn filters() -> Vec<Filter> {
    let texts = |texts: &[&str]| -> Vec<Option<String>> {
        [None].into_iter().chain(texts.iter().map(|text| Some((*text).to_owned()))).collect()
    };
    let mut filters = Vec::new();
    for actor in texts(&["", "ada"]) {
        for act in texts(&[FEW_ACTS[0].act()]) {
            for object in texts(&OBJECTS[..1]) {
                for outcome in [None, Some(Outcome::Ok)] {
                    let (actor, act, object) = (actor.clone(), act.clone(), object.clone());
                    filters.push(Filter { actor, act, object, outcome, ..Filter::default() });
                }
            }
        }
    }
    filters
}

#[test]
fn every_set_of_filters_finds_what_looking_at_each_record_finds() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(16));
    runner
        .run(&(deeds(), 0_u64..40, -30_i64..30), |(deeds, seq, second)| {
            let place = Place::new();
            let start = redoubt_store::Clock::now_us(&*place.clock);
            for deed in deeds {
                place.clock.step(deed.step_s * 1_000_000);
                place.clock.pass(1_000_000);
                place.store.write_blocking(move |tx| tx.audit(deed.draft())).unwrap();
            }
            let all =
                place.store.read_blocking(|reader| audit_log::list(reader, &Filter::default(), None, 1_000));
            let all = all.unwrap().items;
            let time = Some(start + second * 1_000_000);
            for filter in filters() {
                for filter in [
                    filter.clone(),
                    Filter { from_us: time, ..filter.clone() },
                    Filter { to_us: time, from_seq: Some(3), ..filter.clone() },
                    Filter { from_us: time, to_us: time, ..filter.clone() },
                    Filter { from_seq: Some(4), to_seq: Some(seq), ..filter },
                ] {
                    let expected: Vec<u64> = all
                        .iter()
                        .filter(|entry| passes(&entry.record, &filter))
                        .map(|entry| entry.record.fields().seq)
                        .collect();
                    prop_assert_eq!(&numbers(&place.store, &filter, None, 1_000), &expected, "{:?}", &filter);
                    let (first, rest) = expected.split_at(expected.len().min(5));
                    prop_assert_eq!(numbers(&place.store, &filter, None, 5), first);
                    let cursor = first.last().copied().unwrap_or_default();
                    prop_assert_eq!(numbers(&place.store, &filter, Some(cursor), 1_000), rest);
                }
            }
            Ok(())
        })
        .unwrap();
}

/// The same for the same number, without a pattern that the log could follow.
fn scattered(number: u64) -> u64 {
    (number ^ 0x9E37_79B9_7F4A_7C15)
        .wrapping_mul(0xD6E8_FEB8_6659_FD93)
        .rotate_left(29)
        .wrapping_mul(0x2545_F491_4F6C_DD1D)
        >> 8
}

fn id(kind: u64, number: u64) -> String {
    let (high, low) = (scattered(kind * 1_000_003 + number), scattered(number * 7 + kind));
    format!(
        "{:08x}-{:04x}-4{:03x}-9{:03x}-{:012x}",
        high & 0xffff_ffff,
        high >> 32 & 0xffff,
        kind,
        number & 0xfff,
        low & 0xffff_ffff_ffff
    )
}

fn person(number: u64) -> String {
    id(1, number)
}

/// A record of a year of 200 persons. A tenth is a program's, whose requests are refused for its quota; two persons come
/// ten times in 100,000; person 0, of whom a fifth of the rest is, never does the most frequent act.
fn deed(number: u64) -> Draft {
    let dice = scattered(number);
    let program = dice.is_multiple_of(10);
    let rare = number % 100_000 < 10;
    let who = match dice / 10 % 5 {
        _ if rare => PERSONS + number % 2,
        _ if program => 1,
        0 => 0,
        _ => dice / 50 % PERSONS,
    };
    let mut act = (0..ACTS - 1).find(|act| dice >> (8 + act) & 7 < 2).unwrap_or(ACTS - 1);
    if who == 0 && act == 0 {
        act = 1;
    }
    let outcome = match dice / 7 % 1000 {
        _ if program => Outcome::Deny,
        0 => Outcome::Error,
        1..30 => Outcome::Deny,
        _ => Outcome::Ok,
    };
    let (event, object) = if program {
        (catalogue::INFERENCE_START, Object::new("apikey", id(2, 0)))
    } else {
        (catalogue::ALL[act], Object::new("chat", id(3, who * 50 + dice / 11 % 50)))
    };
    let actor = Actor {
        uid: Some(person(who)),
        name: Some(format!("person.{who}")),
        roles: vec!["analyst".to_owned()],
        session: Some(format!("{dice:016x}")),
    };
    let source = Source {
        ip: format!("10.1.{}.{}", who / 200, who % 200),
        port: 50_000,
        tls: Some("1.3".to_owned()),
        agent_sha256: Some("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".to_owned()),
    };
    Draft::new(event, outcome, actor)
        .object(object.owned_by(person(who)))
        .source(source)
        .request(id(4, number))
}

fn fill(place: &Place, size: u64) {
    for batch in 0..size / BATCH {
        place.clock.pass(1_000_000);
        let written = place.store.write_blocking(move |tx| {
            for number in batch * BATCH..(batch + 1) * BATCH {
                tx.audit(deed(number))?;
            }
            Ok::<_, Error>(())
        });
        written.unwrap();
    }
}

/// What is asked for: frequent, rare, never there, and what is frequent by itself and never meets another.
fn questions() -> Vec<Filter> {
    let optional = |texts: Vec<String>| -> Vec<Option<String>> {
        [None].into_iter().chain(texts.into_iter().map(Some)).collect()
    };
    let acts = [catalogue::ALL[0], catalogue::ALL[1], catalogue::ALL[ACTS - 1], catalogue::INFERENCE_START];
    let acts = optional(acts.iter().map(|event| event.act().to_owned()).collect());
    let actors = optional([0, 1, 7, PERSONS, 999].map(person).to_vec());
    let objects = optional(vec![id(2, 0), id(3, 7), id(3, 60_000)]);
    let mut questions = Vec::new();
    for actor in &actors {
        for act in &acts {
            for object in &objects {
                for outcome in [None, Some(Outcome::Ok), Some(Outcome::Deny), Some(Outcome::Error)] {
                    let (actor, act, object) = (actor.clone(), act.clone(), object.clone());
                    questions.push(Filter { actor, act, object, outcome, ..Filter::default() });
                }
            }
        }
    }
    questions
}

fn name(filter: &Filter) -> String {
    let asked = [
        ("actor", filter.actor.is_some()),
        ("act", filter.act.is_some()),
        ("object", filter.object.is_some()),
        ("outcome", filter.outcome.is_some()),
    ];
    let asked: Vec<&str> = asked.into_iter().filter(|(_, asked)| *asked).map(|(name, _)| name).collect();
    if asked.is_empty() { "nothing".to_owned() } else { asked.join(" + ") }
}

/// The best of three: what else the machine does is not the search's.
fn time(store: &Store, filter: &Filter, cursor: Option<u64>) -> Duration {
    let once = || {
        let started = Instant::now();
        numbers(store, filter, cursor, 100);
        started.elapsed()
    };
    (0..3).map(|_| once()).min().unwrap()
}

/// A million records in a long run (`REDOUBT_LONG=1`), a tenth in a normal one; read the numbers with `--nocapture`.
#[test]
fn how_long_a_search_of_the_log_takes() {
    let place = Place::new();
    let size = if long() { 1_000_000 } else { 100_000 };
    let started = Instant::now();
    fill(&place, size);
    println!("{size} records written in {:?}", started.elapsed());
    let mut slowest = BTreeMap::new();
    for question in questions() {
        let found = numbers(&place.store, &question, None, 1_000).len();
        for cursor in [None, Some(size / 10)] {
            let narrow = Filter { from_seq: Some(size / 20), ..question.clone() };
            let took = time(&place.store, &question, cursor).max(time(&place.store, &narrow, cursor));
            let known = slowest.entry(name(&question)).or_insert((took, found));
            *known = (*known).max((took, found));
        }
    }
    for (asked, (took, found)) in &slowest {
        println!("{asked}: {took:?} at most, with {found} found");
    }
    let (asked, (took, _)) = slowest.iter().max_by_key(|(_, (took, _))| *took).unwrap();
    assert!(*took <= LIMIT, "{asked} took {took:?}");
}
