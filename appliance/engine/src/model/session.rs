//! One sequence in this process: scores of given tokens, greedy or sampled continuation. For measuring and tests.

use super::Model;
use super::cache::{BLOCK, Pool};
use super::forward::{MOST_ROWS, Runner, Span, Step};
use crate::sampler::{Chosen, Sampler, log_sum_exp};
use crate::{Error, Sampling};

/// How likely the model finds a token that was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// Natural logarithm of the given token's probability.
    pub target_logprob: f32,
    /// The likeliest tokens and the logarithms of their probabilities, likeliest first.
    pub top: Vec<(u32, f32)>,
}

/// A continuation.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// Its tokens; an end-of-text token is the last one, if there is one.
    pub tokens: Vec<Chosen>,
}

/// A sequence and its cache.
pub struct Session<'m> {
    model: &'m Model,
    pool: Pool,
    runner: Runner,
    table: Vec<u32>,
    length: usize,
}

impl<'m> Session<'m> {
    /// An empty sequence.
    pub fn new(model: &'m Model) -> Session<'m> {
        let pool = Pool::new(model.shape(), model.info().context, 0);
        Session { model, pool, runner: Runner::new(model), table: Vec::new(), length: 0 }
    }

    /// Positions so far.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing was fed yet.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Goes back to nothing; memory is kept.
    pub fn clear(&mut self) {
        self.pool.release(&mut self.table);
        self.length = 0;
    }

    /// Appends tokens and gives the logits after the last of them, one for each token of the vocabulary.
    pub fn feed(&mut self, tokens: &[u32]) -> Result<&[f32], Error> {
        let Some((last, before)) = tokens.split_last() else { return Ok(&[]) };
        for piece in before.chunks(MOST_ROWS) {
            self.step(piece, &[])?;
        }
        self.step(&[*last], &[0])
    }

    /// Appends tokens and hands the logits after each of them to `see`, with the token's index.
    pub fn feed_all(&mut self, tokens: &[u32], mut see: impl FnMut(usize, &[f32])) -> Result<(), Error> {
        // Few rows at a time: each has logits for the whole vocabulary.
        const ROWS: usize = 32;
        let wanted: Vec<usize> = (0..ROWS).collect();
        let vocabulary = self.model.tokenizer().size();
        for (part, tokens) in tokens.chunks(ROWS).enumerate() {
            let logits = self.step(tokens, &wanted[..tokens.len()])?;
            for (row, logits) in logits.chunks_exact(vocabulary).enumerate() {
                see(part * ROWS + row, logits);
            }
        }
        Ok(())
    }

    fn step(&mut self, tokens: &[u32], wanted: &[usize]) -> Result<&[f32], Error> {
        let context = self.model.info().context;
        let length = self.length + tokens.len();
        if length > context as usize {
            let tokens = u32::try_from(length).unwrap_or(u32::MAX);
            return Err(Error::ContextExceeded { tokens, context });
        }
        if let Some(token) = tokens.iter().find(|token| **token as usize >= self.model.tokenizer().size()) {
            return Err(Error::invalid("tokens", format!("{token} is beyond the vocabulary")));
        }
        while self.table.len() * BLOCK < length {
            let full = Error::Memory { bytes: 0, purpose: "the KV cache" };
            self.table.push(self.pool.take()?.ok_or(full)?);
        }
        let span = Span { first: 0, rows: tokens.len(), position: self.length, table: &self.table };
        let step = Step { tokens, spans: &[span], wanted };
        self.length = length;
        self.runner.step(self.model, &mut self.pool, &step)
    }
}

impl Model {
    /// Teacher-forced: for each token of `ids` but the first, how likely it is after those before it, and the
    /// `top` likeliest tokens at that place.
    ///
    /// # Errors
    /// [`Error::ContextExceeded`] for more tokens than the context has positions, [`Error::Model`] where the
    /// logits are no numbers.
    pub fn score(&self, ids: &[u32], top: usize) -> Result<Vec<Scored>, Error> {
        let Some((_, targets)) = ids.split_first() else { return Ok(Vec::new()) };
        let mut scores = Vec::with_capacity(targets.len());
        let mut broken = false;
        Session::new(self).feed_all(&ids[..targets.len()], |index, logits| match log_sum_exp(logits) {
            Some(total) => scores.push(Scored {
                target_logprob: logits[targets[index] as usize] - total,
                top: likeliest(logits, total, top),
            }),
            None => broken = true,
        })?;
        if broken { Err(no_numbers()) } else { Ok(scores) }
    }

    /// Continues `prompt` by up to `sampling.max_tokens` tokens; stop strings are not looked at.
    ///
    /// # Errors
    /// As [`Model::score`].
    pub fn generate(&self, prompt: &[u32], sampling: &Sampling) -> Result<Generated, Error> {
        sampling.validate()?;
        let mut session = Session::new(self);
        let mut sampler = Sampler::new(sampling.clone());
        let mut all = prompt.to_vec();
        let mut tokens = Vec::new();
        let mut fresh = prompt.to_vec();
        while tokens.len() < sampling.max_tokens as usize && all.len() < self.info().context as usize {
            let chosen = sampler.choose(session.feed(&fresh)?, &all).ok_or_else(no_numbers)?;
            tokens.push(chosen);
            all.push(chosen.id);
            fresh = vec![chosen.id];
            if self.tokenizer().is_end(chosen.id) && !sampling.ignore_eos {
                break;
            }
        }
        Ok(Generated { tokens })
    }
}

fn no_numbers() -> Error {
    Error::Model("the logits are not numbers".to_owned())
}

fn likeliest(logits: &[f32], total: f32, top: usize) -> Vec<(u32, f32)> {
    let mut all: Vec<(u32, f32)> = (0..).zip(logits).map(|(id, logit)| (id, logit - total)).collect();
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if top < all.len() {
        all.select_nth_unstable_by(top, order);
        all.truncate(top);
    }
    all.sort_unstable_by(order);
    all
}
