//! Sequences that grow side by side in one cache, step by step, without a scheduler.

use crate::model::Model;
use crate::model::cache::{BLOCK, Pool};
use crate::model::forward::{MOST_ROWS, Runner, Span, Step};
use crate::sampler::Sampler;
use crate::{Error, Sampling};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::sync::{Mutex, PoisonError};

/// The sequences, their cache, and the work memory of their steps.
pub(super) struct Streams<'m> {
    model: &'m Model,
    pool: Pool,
    runner: Runner,
    sequences: Vec<Sequence>,
}

struct Sequence {
    table: Vec<u32>,
    /// Positions in the cache.
    length: usize,
    /// What the next step writes.
    next: u32,
    sampler: Sampler,
}

impl<'m> Streams<'m> {
    /// No sequences yet, but room for the largest of `needs`: so many sequences of so many positions.
    pub(super) fn new(model: &'m Model, needs: &[(usize, usize)]) -> Streams<'m> {
        let blocks = needs.iter().map(|(sequences, positions)| sequences * positions.div_ceil(BLOCK)).max();
        let bytes = blocks.unwrap_or(0) * BLOCK * model.cache_bytes_per_position();
        let pool = Pool::new(model.shape(), model.info().context, bytes as u64);
        Streams { model, pool, runner: Runner::new(model), sequences: Vec::new() }
    }

    pub(super) fn model(&self) -> &'m Model {
        self.model
    }

    /// Memory of the cache so far.
    pub(super) fn cache_bytes(&self) -> usize {
        self.pool.bytes()
    }

    /// Starts anew with `count` empty sequences, each of which begins with a token of its own.
    pub(super) fn begin(&mut self, count: usize) {
        for sequence in &mut self.sequences {
            self.pool.release(&mut sequence.table);
        }
        let greedy = Sampling { ignore_eos: true, ..Sampling::greedy(u32::MAX) };
        let firsts = some_tokens(self.model, count, usize::MAX);
        let sequence =
            |next| Sequence { table: Vec::new(), length: 0, next, sampler: Sampler::new(greedy.clone()) };
        self.sequences = firsts.into_iter().map(sequence).collect();
    }

    /// Goes back to `length` positions in every sequence; what was in the cache before stays.
    pub(super) fn rewind(&mut self, length: usize) {
        for sequence in &mut self.sequences {
            sequence.length = sequence.length.min(length);
        }
    }

    /// Appends a prompt to a sequence, in the pieces and with the logits that a request's prompt has.
    pub(super) fn read(&mut self, index: usize, tokens: &[u32]) -> Result<(), Error> {
        let pieces = tokens.len().div_ceil(MOST_ROWS);
        for (number, piece) in tokens.chunks(MOST_ROWS).enumerate() {
            let sequence = &mut self.sequences[index];
            sequence.reserve(&mut self.pool, piece.len())?;
            let span =
                Span { first: 0, rows: piece.len(), position: sequence.length, table: &sequence.table };
            let last = [piece.len() - 1];
            let wanted = if number + 1 == pieces { &last[..] } else { &[] };
            let step = Step { tokens: piece, spans: &[span], wanted };
            self.runner.step(self.model, &mut self.pool, &step)?;
            sequence.length += piece.len();
        }
        Ok(())
    }

    /// Writes one token in every sequence and chooses the next, each on its own, as the scheduler does.
    pub(super) fn write(&mut self) -> Result<(), Error> {
        for sequence in &mut self.sequences {
            sequence.reserve(&mut self.pool, 1)?;
        }
        let tokens: Vec<u32> = self.sequences.iter().map(|sequence| sequence.next).collect();
        let places = self.sequences.iter().enumerate();
        let spans: Vec<Span<'_>> = places
            .map(|(first, sequence)| Span {
                first,
                rows: 1,
                position: sequence.length,
                table: &sequence.table,
            })
            .collect();
        let wanted: Vec<usize> = (0..tokens.len()).collect();
        let step = Step { tokens: &tokens, spans: &spans, wanted: &wanted };
        let logits = self.runner.step(self.model, &mut self.pool, &step)?;
        let rows = logits.chunks_exact(self.model.tokenizer().size());
        let work = Mutex::new(self.sequences.iter_mut().zip(rows));
        let broken = Mutex::new(false);
        self.model.team().run(|_, _| {
            let take = || work.lock().unwrap_or_else(PoisonError::into_inner).next();
            while let Some((sequence, row)) = take() {
                sequence.length += 1;
                match sequence.sampler.choose(row, &[]) {
                    Some(chosen) => sequence.next = chosen.id,
                    None => *broken.lock().unwrap_or_else(PoisonError::into_inner) = true,
                }
            }
        });
        if broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(Error::Model("the logits are not numbers".to_owned()));
        }
        Ok(())
    }
}

impl Sequence {
    /// Blocks for `more` positions.
    fn reserve(&mut self, pool: &mut Pool, more: usize) -> Result<(), Error> {
        while self.table.len() * BLOCK < self.length + more {
            let full = Error::Memory { bytes: 0, purpose: "the KV cache" };
            self.table.push(pool.take()?.ok_or(full)?);
        }
        Ok(())
    }
}

/// Tokens of the vocabulary, the same ones for the same `seed`. Which ones makes no difference to the time.
pub(super) fn some_tokens(model: &Model, count: usize, seed: usize) -> Vec<u32> {
    let mut random = SmallRng::seed_from_u64(seed as u64);
    (0..count).map(|_| random.random_range(0..model.info().vocabulary)).collect()
}
