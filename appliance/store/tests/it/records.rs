//! The audit log: numbered, stamped, filtered, unchangeable.

use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use redoubt_audit::{Actor, Draft, Outcome, Tree, catalogue, root};
use redoubt_store::audit_log::{self, Filter};
use redoubt_store::{Error, OnDurable, Options, Store};

use crate::support::{Place, SECOND_US, START_US};

fn append(store: &Store, draft: Draft) -> u64 {
    store.write_blocking(move |tx| tx.audit(draft)).unwrap()
}

fn boot() -> Draft {
    Draft::new(catalogue::SYSTEM_BOOT, Outcome::Ok, Actor::system())
}

/// Number, event and time of every record, the oldest first.
fn log(store: &Store) -> Vec<(u64, String, i64)> {
    let page =
        store.read_blocking(|reader| audit_log::list(reader, &Filter::default(), None, 1_000)).unwrap();
    let mut log: Vec<_> = page
        .items
        .into_iter()
        .map(|entry| {
            let fields = entry.record.fields();
            (fields.seq, fields.act.clone(), fields.time_us().unwrap())
        })
        .collect();
    log.reverse();
    log
}

#[test]
fn the_stored_tree_is_the_tree_of_the_leaves() {
    let place = Place::new();
    assert_eq!(place.store.read_blocking(audit_log::tree).unwrap(), Tree::new());
    for size in 1..40 {
        append(&place.store, boot());
        place
            .store
            .read_blocking(move |reader| {
                let leaves = audit_log::leaves(reader, 0, size)?;
                assert_eq!(audit_log::size(reader)?, size);
                assert_eq!(leaves.len() as u64, size);
                assert_eq!(audit_log::root(reader)?, root(&leaves));
                assert_eq!(audit_log::leaves(reader, size - 1, size)?, leaves[leaves.len() - 1..]);
                Ok::<_, Error>(())
            })
            .unwrap();
    }
}

#[test]
fn jitter_does_not_take_time_back() {
    let place = Place::new();
    append(&place.store, boot());
    place.clock.step(-1_500_000);
    append(&place.store, boot());
    place.clock.pass(100);
    append(&place.store, boot());
    let boot = "system.boot".to_owned();
    assert_eq!(
        log(&place.store),
        [(0, boot.clone(), START_US), (1, boot.clone(), START_US), (2, boot, START_US)]
    );
    place.assert_intact();
}

#[test]
fn a_step_of_the_clock_is_declared_before_the_next_record() {
    let place = Place::new();
    append(&place.store, boot());
    for step_us in [-3_600 * SECOND_US, 7_200 * SECOND_US] {
        place.clock.step(step_us);
        place.clock.pass(500);
        append(&place.store, boot());
        append(&place.store, boot());
    }
    let acts: Vec<String> = log(&place.store).into_iter().map(|(_, act, _)| act).collect();
    let (boot, step) = ("system.boot", "system.clock_step");
    assert_eq!(acts, [boot, step, boot, boot, step, boot, boot]);
    let steps = place
        .store
        .read_blocking(|reader| {
            let filter = Filter { act: Some("system.clock_step".to_owned()), ..Filter::default() };
            audit_log::list(reader, &filter, None, 10)
        })
        .unwrap();
    let by: Vec<_> = steps.items.iter().map(|entry| entry.record.fields().d["step_us"].clone()).collect();
    assert_eq!(by, [(7_200 * SECOND_US).into(), (-3_600 * SECOND_US).into()]);
    place.assert_intact();
}

#[test]
fn a_step_in_a_job_that_fails_is_declared_by_the_next() {
    let place = Place::new();
    append(&place.store, boot());
    place.clock.step(-60 * SECOND_US);
    let failed = place.store.write_blocking(|tx| {
        tx.audit(boot())?;
        Err::<(), _>(Error::BadCursor)
    });
    assert!(failed.is_err());
    append(&place.store, boot());
    let acts: Vec<String> = log(&place.store).into_iter().map(|(_, act, _)| act).collect();
    assert_eq!(acts, ["system.boot", "system.clock_step", "system.boot"]);
    place.assert_intact();
}

#[test]
fn a_clock_set_back_while_the_appliance_was_off_is_declared_and_a_pause_is_not() {
    let mut place = Place::new();
    append(&place.store, boot());
    place.clock.step(3_600 * SECOND_US);
    place.reopen();
    append(&place.store, boot());
    place.clock.step(-1_800 * SECOND_US);
    place.reopen();
    append(&place.store, boot());
    let acts: Vec<String> = log(&place.store).into_iter().map(|(_, act, _)| act).collect();
    assert_eq!(acts, ["system.boot", "system.boot", "system.clock_step", "system.boot"]);
    place.assert_intact();
}

