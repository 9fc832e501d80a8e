//! Who waits, in turns: one request of each party, then the next of each.

use super::sequence::Sequence;
use std::collections::VecDeque;

/// Requests that wait for a place.
#[derive(Default)]
pub(super) struct Queue {
    /// Answers that had begun and gave way for lack of memory: before everybody else.
    returned: VecDeque<Sequence>,
    /// Parties in the order of their turns, none of them empty.
    parties: VecDeque<VecDeque<Sequence>>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.returned.is_empty() && self.parties.is_empty()
    }

    /// At the end of its party.
    pub(super) fn push(&mut self, sequence: Sequence) {
        match self.parties.iter_mut().find(|party| party.iter().any(|other| other.party == sequence.party)) {
            Some(party) => party.push_back(sequence),
            None => self.parties.push_back(VecDeque::from([sequence])),
        }
    }

    /// Before everybody else.
    pub(super) fn put_back(&mut self, sequence: Sequence) {
        self.returned.push_front(sequence);
    }

    pub(super) fn peek(&self) -> Option<&Sequence> {
        self.returned.front().or_else(|| self.parties.front()?.front())
    }

    /// The next one; its party then waits for its next turn.
    pub(super) fn pop(&mut self) -> Option<Sequence> {
        if let Some(sequence) = self.returned.pop_front() {
            return Some(sequence);
        }
        let mut party = self.parties.pop_front()?;
        let sequence = party.pop_front();
        if !party.is_empty() {
            self.parties.push_back(party);
        }
        sequence
    }

    pub(super) fn take_cancelled(&mut self) -> Vec<Sequence> {
        let mut cancelled = Vec::new();
        for list in self.parties.iter_mut().chain([&mut self.returned]) {
            let (gone, kept) = std::mem::take(list).into_iter().partition(Sequence::is_cancelled);
            *list = kept;
            cancelled.extend::<VecDeque<Sequence>>(gone);
        }
        self.parties.retain(|party| !party.is_empty());
        cancelled
    }

    /// Each request with its place, counted from 1, as the turns stand now.
    pub(super) fn for_each_position(&mut self, mut tell: impl FnMut(&mut Sequence, u32)) {
        let mut position = 0;
        let mut place = |sequence: &mut Sequence| {
            position += 1;
            tell(sequence, position);
        };
        self.returned.iter_mut().for_each(&mut place);
        let rounds = self.parties.iter().map(VecDeque::len).max().unwrap_or(0);
        for round in 0..rounds {
            self.parties.iter_mut().filter_map(|party| party.get_mut(round)).for_each(&mut place);
        }
    }
}
