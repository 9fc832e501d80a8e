//! Why the engine could not do what was asked.

use std::io;

/// Every failure that leaves this package. Texts are for operators and logs; callers match on the variant.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model file is damaged or not a GGUF file.
    #[error("model file: {0}")]
    Gguf(#[from] crate::gguf::Error),
    /// The model file is sound, but needs something this engine does not have; the text names it.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// The model's metadata contradicts itself or its tensors.
    #[error("model: {0}")]
    Model(String),
    /// The model has no chat template, or it could not be rendered.
    #[error("chat template: {0}")]
    Template(String),
    /// The prompt has `tokens` tokens (at least), more than fit into `context` even without older turns.
    #[error("the prompt has {tokens} tokens and the context holds {context}")]
    ContextExceeded {
        /// Tokens of the shortest possible prompt.
        tokens: u32,
        /// Positions of one sequence.
        context: u32,
    },
    /// The queue is full; a retry makes sense after that many seconds.
    #[error("the engine is busy, retry in {retry_after_s} s")]
    Busy {
        /// A guess from the requests in front.
        retry_after_s: u32,
    },
    /// The party has as many requests open as one may; a retry makes sense after that many seconds.
    #[error("too many requests of one party are open, retry in {retry_after_s} s")]
    Quota {
        /// A guess from how long its requests take.
        retry_after_s: u32,
    },
    /// A request's field is out of its range.
    #[error("{field}: {why}")]
    Invalid {
        /// Name of the field, as in [`crate::Request`] and [`crate::Sampling`].
        field: String,
        /// What is wrong with it.
        why: String,
    },
    /// The engine's process is gone.
    #[error("the engine has stopped")]
    Gone,
    /// The other side speaks another version of the protocol, or nonsense.
    #[error("engine protocol: {0}")]
    Protocol(String),
    /// The engine's process could not load its model.
    #[error("the engine could not start: {0}")]
    Start(String),
    /// Memory for the KV cache or the work buffers could not be had.
    #[error("out of memory: {bytes} bytes for {purpose}")]
    Memory {
        /// What was asked of the allocator.
        bytes: usize,
        /// What it was for.
        purpose: &'static str,
    },
    /// A tensor library error that none of the checks before it foresaw.
    #[error("tensor: {0}")]
    Tensor(#[from] candle_core::Error),
    /// Reading the model file or the socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    /// A field that is out of its range.
    pub(crate) fn invalid(field: &str, why: impl Into<String>) -> Error {
        Error::Invalid { field: field.to_owned(), why: why.into() }
    }
}
