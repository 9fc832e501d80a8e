//! What a trial begins with: an appliance with some epochs and exports behind it, an auditor who saw the last but one of
//! these exports, and the honest bundle of the last.

use redoubt_audit::ssh::TrustedRoot;
use redoubt_audit::verify::State;

use crate::appliance::{Appliance, Exported, Order};
use crate::files::{Files, honest};
use crate::forge::Forgery;
use crate::random::Random;

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) random: Random,
    pub(crate) appliance: Appliance,
    /// The export that the auditor saw, and what was kept of it.
    pub(crate) seen: Exported,
    pub(crate) anchor: State,
    /// The export that is attacked, and its files.
    pub(crate) exported: Exported,
    pub(crate) honest: Files,
}

impl World {
    /// The last export holds the whole log, or, if `whole` is false, any part of it.
    pub(crate) fn new(seed: u64, whole: bool) -> Self {
        let mut random = Random(seed);
        let mut appliance = Appliance::new(Random(random.next()));
        let most = if random.once_in(4) { 200 } else { 40 };
        appliance.live(random.within(4..most));
        let first = appliance.export(&Order::default());
        for _ in 0..random.within(1..4) {
            appliance.live(random.within(3..most));
            appliance.rotate();
        }
        appliance.live(random.within(6..most));
        let extends = if random.once_in(2) { vec![first.index.size] } else { vec![] };
        let nonce = |random: &mut Random| random.once_in(2).then(|| random.hex(16));
        let seen = appliance.export(&Order { nonce: nonce(&mut random), extends, ..Order::default() });
        let anchor = appliance.state(seen.index.size, seen.index.export);
        appliance.live(random.within(6..most));
        let (from, to) = if whole { (0, None) } else { part(&mut random, appliance.size()) };
        let order = Order { from, to, nonce: nonce(&mut random), extends: vec![] };
        let exported = appliance.export(&order);
        let honest = honest(&appliance, &exported);
        Self { seed, random, appliance, seen, anchor, exported, honest }
    }

    /// The seed's turn among so many variants: all come round.
    pub(crate) fn turn(&self, variants: u64) -> u64 {
        self.seed % variants
    }

    pub(crate) fn trusted(&self) -> Vec<TrustedRoot> {
        vec![self.appliance.keys.trusted()]
    }

    pub(crate) fn forgery(&self) -> Forgery {
        Forgery::of(&self.appliance, &self.exported)
    }

    /// The epoch whose key the appliance has at the export.
    pub(crate) fn present(&self) -> u64 {
        self.exported.epoch
    }

    /// The number of the record that began the present epoch's predecessor's end.
    pub(crate) fn last_rotation(&self) -> u64 {
        self.appliance.rotations().last().unwrap()
    }

    /// The order that the honest export answered.
    pub(crate) fn order(&self) -> Order {
        Order { nonce: self.exported.index.nonce.clone(), ..Order::default() }
    }

    /// An attacker's beginning of another branch after `size` records, whose next export will have the number of
    /// the one that the auditor waits for.
    pub(crate) fn branch(&mut self, size: u64) -> Appliance {
        let mut branch = self.appliance.back_at(size, Random(self.random.next()));
        branch.exports = self.exported.index.export - 1;
        branch
    }
}

/// Some records of so many: from the first, to the last, or between.
fn part(random: &mut Random, size: u64) -> (u64, Option<u64>) {
    let from = if random.once_in(3) { 0 } else { random.within(0..size) };
    let to = random.once_in(2).then(|| random.within(from + 1..size + 1));
    (from, to)
}
