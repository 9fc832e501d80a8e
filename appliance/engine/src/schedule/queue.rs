//! Who waits, and whose turn it is: the party's that has the fewest answers running, in turns among equals.

use super::sequence::Sequence;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How many answers each party has running.
pub(super) type Running = HashMap<Arc<str>, usize>;

/// Requests that wait for a place.
pub(super) struct Queue {
    /// Answers that had begun and gave way for lack of memory: before everybody else.
    returned: VecDeque<Sequence>,
    /// Parties in the order of their turns, none of them empty.
    parties: VecDeque<VecDeque<Sequence>>,
    /// Answers that one party may have running.
    most_each: usize,
}

impl Queue {
    pub(super) fn new(most_each: usize) -> Queue {
        Queue { returned: VecDeque::new(), parties: VecDeque::new(), most_each: most_each.max(1) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.returned.is_empty() && self.parties.is_empty()
    }

    /// At the end of its party.
    pub(super) fn push(&mut self, sequence: Sequence) {
        match self.party(sequence.party()) {
            Some(party) => party.push_back(sequence),
            None => self.parties.push_back(VecDeque::from([sequence])),
        }
    }

    /// Before everybody else.
    pub(super) fn put_back(&mut self, sequence: Sequence) {
        self.returned.push_front(sequence);
    }

    /// Before the others of its party.
    pub(super) fn put_back_in_turn(&mut self, sequence: Sequence) {
        match self.party(sequence.party()) {
            Some(party) => party.push_front(sequence),
            None => self.parties.push_back(VecDeque::from([sequence])),
        }
    }

    /// The next one, if any may start.
    pub(super) fn peek(&mut self, running: &Running) -> Option<&mut Sequence> {
        match self.returned.is_empty() {
            false => self.returned.front_mut(),
            true => {
                let turn = self.turn(running)?;
                self.parties[turn].front_mut()
            }
        }
    }

    /// The next one; its party then waits for its next turn.
    pub(super) fn pop(&mut self, running: &Running) -> Option<Sequence> {
        if let Some(sequence) = self.returned.pop_front() {
            return Some(sequence);
        }
        let mut party = self.parties.remove(self.turn(running)?)?;
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
    pub(super) fn for_each_position(
        &mut self,
        running: &Running,
        mut tell: impl FnMut(&mut Sequence, usize),
    ) {
        let mut position = 0;
        for sequence in &mut self.returned {
            position += 1;
            tell(sequence, position);
        }
        // Party by party as if nobody's answer ended: how many each would have running, when it was last served,
        // and how many of its requests have got their place.
        let mut turns: Vec<(usize, usize, usize)> =
            self.parties.iter().enumerate().map(|(index, party)| (count(running, party), index, 0)).collect();
        let last = turns.len();
        for served in 0.. {
            let open = (0..turns.len()).filter(|party| turns[*party].2 < self.parties[*party].len());
            let Some(next) = open.min_by_key(|party| turns[*party]) else { return };
            position += 1;
            tell(&mut self.parties[next][turns[next].2], position);
            let (ahead, _, placed) = turns[next];
            turns[next] = (ahead + 1, last + served, placed + 1);
        }
    }

    fn party(&mut self, name: &Arc<str>) -> Option<&mut VecDeque<Sequence>> {
        self.parties.iter_mut().find(|party| party.front().is_some_and(|first| first.party() == name))
    }

    /// The party whose turn it is.
    fn turn(&self, running: &Running) -> Option<usize> {
        let counts = self.parties.iter().map(|party| count(running, party)).enumerate();
        let (turn, _) =
            counts.filter(|(_, count)| *count < self.most_each).min_by_key(|(_, count)| *count)?;
        Some(turn)
    }
}

fn count(running: &Running, party: &VecDeque<Sequence>) -> usize {
    party.front().and_then(|first| running.get(first.party())).copied().unwrap_or(0)
}
