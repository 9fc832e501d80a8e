//! `[audit] standard_output`: what a collector on the other end of the pipe gets.

use std::io::{BufRead as _, BufReader, PipeReader};
use std::thread;
use std::time::{Duration, Instant};

use redoubt_audit::Record;

use super::served::Served;

/// Every record up to the end.
fn records(reader: PipeReader) -> Vec<Record> {
    let lines = BufReader::new(reader).lines();
    lines.map(|line| Record::parse(line.unwrap().as_bytes()).unwrap()).collect()
}

#[track_caller]
fn assert_follow_each_other(records: &[Record]) {
    let first = records[0].fields().seq;
    assert!(records.iter().map(|record| record.fields().seq).eq((first..).take(records.len())));
}

#[test]
fn standard_output_has_every_record_of_a_run_once_in_order_and_nothing_else() {
    let mut served = Served::new("standard_output = \"json\"");
    let mut next = None;
    for _ in 0..2 {
        let reader = served.start();
        let reading = thread::spawn(move || records(reader));
        for _ in 0..3 {
            served.fail_to_sign_in();
        }
        served.stop();
        let records = reading.join().unwrap();
        assert_follow_each_other(&records);
        let acts: Vec<_> = records.iter().map(|record| record.fields().act.as_str()).collect();
        assert_eq!(acts.first(), Some(&"system.boot"));
        assert!(acts.ends_with(&["system.stop", "checkpoint"]), "{acts:?}");
        assert_eq!(acts.iter().filter(|act| **act == "login.password").count(), 3);
        let first = records[0].fields().seq;
        assert!(next.is_none_or(|next| next == first), "what follows the run before is {first}");
        next = Some(first + records.len() as u64);
    }
}

#[test]
fn a_pipe_that_nobody_reads_holds_up_neither_requests_nor_the_end() {
    let mut served = Served::new("standard_output = \"json\"");
    let reader = served.start();
    // Room for a handful of records.
    rustix::pipe::fcntl_setpipe_size(&reader, 4096).unwrap();
    for _ in 0..20 {
        let began = Instant::now();
        served.fail_to_sign_in();
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    let began = Instant::now();
    served.stop();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    // The last line may be cut off where the pipe was full.
    let mut text = BufReader::new(reader).split(b'\n').map(Result::unwrap).collect::<Vec<_>>();
    text.pop();
    let records: Vec<_> = text.iter().map(|line| Record::parse(line).unwrap()).collect();
    assert_follow_each_other(&records);
    assert_eq!(records[0].fields().act, "system.boot");
}
