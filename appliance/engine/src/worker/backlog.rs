//! Prompts that have arrived and are not yet tokens: so many bytes and no more.

use crate::Prompt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of prompts that may wait; the longest prompt always fits into an empty backlog.
const MOST_BYTES: usize = 64 << 20;

/// Counts what waits.
#[derive(Default)]
pub(super) struct Backlog {
    bytes: Arc<AtomicUsize>,
}

/// A prompt's share of the backlog; given back when dropped.
pub(super) struct Parcel {
    bytes: Arc<AtomicUsize>,
    own: usize,
}

impl Backlog {
    /// Room for a prompt, or `None` where too much waits already.
    pub(super) fn add(&self, prompt: &Prompt) -> Option<Parcel> {
        let own = match prompt {
            Prompt::Text(text) => text.len(),
            Prompt::Chat(turns) => {
                turns.iter().map(|turn| size_of_val(turn) + turn.content.len()).sum::<usize>()
            }
        };
        let before = self.bytes.fetch_add(own, Ordering::Relaxed);
        let parcel = Parcel { bytes: Arc::clone(&self.bytes), own };
        (before + own <= MOST_BYTES).then_some(parcel)
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        self.bytes.fetch_sub(self.own, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_used_again() {
        let backlog = Backlog::default();
        let prompt = Prompt::Text("x".repeat(MOST_BYTES / 4));
        let parcels: Vec<_> = (0..4).map(|_| backlog.add(&prompt).unwrap()).collect();
        assert!(backlog.add(&prompt).is_none());
        assert!(backlog.add(&Prompt::Text("x".to_owned())).is_none());
        drop(parcels);
        assert!(backlog.add(&prompt).is_some());
    }
}
