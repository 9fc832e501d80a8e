//! Which parts of a job are still to be taken: one atomic word with the job's number, its parts and the next one.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Bits of a number of parts.
const BITS: u32 = 12;

/// Hands out the numbers `0..parts` of one job after another, each once. The number of the job is in the word, so that a
/// thread which was kept from running for long cannot take a part of a job that it did not see.
#[derive(Default)]
pub(super) struct Parts(AtomicU64);

impl Parts {
    /// The most parts of one job.
    pub(super) const MOST: usize = (1 << BITS) - 1;

    /// Offers the parts of the next job; those of the one before have all been taken.
    pub(super) fn publish(&self, parts: usize) {
        let job = (self.0.load(SeqCst) >> (2 * BITS)).wrapping_add(1);
        self.0.store(job << (2 * BITS) | (parts as u64) << BITS, SeqCst);
    }

    /// Whether a part is left.
    pub(super) fn any(&self) -> bool {
        next(self.0.load(SeqCst)).is_some()
    }

    /// Takes a part.
    pub(super) fn take(&self) -> Option<usize> {
        let mut word = self.0.load(SeqCst);
        loop {
            let part = next(word)?;
            match self.0.compare_exchange_weak(word, word + 1, SeqCst, SeqCst) {
                Ok(_) => return Some(part),
                Err(now) => word = now,
            }
        }
    }
}

fn next(word: u64) -> Option<usize> {
    let mask = Parts::MOST as u64;
    let (part, parts) = (word & mask, word >> BITS & mask);
    (part < parts).then_some(part as usize)
}
