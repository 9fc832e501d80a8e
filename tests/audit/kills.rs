//! Bundles of an appliance whose front was killed again and again: each goes on from the one before.
//!
//! 10 bundles; with `REDOUBT_LONG=1` 300.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::workbench::bench_of;
use crate::support::{Demo, await_some, long};

#[test]
fn bundles_taken_after_kills_are_all_verified() {
    let demo = Demo::start(1);
    let bench = bench_of(&demo);
    let rounds = if long() { 300 } else { 10 };
    let first = bench.export(&demo.data(), "first.tar", &[]);
    assert_eq!(bench.verdict(&first, "state", &[]), "UNANCHORED");
    for round in 0..rounds {
        let killed = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let client = demo.client();
                // Refused, and recorded.
                while !killed.load(Ordering::SeqCst) {
                    let _answered_or_broken_off = client.try_send("GET", "/api/v1/chats", &[], None);
                }
            });
            // Some rounds are killed in the middle of a checkpoint's ten seconds, some right away.
            thread::sleep(Duration::from_millis(round % 7 * 60));
            let front = await_some("the front", || demo.child("@front"));
            let pid = Pid::from_raw(i32::try_from(front).unwrap()).unwrap();
            kill_process(pid, Signal::KILL).unwrap();
            killed.store(true, Ordering::SeqCst);
        });
        let ready = || demo.client().try_send("GET", "/readyz", &[], None).ok().filter(|a| a.status == 200);
        await_some("the next front", ready);
        let bundle = bench.export(&demo.data(), &format!("{round}.tar"), &[]);
        assert_eq!(bench.verdict(&bundle, "state", &[]), "VERIFIED", "round {round}");
        std::fs::remove_file(bundle).unwrap();
    }
}
