//! Writes: together in one commit, apart in their failures, never past the deadline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use redoubt_audit::{Actor, Draft, Outcome, catalogue};
use redoubt_store::{Error, Options, Store, audit_log, chats, users};

use crate::support::{Place, TestClock, insert_chat, insert_user, origin, question, scope};

/// Keeps the writer busy until the returned end is dropped, so that what follows meets in one commit.
fn hold_writer(store: &Store) -> (mpsc::Sender<()>, thread::JoinHandle<Result<(), Error>>) {
    let (release, released) = mpsc::channel();
    let (begin, began) = mpsc::channel();
    let store = store.clone();
    let holder = thread::spawn(move || {
        store.write_blocking(move |_| {
            begin.send(()).unwrap();
            let _ = released.recv();
            Ok(())
        })
    });
    began.recv().unwrap();
    (release, holder)
}

fn refused() -> Draft {
    Draft::new(catalogue::AUTHORISATION_REFUSED, Outcome::Deny, Actor::nobody(None))
}

#[test]
fn many_writers_share_commits_and_every_record_has_its_own_number() {
    const WRITERS: u64 = 32;
    const WRITES: u64 = 25;
    let place = Place::new();
    let start = Arc::new(Barrier::new(WRITERS as usize));
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (store, start) = (place.store.clone(), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                (0..WRITES)
                    .map(|_| store.write_blocking(|tx| tx.audit(refused())).unwrap())
                    .collect::<Vec<u64>>()
            })
        })
        .collect();
    let mut numbers: Vec<u64> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..WRITERS * WRITES).collect::<Vec<_>>());
    let stats = place.store.stats();
    assert_eq!(stats.jobs, WRITERS * WRITES);
    assert!(stats.commits * 2 < stats.jobs, "{stats:?}");
    place.assert_intact();
}

#[test]
fn a_failing_job_takes_back_its_own_rows_and_records_and_no_others() {
    let place = Place::with_alice();
    let before = place.store.stats();
    let (release, holder) = hold_writer(&place.store);
    let jobs: Vec<_> = (0..20)
        .map(|number| {
            let store = place.store.clone();
            let job = thread::spawn(move || {
                store.write_blocking(move |tx| {
                    insert_chat(tx, "alice", &format!("chat {number}"), "title")?;
                    if number % 2 == 0 { Ok(()) } else { Err(Error::BadCursor) }
                })
            });
            // In order, so that failures stand between successes.
            thread::sleep(Duration::from_millis(5));
            job
        })
        .collect();
    drop(release);
    holder.join().unwrap().unwrap();
    for (number, job) in jobs.into_iter().enumerate() {
        let outcome = job.join().unwrap();
        assert_eq!(outcome.is_ok(), number % 2 == 0, "{outcome:?}");
    }
    let after = place.store.stats();
    assert_eq!((after.commits - before.commits, after.jobs - before.jobs), (2, 21));
    let chats = place.store.read_blocking(|reader| chats::list(reader, &scope("alice"), 50, None)).unwrap();
    assert_eq!(chats.items.len(), 10);
    assert_eq!(place.store.read_blocking(audit_log::size).unwrap(), 11);
    place.assert_intact();
}

#[test]
fn a_job_that_panics_harms_nobody_else() {
    let place = Place::new();
    let outcome = place.store.write_blocking(|tx| -> Result<(), Error> {
        tx.audit(refused())?;
        panic!("a bug")
    });
    assert!(matches!(outcome, Err(Error::Unavailable(_))));
    let read = place.store.read_blocking(|_| -> Result<(), Error> { panic!("a bug") });
    assert!(matches!(read, Err(Error::Unavailable(_))));
    assert_eq!(place.store.write_blocking(|tx| tx.audit(refused())).unwrap(), 0);
    for _ in 0..8 {
        assert_eq!(place.store.read_blocking(audit_log::size).unwrap(), 1);
    }
    place.assert_intact();
}

#[test]
fn nobody_waits_past_the_deadline_and_what_was_not_begun_is_never_run() {
    let folder = tempfile::tempdir().unwrap();
    let key = redoubt_store::DataKey::generate(&ring::rand::SystemRandom::new()).unwrap();
    let mut options = Options::at(folder.path().join("redoubt.db"));
    options.write_deadline = Duration::from_millis(200);
    let store = Store::create(options, key, TestClock::new(), origin()).unwrap();

    let (release, holder) = hold_writer(&store);
    let ran = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ran);
    let start = Instant::now();
    let outcome = store.write_blocking(move |tx| {
        flag.store(true, Ordering::SeqCst);
        tx.audit(refused())
    });
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "waited {:?}", start.elapsed());
    // Told at its own deadline, while its job goes on.
    assert!(holder.join().unwrap().is_err(), "the holder was told that it wrote after its deadline");
    drop(release);
    assert_eq!(store.write_blocking(|tx| tx.audit(refused())).unwrap(), 0);
    assert!(!ran.load(Ordering::SeqCst), "a job ran after its caller was refused");
}

