//! One step: which rows it carries, room for them in the cache, and what becomes of the results.

use super::Scheduler;
use super::pace::Load;
use super::sequence::Sequence;
use crate::model::forward::{Span, Step};
use crate::protocol::FromWorker;
use crate::sampler::Chosen;
use crate::{Error, Finish};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Rows of one running sequence, by its index.
#[derive(Clone, Copy)]
struct Share {
    index: usize,
    rows: usize,
}

impl Scheduler {
    /// Lets everybody get on by a token or by a piece of prompt.
    pub(super) fn step(&mut self, answers: &Sender<FromWorker>) {
        self.now += 1;
        let mut shares = self.plan();
        if let Err(error) = self.make_room(&mut shares) {
            return self.give_up(&error, answers);
        }
        if shares.is_empty() {
            return;
        }
        let load = self.load(&shares);
        let started = Instant::now();
        match self.compute(&shares) {
            Ok(chosen) => {
                self.pace.learn(&load, started.elapsed());
                self.finish_step(&shares, chosen, answers);
            }
            Err(error) => self.give_up(&error, answers),
        }
    }

    /// Writers first, one row each; then prompts, those parties first that have waited longest.
    fn plan(&mut self) -> Vec<Share> {
        let (writing, mut reading): (Vec<usize>, Vec<usize>) =
            (0..self.running.len()).partition(|index| self.running[*index].is_writing());
        let mut shares: Vec<Share> = writing.into_iter().map(|index| Share { index, rows: 1 }).collect();
        let load = self.load(&shares);
        let mut served = HashMap::<Arc<str>, u64>::new();
        for sequence in &self.running {
            let last = served.entry(Arc::clone(sequence.party())).or_default();
            *last = sequence.served.max(*last);
        }
        reading.sort_by_key(|index| {
            let sequence = &self.running[*index];
            (served[sequence.party()], sequence.served)
        });
        // A block that somebody has begun is waited for by others who need the same one: they can have it as
        // soon as it is full. Whoever has begun one does not wait, so somebody always gets on.
        let key = |sequence: &Sequence| sequence.held_key();
        let begun = |index: &&usize| !self.running[**index].at_block_end();
        let mut claimed: HashSet<_> =
            reading.iter().filter(begun).filter_map(|index| key(&self.running[*index])).collect();
        let mut budget = self.pace.budget(&load);
        for index in reading {
            let sequence = &mut self.running[index];
            if sequence.at_block_end() {
                sequence.adopt(&mut self.cache);
                if key(sequence).is_some_and(|key| claimed.contains(&key)) {
                    continue;
                }
            }
            let rows = budget.take(sequence.computed, sequence.tokens.len() - sequence.computed);
            if rows == 0 {
                break;
            }
            claimed.extend(key(sequence));
            sequence.served = self.now;
            shares.push(Share { index, rows });
        }
        shares
    }

    fn load(&self, shares: &[Share]) -> Load {
        let mut load = Load::NONE;
        for share in shares {
            let sequence = &self.running[share.index];
            match sequence.is_writing() {
                true => load.write(sequence.computed),
                false => load.read(share.rows, sequence.computed),
            }
        }
        load
    }

    /// Blocks for the rows of this step; where there are none left, the youngest gives way and comes again.
    fn make_room(&mut self, shares: &mut Vec<Share>) -> Result<(), Error> {
        let mut next = 0;
        while let Some(Share { index, rows }) = shares.get(next).copied() {
            let sequence = &mut self.running[index];
            let refused = match self.cache.grow(&mut sequence.held, sequence.computed + rows) {
                Ok(true) => {
                    next += 1;
                    continue;
                }
                Ok(false) => Error::Memory { bytes: 0, purpose: "the KV cache of one answer" },
                Err(error) => error,
            };
            if self.running.len() == 1 {
                return Err(refused);
            }
            if let Some(mut youngest) = self.running.pop() {
                tracing::warn!(%refused, "an answer waits for room in the KV cache");
                youngest.release(&mut self.cache);
                self.waiting.put_back(youngest);
                shares.retain(|share| share.index < self.running.len());
            }
        }
        Ok(())
    }

    /// Runs the rows through the model and chooses a token for each sequence that has come to its end.
    fn compute(&mut self, shares: &[Share]) -> Result<Vec<(usize, Option<Chosen>)>, Error> {
        let (mut tokens, mut spans, mut wanted, mut choosing) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for share in shares {
            let sequence = &self.running[share.index];
            let (first, position) = (tokens.len(), sequence.computed);
            tokens.extend_from_slice(&sequence.tokens[position..position + share.rows]);
            spans.push(Span { first, rows: share.rows, position, table: sequence.held.table() });
            if position + share.rows == sequence.tokens.len() {
                wanted.push(tokens.len() - 1);
                choosing.push(share.index);
            }
        }
        #[cfg(test)]
        {
            self.rows += tokens.len();
        }
        let step = Step { tokens: &tokens, spans: &spans, wanted: &wanted };
        let logits = self.runner.step(&self.model, self.cache.pool(), &step)?;
        if choosing.is_empty() {
            return Ok(Vec::new());
        }
        // Every row is chosen from on its own, so the threads share them.
        let rows = logits.chunks_exact(logits.len() / choosing.len());
        let mut slots: Vec<_> = self.running.iter_mut().map(Some).collect();
        let work: Vec<_> = choosing
            .iter()
            .zip(rows)
            .filter_map(|(index, row)| Some((*index, slots[*index].take()?, row)))
            .collect();
        let (work, chosen) = (Mutex::new(work), Mutex::new(Vec::new()));
        self.model.team().run(|_, _| {
            let take = || work.lock().unwrap_or_else(PoisonError::into_inner).pop();
            while let Some((index, sequence, row)) = take() {
                let choice = sequence.sampler.choose(row, &sequence.tokens);
                chosen.lock().unwrap_or_else(PoisonError::into_inner).push((index, choice));
            }
        });
        Ok(chosen.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn finish_step(
        &mut self,
        shares: &[Share],
        mut chosen: Vec<(usize, Option<Chosen>)>,
        answers: &Sender<FromWorker>,
    ) {
        for share in shares {
            self.running[share.index].advance(share.rows, &mut self.cache);
        }
        let context = self.model.info().context as usize;
        // From the last on, so that removing one does not move those still to come.
        chosen.sort_unstable_by_key(|(index, _)| std::cmp::Reverse(*index));
        for (index, choice) in chosen {
            let (reason, error) = match choice {
                Some(choice) => {
                    let tokenizer = self.model.tokenizer();
                    (self.running[index].take(choice, tokenizer, context, answers), None)
                }
                None => (Some(Finish::Error), Some("the model's logits are not numbers".to_owned())),
            };
            if let Some(reason) = reason {
                let sequence = self.running.remove(index);
                self.end(sequence, reason, error, answers);
            }
        }
    }

    /// A step could not be computed: those who run have failed, those who wait may have better luck.
    fn give_up(&mut self, error: &Error, answers: &Sender<FromWorker>) {
        tracing::error!(%error, running = self.running.len(), "a step failed");
        for sequence in std::mem::take(&mut self.running) {
            self.end(sequence, Finish::Error, Some(error.to_string()), answers);
        }
    }
}