#[test]
fn filters_narrow_and_pages_follow_each_other() {
    let place = Place::with_alice();
    let by = |name: &str, uid: Option<&str>| Actor {
        uid: uid.map(str::to_owned),
        ..Actor::nobody(Some(name.to_owned()))
    };
    for number in 0..30 {
        place.clock.pass(1_000_000);
        let (outcome, actor) = match number % 3 {
            0 => (Outcome::Ok, by("alice", Some("alice"))),
            1 => (Outcome::Deny, by("mallory", None)),
            _ => (Outcome::Error, Actor::system()),
        };
        append(&place.store, Draft::new(catalogue::LOGIN_TOTP, outcome, actor));
    }
    let numbers = |filter: Filter, cursor: Option<&'static str>, limit: usize| {
        let page =
            place.store.read_blocking(move |reader| audit_log::list(reader, &filter, cursor, limit)).unwrap();
        (page.items.iter().map(|entry| entry.record.fields().seq).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(numbers(Filter::default(), None, 3), (vec![30, 29, 28], Some("28".to_owned())));
    assert_eq!(numbers(Filter::default(), Some("2"), 3), (vec![1, 0], None));
    let filter = Filter { from_seq: Some(5), to_seq: Some(7), ..Filter::default() };
    assert_eq!(numbers(filter, None, 10).0, [7, 6, 5]);
    let filter = Filter {
        from_us: Some(START_US + 2 * SECOND_US),
        to_us: Some(START_US + 3 * SECOND_US),
        ..Filter::default()
    };
    assert_eq!(numbers(filter, None, 10).0, [3, 2]);
    for (actor, count) in [("alice", 10), ("mallory", 10), ("bob", 0)] {
        let filter = Filter { actor: Some(actor.to_owned()), ..Filter::default() };
        assert_eq!(numbers(filter, None, 50).0.len(), count, "{actor}");
    }
    let filter =
        Filter { outcome: Some(Outcome::Deny), act: Some("login.totp".to_owned()), ..Filter::default() };
    assert_eq!(numbers(filter, None, 50).0.len(), 10);
    let filter = Filter { act: Some("user.create".to_owned()), ..Filter::default() };
    assert_eq!(numbers(filter, None, 50).0, [0]);
    let outcome =
        place.store.read_blocking(|reader| audit_log::list(reader, &Filter::default(), Some("x"), 1));
    assert!(matches!(outcome, Err(Error::BadCursor)));
}

/// Where the clock was set, the same time comes twice or never.
#[test]
fn times_are_found_however_the_clock_was_set() {
    let place = Place::new();
    for step in [0, -30, 100, -200, 0, 7] {
        place.clock.step(step * SECOND_US);
        for _ in 0..9 {
            place.clock.pass(1_000_000);
            append(&place.store, boot());
        }
    }
    let log = log(&place.store);
    let offsets = (-220..140).step_by(5).map(|seconds| START_US + seconds * SECOND_US);
    let bounds: Vec<Option<i64>> = offsets.map(Some).chain([None]).collect();
    for from_us in &bounds {
        for to_us in bounds.iter().step_by(3) {
            let passes =
                |time: i64| from_us.is_none_or(|from| from <= time) && to_us.is_none_or(|to| time <= to);
            let expected: Vec<u64> =
                log.iter().rev().filter(|(_, _, time)| passes(*time)).map(|(seq, ..)| *seq).collect();
            let filter = Filter { from_us: *from_us, to_us: *to_us, ..Filter::default() };
            let found =
                place.store.read_blocking(move |reader| audit_log::list(reader, &filter, None, 1_000));
            let found: Vec<u64> =
                found.unwrap().items.iter().map(|entry| entry.record.fields().seq).collect();
            assert_eq!(found, expected, "{from_us:?} to {to_us:?}");
        }
    }
}

#[test]
fn a_record_that_does_not_fit_refuses_its_transaction() {
    let place = Place::new();
    let long = "x".repeat(20_000);
    let outcome = place.store.write_blocking(move |tx| tx.audit(boot().data("long", long)));
    assert!(matches!(outcome, Err(Error::Audit(redoubt_audit::Error::TooLong(_)))), "{outcome:?}");
    assert_eq!(append(&place.store, boot()), 0);
    place.assert_intact();
}

#[test]
fn records_are_told_once_they_are_on_the_disk_each_once_and_in_their_order() {
    const WRITERS: u64 = 8;
    const EACH: u64 = 100;
    let mut place = Place::new();
    place.store.close().unwrap();
    let (told, asked) = (Arc::new(Mutex::new(Vec::new())), Arc::new(OnceLock::<Store>::new()));
    let (telling, asking) = (Arc::clone(&told), Arc::clone(&asked));
    let on_durable = OnDurable::new(move |records| {
        let stored = asking.get().map(|store| store.read_blocking(audit_log::size).unwrap());
        let mut told = telling.lock().unwrap();
        told.extend(records.iter().map(|record| record.fields().seq));
        assert!(stored.is_none_or(|size| told.last() < Some(&size)), "told before it was stored");
    });
    place.reopen_with(Options { on_durable: Some(on_durable), ..place.options() });
    asked.set(place.store.clone()).ok().unwrap();
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                for number in 0..EACH {
                    append(&place.store, boot());
                    // What is rolled back was never written, whatever its batch.
                    let undone = place.store.write_blocking(move |tx| {
                        tx.audit(boot())?;
                        assert!(number % 10 != 0, "a job that breaks off");
                        Err::<(), _>(Error::BadCursor)
                    });
                    assert!(undone.is_err());
                }
            });
        }
    });
    place.store.close().unwrap();
    assert_eq!(*told.lock().unwrap(), (0..WRITERS * EACH).collect::<Vec<_>>());
}
