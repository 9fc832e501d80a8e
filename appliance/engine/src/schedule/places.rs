//! Who gets a place, who gives one up, and what those are told who wait.

use super::Scheduler;
use super::queue::Running;
use super::sequence::Sequence;
use crate::Event;
use crate::protocol::FromWorker;
use std::sync::Arc;
use std::sync::mpsc::Sender;

impl Scheduler {
    /// Starts what there is room for: a place, and blocks for the whole prompt. One alone always fits.
    pub(super) fn admit(&mut self, answers: &Sender<FromWorker>) {
        loop {
            let running = self.counts();
            let Some(next) = self.waiting.peek(&running) else { return };
            let party = Arc::clone(next.party());
            if self.fits(&running) {
                let Some(mut sequence) = self.waiting.pop(&running) else { return };
                sequence.start(answers);
                self.running.push(sequence);
            } else if !self.make_way(&party, &running) {
                return;
            }
        }
    }

    /// Whether the next one can start. If so, it holds what the cache has of its prompt.
    fn fits(&mut self, running: &Running) -> bool {
        if self.running.len() >= self.most {
            return false;
        }
        let promised: usize = self.running.iter().map(Sequence::missing_blocks).sum();
        let Some(next) = self.waiting.peek(running) else { return false };
        next.adopt(&mut self.cache);
        let fits = self.running.is_empty() || promised + next.missing_blocks() <= self.cache.available();
        if !fits {
            next.release(&mut self.cache);
        }
        fits
    }

    /// Lets another party's youngest answer wait if that party has more than its share: even then no fewer
    /// places than the one that waits. `false` if nobody has, or not for long enough.
    fn make_way(&mut self, waiting: &Arc<str>, running: &Running) -> bool {
        let share = running.get(waiting).copied().unwrap_or(0) + 2;
        let Some(most) = running.values().copied().max().filter(|most| *most >= share) else { return false };
        let gives_way =
            |sequence: &Sequence| running.get(sequence.party()) == Some(&most) && sequence.has_had_its_turn();
        let Some(index) = self.running.iter().rposition(gives_way) else { return false };
        let mut sequence = self.running.remove(index);
        sequence.release(&mut self.cache);
        self.waiting.put_back_in_turn(sequence);
        true
    }

    /// Tells those who have not begun what has changed for them.
    pub(super) fn tell_positions(&mut self, answers: &Sender<FromWorker>) {
        if self.waiting.is_empty() {
            return;
        }
        self.forecast.update(self.most, self.running.iter().map(Sequence::age));
        let running = self.counts();
        self.waiting.for_each_position(&running, |sequence, position| {
            if sequence.position != position && !sequence.has_started() {
                sequence.position = position;
                let wait_s = self.forecast.wait_s(position);
                let position = u32::try_from(position).unwrap_or(u32::MAX);
                sequence.tell(Event::Queued { position, wait_s }, answers);
            }
        });
    }

    fn counts(&self) -> Running {
        let mut counts = Running::new();
        for sequence in &self.running {
            *counts.entry(Arc::clone(sequence.party())).or_default() += 1;
        }
        counts
    }
}