#[test]
fn async_callers_get_the_same_answers_and_the_same_deadline() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let place = Place::with_alice();
    runtime.block_on(async {
        let seq = place.store.write(|tx| tx.audit(refused())).await.unwrap();
        assert_eq!(seq, 1);
        assert_eq!(place.store.read(audit_log::size).await.unwrap(), 2);
        let (release, holder) = hold_writer(&place.store);
        let start = Instant::now();
        let late = place.store.write(|tx| tx.audit(refused())).await;
        assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
        assert!(start.elapsed() < Duration::from_millis(2_500), "waited {:?}", start.elapsed());
        drop(release);
        let _ = holder.join().unwrap();
    });
}

/// One write that was begun in time ends after the deadline: whoever waits patiently learns that it was written.
#[test]
fn a_settled_write_tells_the_outcome_however_late() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = redoubt_store::DataKey::generate(&ring::rand::SystemRandom::new()).unwrap();
    let mut options = Options::at(folder.path().join("redoubt.db"));
    options.write_deadline = Duration::from_millis(200);
    let store = Store::create(options, key, TestClock::new(), origin()).unwrap();
    let slow = |tx: &mut redoubt_store::Tx<'_>| {
        thread::sleep(Duration::from_millis(600));
        tx.audit(refused())
    };
    runtime.block_on(async {
        assert!(matches!(store.write(slow).await, Err(Error::Unavailable(_))));
        thread::sleep(Duration::from_millis(700));
        assert_eq!(store.write_settled(slow).await.unwrap(), 1, "the one before was written, too");
        // What could not begin in time never begins.
        let (release, holder) = hold_writer(&store);
        let never = store.write_settled(|tx| tx.audit(refused()));
        let letting_go = thread::spawn(move || {
            thread::sleep(Duration::from_millis(600));
            drop(release);
        });
        assert!(matches!(never.await, Err(Error::Unavailable(_))));
        letting_go.join().unwrap();
        let _late = holder.join().unwrap();
        assert_eq!(store.read(audit_log::size).await.unwrap(), 2);
    });
}

#[test]
fn a_reader_sees_one_moment_while_the_writer_goes_on() {
    let place = Place::new();
    let store = place.store.clone();
    let (before, after) = place
        .store
        .read_blocking(move |reader| {
            let before = users::list(reader)?.len();
            store.write_blocking(|tx| insert_user(tx, "alice"))?;
            Ok::<_, Error>((before, users::list(reader)?.len()))
        })
        .unwrap();
    assert_eq!((before, after), (0, 0));
    assert_eq!(place.store.read_blocking(users::list).unwrap().len(), 1);
}

#[test]
fn the_write_ahead_log_stays_short() {
    let place = Place::with_alice();
    place.store.write_blocking(|tx| insert_chat(tx, "alice", "chat", "title")).unwrap();
    let text = "lorem ipsum ".repeat(5_000);
    for number in 0..500 {
        let message = question("chat", &format!("message {number}"), None, &text);
        place.store.write_blocking(move |tx| crate::support::insert_message(tx, "alice", &message)).unwrap();
    }
    let size = |name: &str| std::fs::metadata(place.file(name)).unwrap().len();
    assert!(size("redoubt.db") > 20 << 20, "the test wrote too little");
    assert!(size("redoubt.db-wal") < 16 << 20, "the log has {} bytes", size("redoubt.db-wal"));
    place.store.close().unwrap();
    assert!(!place.file("redoubt.db-wal").exists() || size("redoubt.db-wal") == 0);
}

#[test]
fn a_reader_that_stays_makes_the_log_long_only_while_it_stays() {
    let place = Place::with_alice();
    place.store.write_blocking(|tx| insert_chat(tx, "alice", "chat", "title")).unwrap();
    let (release, released) = mpsc::channel::<()>();
    let (begin, began) = mpsc::channel();
    let store = place.store.clone();
    let reader = thread::spawn(move || {
        store.read_blocking(move |reader| {
            let size = audit_log::size(reader)?;
            begin.send(()).unwrap();
            let _ = released.recv();
            assert_eq!(audit_log::size(reader)?, size);
            Ok::<_, Error>(())
        })
    });
    began.recv().unwrap();
    let text = "\u{1f512}".repeat(250_000);
    let write = |number: usize| {
        let message = question("chat", &format!("message {number}"), None, &text);
        place.store.write_blocking(move |tx| crate::support::insert_message(tx, "alice", &message)).unwrap();
    };
    let log = || std::fs::metadata(place.file("redoubt.db-wal")).unwrap().len();
    let mut slowest = Duration::ZERO;
    for number in 0..80 {
        let start = Instant::now();
        write(number);
        slowest = slowest.max(start.elapsed());
    }
    assert!(log() > 64 << 20, "the reader did not stay: {} bytes", log());
    assert!(slowest < Duration::from_secs(2), "a write waited {slowest:?}");
    drop(release);
    let _ = reader.join().unwrap();
    for number in 80..160 {
        write(number);
    }
    assert!(log() < 80 << 20, "the log was not taken back: {} bytes", log());
    place.assert_intact();
}

#[test]
fn a_closed_store_refuses_and_closes_once() {
    let place = Place::new();
    place.store.close().unwrap();
    place.store.close().unwrap();
    let write = place.store.write_blocking(|tx| tx.audit(refused()));
    assert!(matches!(write, Err(Error::Unavailable("it is closed"))), "{write:?}");
    let read = place.store.read_blocking(audit_log::size);
    assert!(matches!(read, Err(Error::Unavailable("it is closed"))), "{read:?}");
}
