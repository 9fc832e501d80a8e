//! One request on its way: its inputs as tokens, computed a group and a layer at a time.

use super::{Embedder, Pass, pieces};
use crate::Error;
use crate::protocol::Embeddings;

/// A request that is being computed.
pub(crate) struct Job {
    /// One list of tokens for each input.
    inputs: Vec<Vec<u32>>,
    /// Groups of inputs that are still to come; the last one is next.
    left: Vec<Vec<usize>>,
    /// The group that is between two layers.
    current: Option<(Vec<usize>, Pass)>,
    vectors: Vec<f32>,
    dimensions: usize,
}

impl Job {
    /// Makes tokens of checked inputs.
    pub(crate) fn new(embedder: &Embedder, inputs: &[String]) -> Result<Job, Error> {
        let inputs = inputs.iter().map(|input| embedder.tokens(input)).collect::<Result<Vec<_>, _>>()?;
        let left = pieces::group(&inputs.iter().map(Vec::len).collect::<Vec<_>>());
        let dimensions = embedder.info().dimensions as usize;
        let vectors = vec![0.0; inputs.len() * dimensions];
        Ok(Job { inputs, left, current: None, vectors, dimensions })
    }

    /// Whether every input has its vector.
    pub(crate) fn is_done(&self) -> bool {
        self.left.is_empty() && self.current.is_none()
    }

    /// Computes one layer of one group: a bounded time, whatever was asked for.
    pub(crate) fn step(&mut self, embedder: &Embedder) -> Result<(), Error> {
        let (group, mut pass) = match self.current.take() {
            Some(current) => current,
            None => {
                let Some(group) = self.left.pop() else { return Ok(()) };
                let inputs: Vec<&[u32]> = group.iter().map(|index| self.inputs[*index].as_slice()).collect();
                let pass = embedder.begin(&inputs)?;
                (group, pass)
            }
        };
        if !embedder.advance(&mut pass)? {
            self.current = Some((group, pass));
            return Ok(());
        }
        let vectors = embedder.vectors(&pass)?;
        for (index, vector) in group.iter().zip(vectors.chunks_exact(self.dimensions)) {
            self.vectors[index * self.dimensions..][..self.dimensions].copy_from_slice(vector);
        }
        Ok(())
    }

    /// The vectors, once all are there.
    pub(crate) fn finish(self) -> Embeddings {
        let tokens: usize = self.inputs.iter().map(Vec::len).sum();
        Embeddings {
            vectors: self.vectors,
            dimensions: u32::try_from(self.dimensions).unwrap_or(u32::MAX),
            prompt_tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
        }
    }
}
