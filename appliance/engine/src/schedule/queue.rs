//! Who waits, and whose turn it is: the highest priority's, among equals the party's that has the fewest answers running,
//! in turns. Every fifth place goes without priorities, so that nobody waits for ever.

use super::sequence::Sequence;
use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How many answers each party has running.
pub(super) type Running = HashMap<Arc<str>, usize>;

/// Places that go by priority, one after the other, before one goes without.
const MOST_PASSES: u32 = 4;

/// Requests that wait for a place.
pub(super) struct Queue {
    /// Answers that had begun and gave way for lack of memory: before everybody else.
    returned: VecDeque<Sequence>,
    /// Parties in the order of their turns, none of them empty.
    parties: VecDeque<VecDeque<Sequence>>,
    /// Answers that one party may have running.
    most_each: usize,
    /// How often, last, somebody of a higher priority was taken before the one whose turn it was.
    passes: u32,
}

/// Somebody who may be next: the priority, how many answers they have running, when they were last served.
type Claim = (i32, usize, usize);

/// Which of these is next, and whether it passes the one whose turn it is.
fn next(claims: impl Iterator<Item = Claim> + Clone, passes: u32) -> Option<(usize, bool)> {
    let claims = claims.enumerate();
    let (fair, _) = claims.clone().min_by_key(|(_, (_, running, served))| (*running, *served))?;
    let first = |(_, (priority, running, served)): &(usize, Claim)| (Reverse(*priority), *running, *served);
    let (preferred, _) = claims.min_by_key(first)?;
    let passing = preferred != fair && passes < MOST_PASSES;
    Some((if passing { preferred } else { fair }, passing))
}

impl Queue {
    pub(super) fn new(most_each: usize) -> Queue {
        Queue { returned: VecDeque::new(), parties: VecDeque::new(), most_each: most_each.max(1), passes: 0 }
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
                let (turn, _) = self.turn(running)?;
                self.parties[turn].front_mut()
            }
        }
    }

    /// The next one; its party then waits for its next turn.
    pub(super) fn pop(&mut self, running: &Running) -> Option<Sequence> {
        if let Some(sequence) = self.returned.pop_front() {
            return Some(sequence);
        }
        let (turn, passing) = self.turn(running)?;
        self.passes = if passing { self.passes + 1 } else { 0 };
        let mut party = self.parties.remove(turn)?;
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
        // Party by party as if nobody's answer ended: what each claims, and how many of its requests have got their
        // place.
        let mut turns: Vec<(Claim, usize)> = self
            .parties
            .iter()
            .enumerate()
            .map(|(index, party)| ((priority(party), count(running, party), index), 0))
            .collect();
        let (last, mut passes) = (turns.len(), self.passes);
        for served in 0.. {
            let open: Vec<usize> =
                (0..turns.len()).filter(|party| turns[*party].1 < self.parties[*party].len()).collect();
            let Some((chosen, passing)) = next(open.iter().map(|party| turns[*party].0), passes) else {
                return;
            };
            passes = if passing { passes + 1 } else { 0 };
            let party = open[chosen];
            position += 1;
            let ((priority, ahead, _), placed) = turns[party];
            tell(&mut self.parties[party][placed], position);
            turns[party] = ((priority, ahead + 1, last + served), placed + 1);
        }
    }

    fn party(&mut self, name: &Arc<str>) -> Option<&mut VecDeque<Sequence>> {
        self.parties.iter_mut().find(|party| party.front().is_some_and(|first| first.party() == name))
    }

    /// The party whose turn it is, and whether it passes another.
    fn turn(&self, running: &Running) -> Option<(usize, bool)> {
        let claim = |index: usize, party| (priority(party), count(running, party), index);
        let open: Vec<(usize, Claim)> = self
            .parties
            .iter()
            .enumerate()
            .map(|(index, party)| (index, claim(index, party)))
            .filter(|(_, (_, count, _))| *count < self.most_each)
            .collect();
        let (chosen, passing) = next(open.iter().map(|(_, claim)| *claim), self.passes)?;
        Some((open[chosen].0, passing))
    }
}

fn count(running: &Running, party: &VecDeque<Sequence>) -> usize {
    party.front().and_then(|first| running.get(first.party())).copied().unwrap_or(0)
}

fn priority(party: &VecDeque<Sequence>) -> i32 {
    party.front().map_or(0, Sequence::priority)
}
