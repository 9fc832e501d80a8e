//! Embeddings: texts to vectors whose angles say how much two texts have in common.
//!
//! A BERT encoder by candle-transformers, the mean of its last layer over an input's tokens, scaled to length 1:
//! what sentence-transformers makes of `all-MiniLM-L6-v2`, whose vectors `tests/embedding` compares.

mod files;
mod job;
mod pieces;
mod wordpiece;

pub use files::Files;
pub(crate) use job::Job;

use crate::Error;
use crate::protocol::{EmbeddingInfo, Embeddings};
use crate::worker::Settings;
use candle_core::{D, DType, Device, Tensor};
use candle_transformers::models::bert::BertModel;
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
    model: BertModel,
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
        let model = files.load_weights(&config)?;
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
        Ok(Embedder { info, tokenizer, model, pool })
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

    /// One forward pass: the vectors `[inputs, dimensions]` of inputs that are given as tokens.
    fn forward(&self, inputs: &[&[u32]]) -> Result<Vec<f32>, Error> {
        let width = inputs.iter().map(|input| input.len()).max().unwrap_or_default();
        let (mut ids, mut mask) = (Vec::new(), Vec::new());
        for input in inputs {
            let padding = width - input.len();
            ids.extend(input.iter().copied().chain(std::iter::repeat_n(0, padding)));
            mask.extend(std::iter::repeat_n(1_f32, input.len()).chain(std::iter::repeat_n(0.0, padding)));
        }
        let shape = (inputs.len(), width);
        let vectors = self.pool.install(|| -> candle_core::Result<Vec<f32>> {
            let ids = Tensor::from_vec(ids, shape, &Device::Cpu)?;
            let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
            let hidden = self.model.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
            let mask = mask.unsqueeze(D::Minus1)?;
            let sums = hidden.broadcast_mul(&mask)?.sum(1)?;
            let means = sums.broadcast_div(&mask.sum(1)?)?;
            let lengths = means.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
            let lengths = lengths.maximum(&Tensor::full(LEAST_LENGTH, lengths.shape(), &Device::Cpu)?)?;
            means.broadcast_div(&lengths)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
        })?;
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
