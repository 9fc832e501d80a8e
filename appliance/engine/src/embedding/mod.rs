//! Embeddings: texts to vectors whose angles say how much two texts have in common.
//!
//! A BERT encoder, the mean of its last layer over an input's tokens, scaled to length 1: what sentence-transformers
//! makes of `all-MiniLM-L6-v2`; `tests/sentence_transformers.rs` compares the vectors.

mod bert;
mod config;
mod files;
mod job;
mod pieces;
mod wordpiece;

pub use files::Files;
pub(crate) use job::Job;

use crate::Error;
use crate::protocol::{EmbeddingInfo, Embeddings};
use crate::worker::Settings;
use bert::{Encoder, Pass};
use candle_core::{D, Device, Tensor};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::num::NonZero;
use std::thread;
use std::time::Instant;
use wordpiece::WordPiece;

/// Most inputs of one request, as OpenAI has it.
pub const MAX_INPUTS: usize = 2048;
/// Longest input, in bytes. What is longer than the model reads is left out, but even that has an end.
pub const MAX_INPUT_BYTES: usize = 256 << 10;
/// Most tokens of an input, whatever the model says: attention takes their square in memory.
const MAX_TOKENS: usize = 512;
/// Most numbers of a vector: with [`MAX_INPUTS`] vectors a frame of the protocol still holds them.
const MAX_DIMENSIONS: usize = 1024;
/// Below this the length of a vector is noise; sentence-transformers has the same limit.
const LEAST_LENGTH: f32 = 1e-12;

/// A loaded embedding model.
pub struct Embedder {
    info: EmbeddingInfo,
    tokenizer: WordPiece,
    encoder: Encoder,
    /// candle's matrix products run on the threads of the pool that they are called in.
    pool: ThreadPool,
}

impl Embedder {
    /// Reads and checks the files.
    ///
    /// # Errors
    /// [`Error::Model`] for damaged files and such that do not fit together, [`Error::Unsupported`] for models and
    /// tokenizers other than BERT's; both name the file.
    pub fn load(files: &Files, settings: &Settings) -> Result<Embedder, Error> {
        let started = Instant::now();
        let config = files.read_config()?;
        let most = settings.embedding_tokens.map_or(MAX_TOKENS, |tokens| tokens as usize);
        let most = most.min(config.max_position_embeddings).min(MAX_TOKENS);
        if most < 3 {
            return Err(Error::invalid("embedding_tokens", "must be at least 3"));
        }
        let tokenizer = WordPiece::parse(&files.read_tokenizer()?, config.vocab_size)?;
        let encoder = files.load_weights(&config)?;
        let threads = match settings.threads {
            0 => thread::available_parallelism().map_or(1, NonZero::get),
            threads => threads,
        };
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("engine-embed-{number}"))
            .build()
            .map_err(|error| Error::Model(format!("threads for embeddings: {error}")))?;
        let info = EmbeddingInfo {
            dimensions: u32::try_from(config.hidden_size).unwrap_or(u32::MAX),
            max_tokens: u32::try_from(most).unwrap_or(u32::MAX),
            load_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        Ok(Embedder { info, tokenizer, encoder, pool })
    }

    /// What the model is.
    pub fn info(&self) -> &EmbeddingInfo {
        &self.info
    }

    /// The vectors of all inputs, in their order, at once.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no input, too many, an empty or a too long one.
    pub fn embed(&self, inputs: &[String]) -> Result<Embeddings, Error> {
        check(inputs)?;
        let mut job = Job::new(self, inputs)?;
        while !job.is_done() {
            job.step(self)?;
        }
        Ok(job.finish())
    }

    /// The token ids of an input, those around it included.
    ///
    /// # Errors
    /// Only what the tokenizer did not foresee.
    pub fn tokens(&self, input: &str) -> Result<Vec<u32>, Error> {
        self.tokenizer.encode(input, self.info.max_tokens as usize)
    }

    fn begin(&self, inputs: &[&[u32]]) -> Result<Pass, Error> {
        Ok(self.pool.install(|| self.encoder.begin(inputs))?)
    }

    /// Computes a layer; whether it was the last.
    fn advance(&self, pass: &mut Pass) -> Result<bool, Error> {
        Ok(self.pool.install(|| self.encoder.advance(pass))?)
    }

    /// The vectors `[inputs, dimensions]` of what has been through all layers.
    fn vectors(&self, pass: &Pass) -> Result<Vec<f32>, Error> {
        let means = self.encoder.means(pass)?;
        let lengths = means.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
        let lengths = lengths.maximum(&Tensor::full(LEAST_LENGTH, lengths.shape(), &Device::Cpu)?)?;
        let vectors: Vec<f32> = means.broadcast_div(&lengths)?.flatten_all()?.to_vec1()?;
        if vectors.iter().all(|number| number.is_finite()) {
            Ok(vectors)
        } else {
            Err(Error::Model("the embedding model's vectors are not numbers".to_owned()))
        }
    }
}

/// Whether inputs are within their bounds.
///
/// # Errors
/// [`Error::Invalid`] for no input, too many, an empty or a too long one.
pub fn check(inputs: &[String]) -> Result<(), Error> {
    let refuse = |why: String| Err(Error::invalid("input", why));
    if inputs.is_empty() {
        return refuse("is empty".to_owned());
    }
    if inputs.len() > MAX_INPUTS {
        return refuse(format!("has {} texts, it may have {MAX_INPUTS}", inputs.len()));
    }
    match inputs.iter().position(|input| input.is_empty() || input.len() > MAX_INPUT_BYTES) {
        Some(index) if inputs[index].is_empty() => refuse(format!("text {index} is empty")),
        Some(index) => refuse(format!("text {index} is longer than {MAX_INPUT_BYTES} bytes")),
        None => Ok(()),
    }
}
