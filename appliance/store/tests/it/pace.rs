//! How many records a second become durable, beside what the disk can do.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use redoubt_audit::{Actor, Draft, Outcome, catalogue};
use redoubt_store::{Error, Store, audit_log};

use crate::support::{Place, long};

const WRITERS: usize = 64;
/// Between two writes of one of them, for 5,000 a second.
const PAUSE: Duration = Duration::from_micros(1_000_000 * WRITERS as u64 / 5_000);
/// What SQLite writes of a page, without its header in the log.
const BLOCK: [u8; 4096] = [7; 4096];

/// 64 threads, each with one record a write: as fast as they can, then 5,000 records a second. Each for a second, with
/// `REDOUBT_LONG=1` for ten.
#[test]
fn how_many_records_a_second_become_durable() {
    let span = Duration::from_secs(if long() { 10 } else { 1 });
    let place = Place::new();
    let syncs = sync_for(&place.file("syncs"), span / 2);
    let raw = syncs.len() as f64 / (span / 2).as_secs_f64();
    println!("the disk's own pace: {raw:.0} appends of 4 KiB with fdatasync a second");
    let mut recorded = 0;
    for (pause, load) in [(Duration::ZERO, "as fast as they can"), (PAUSE, "5,000 a second")] {
        let before = place.store.stats();
        let start = Instant::now();
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                let store = place.store.clone();
                thread::spawn(move || write_for(&store, start, span, pause))
            })
            .collect();
        let mut writes = Vec::new();
        for writer in writers {
            writes.extend(writer.join().unwrap().unwrap());
        }
        let records = writes.len() as f64 / start.elapsed().as_secs_f64();
        let commits = place.store.stats().commits - before.commits;
        // In their own time they may meet nobody.
        let together = commits * 2 < writes.len() as u64 || !pause.is_zero();
        assert!(together, "{} records in {commits} commits", writes.len());
        recorded += writes.len() as u64;
        println!(
            "{WRITERS} writers, {load}: {records:.0} records a second, {:.1} times the disk's pace;",
            records / raw
        );
        println!("  {:.1} records a commit", writes.len() as f64 / commits as f64);
        for (name, per_mille) in [("p50", 500), ("p99", 990)] {
            let (write, sync) = (percentile(&writes, per_mille), percentile(&syncs, per_mille));
            let added = write.saturating_sub(sync);
            println!("  {name}: a write {write:.2?}, the disk's sync {sync:.2?}, added {added:.2?}");
        }
    }
    assert_eq!(place.store.read_blocking(audit_log::size).unwrap(), recorded);
    place.assert_intact();
}

/// How long each write took.
fn write_for(store: &Store, start: Instant, span: Duration, pause: Duration) -> Result<Vec<Duration>, Error> {
    let mut took = Vec::new();
    while start.elapsed() < span {
        let began = Instant::now();
        let draft = Draft::new(catalogue::AUTHORISATION_REFUSED, Outcome::Deny, Actor::nobody(None))
            .reason("not_signed_in")
            .data("route", "GET /api/v1/chats/{id}");
        store.write_blocking(move |tx| tx.audit(draft))?;
        took.push(began.elapsed());
        thread::sleep(pause.saturating_sub(began.elapsed()));
    }
    Ok(took)
}

/// How long each append with its sync took, one after the other.
fn sync_for(path: &Path, span: Duration) -> Vec<Duration> {
    let mut file = OpenOptions::new().create_new(true).append(true).open(path).unwrap();
    let (start, mut took) = (Instant::now(), Vec::new());
    while start.elapsed() < span {
        let began = Instant::now();
        file.write_all(&BLOCK).unwrap();
        file.sync_data().unwrap();
        took.push(began.elapsed());
    }
    took
}

fn percentile(times: &[Duration], per_mille: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() - 1) * per_mille / 1000]
}
