//! Honest bundles of every shape: none may raise an alarm. `REDOUBT_LONG=1`: 700 of them, all before both verifiers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use redoubt_audit::verify::{Known, Verdict};

use crate::appliance::{Appliance, Order};
use crate::files::{honest, put_archive, put_folder, seal};
use crate::random::Random;
use crate::trial::Place;
use crate::world::World;

/// How many auditors there are, each of whom takes several bundles in a row.
const BUNDLES_EACH: u64 = 5;

fn auditors() -> u64 {
    if crate::long() { 140 } else { 10 }
}

#[test]
fn no_honest_bundle_raises_an_alarm() {
    let (next, good) = (AtomicU64::new(0), AtomicU64::new(0));
    let workers = thread::available_parallelism().unwrap().get();
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= auditors() {
                        return;
                    }
                    audit(seed);
                    good.fetch_add(BUNDLES_EACH, Ordering::Relaxed);
                }
            });
        }
    });
    let good = good.into_inner();
    println!("{good} honest bundles, no alarm");
    assert_eq!(good, auditors() * BUNDLES_EACH);
}

/// One auditor with one state takes bundle after bundle of one appliance.
fn audit(seed: u64) {
    let mut random = Random(seed ^ 0x486f_6e65_7374);
    let mut appliance = Appliance::new(Random(random.next()));
    let place = Place::trusting(&[appliance.keys.trusted()]);
    let mut known = Known { roots: vec![appliance.keys.trusted()], state: None, nonce: None };
    let most = [3, 40, 400, 1_000][usize::try_from(seed % 4).unwrap()];
    for number in 0..BUNDLES_EACH {
        pass_time(&mut appliance, &mut random, most);
        let order = order(&mut random, &appliance);
        known.nonce.clone_from(&order.nonce);
        let exported = appliance.export(&order);
        let files = honest(&appliance, &exported);
        let bundle = place.next();
        if random.once_in(2) {
            put_folder(&files, &bundle)
        } else {
            put_archive(&files, &bundle)
        }
        let expected = if number == 0 { Verdict::Unanchored } else { Verdict::Verified };
        let with_peer = crate::long() || number % 3 == 0;
        known.state = place.judge(&bundle, &known, expected, with_peer).1;
        assert_eq!(known.state, Some(appliance.state(exported.index.size, exported.index.export)));
    }
}

/// Up to so many events, with a change of keys or a restore now and then. What an auditor saw is not taken back.
fn pass_time(appliance: &mut Appliance, random: &mut Random, most: u64) {
    appliance.live(random.within(0..most));
    if random.once_in(2) && appliance.epoch < 6 {
        appliance.rotate();
        appliance.live(random.within(0..most));
    }
    if random.once_in(3) {
        let kept = appliance.rotations().last().map_or(1, |rotation| rotation + 2);
        let kept = kept.max(appliance.exported.last().copied().unwrap_or(1));
        let size = random.within(kept..appliance.size() + 1);
        appliance.restore(size);
    }
}

fn order(random: &mut Random, appliance: &Appliance) -> Order {
    let size = appliance.size();
    let from = if random.once_in(2) { 0 } else { random.within(0..size) };
    let to = random.once_in(2).then(|| random.within(from + 1..size + 1));
    let nonce = random.once_in(2).then(|| random.hex(16));
    let older = appliance.exported.iter().copied().filter(|_| random.once_in(3));
    let extends = older.collect();
    Order { from, to, nonce, extends }
}

#[test]
fn a_forger_who_changes_nothing_writes_the_honest_bundle() {
    for seed in 0..20 {
        let world = World::new(seed, seed.is_multiple_of(2));
        let mut forgery = world.forgery();
        forgery.sign(Some);
        let mut files = forgery.files();
        seal(&mut files, &world.appliance.keys, world.present());
        assert!(files == world.honest, "seed {seed}");
    }
}

#[test]
fn without_a_pinned_root_nothing_is_verified() {
    for seed in 0..5 {
        let world = World::new(seed, false);
        let place = Place::new(&world);
        let bundle = place.put(&world.honest, &world);
        let nobody = Known { nonce: world.exported.index.nonce.clone(), ..Known::default() };
        assert_eq!(place.judge(&bundle, &nobody, Verdict::Unanchored, true).1, None);
    }
}
