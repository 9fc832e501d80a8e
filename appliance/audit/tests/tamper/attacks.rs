//! Every kind of attack, many times over. `REDOUBT_LONG=1`: 100 seeds of each kind, all of them before both verifiers.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use redoubt_audit::verify::Verdict;

use crate::kinds::{ALL, Kind};
use crate::trial::{Caught, Extent, Place, run};
use crate::world::World;

/// Seeds of each kind.
fn seeds() -> u64 {
    if crate::long() { 100 } else { 10 }
}

/// Whether this seed goes before the peers, too: another one for each kind, so that other variants have their turn.
fn with_peers(kind: &Kind, seed: u64) -> bool {
    crate::long() || seed == u64::from(kind.number) % seeds()
}

#[test]
fn every_attack_is_caught() {
    let queue = Mutex::new(ALL.iter());
    let (results, failures) = (Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    let workers = thread::available_parallelism().unwrap().get();
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let Some(kind) = queue.lock().unwrap().next() else { return };
                    let (caught, failed) = try_kind(kind);
                    failures.lock().unwrap().extend(failed);
                    results.lock().unwrap().insert(kind.number, caught);
                }
            });
        }
    });
    println!("{}", table(&results.into_inner().unwrap()));
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Every seed of a kind: what came of those that went as they should, and which did not.
fn try_kind(kind: &Kind) -> (Vec<Caught>, Vec<String>) {
    let (mut caught, mut failed) = (Vec::new(), Vec::new());
    for seed in 0..seeds() {
        let tried = catch_unwind(AssertUnwindSafe(|| try_seed(kind, seed, with_peers(kind, seed))));
        match tried {
            Ok(outcome) => caught.push(outcome),
            Err(why) => {
                let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
                failed.push(format!("kind {} ({}), seed {seed}: {why}", kind.number, kind.name));
            }
        }
    }
    (caught, failed)
}

fn try_seed(kind: &Kind, seed: u64, peers: bool) -> Caught {
    let extent = Extent { peers };
    let mut world = World::new(seed, kind.whole);
    let place = Place::new(&world);
    let known = place.known(world.anchor.clone(), None, &world);
    place.judge(&place.put(&world.honest, &world), &known, Verdict::Verified, peers);
    let attack = (kind.attack)(&mut world);
    run(&world, attack, extent)
}

/// One line a kind.
fn table(results: &BTreeMap<u8, Vec<Caught>>) -> String {
    let head = format!("{:>2}  {:<42} {:>5} {:>7}  with an anchor; without", "", "kind", "seeds", "bundles");
    let lines = ALL.iter().map(|Kind { number, name, .. }| {
        let caught = &results[number];
        let bundles: Vec<[Verdict; 2]> = caught.iter().flatten().copied().collect();
        let [with, without] = [0, 1].map(|which| counted(bundles.iter().map(|verdicts| verdicts[which])));
        format!("{number:>2}  {name:<42} {:>5} {:>7}  {with}; {without}", caught.len(), bundles.len())
    });
    std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
}

fn counted(verdicts: impl Iterator<Item = Verdict>) -> String {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for verdict in verdicts {
        *counts.entry(verdict.to_string()).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(verdict, count)| format!("{verdict} {count}")).collect();
    counts.join(" ")
}
