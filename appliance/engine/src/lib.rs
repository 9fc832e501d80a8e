//! Runs quantized language models: GGUF files, tokenizers, chat templates, kernels, the KV cache, scheduling, sampling;
//! and, beside one, a small model that makes embeddings.
//!
//! Two ways in: [`Engine`] talks to the engine's process (whose body is [`worker::serve`]) and is what the
//! appliance uses; [`Model`] is the same engine within one process, for [`measure`] and for tests.
//! Nothing here knows of users, HTTP or SQL.

mod client;
mod context;
pub mod embedding;
mod error;
#[cfg(feature = "fixture")]
pub mod fixture;
pub mod gguf;
pub mod io_uring;
pub mod kernels;
pub mod measure;
pub mod model;
pub mod protocol;
pub mod sampler;
mod schedule;
pub mod template;
pub mod tokenizer;
pub mod worker;

pub use client::{Engine, Reply};
pub use error::Error;
pub use model::{Model, inspect, inspect_cache};
pub use protocol::{
    CacheScope, Device, EmbeddingInfo, EmbeddingRequest, Embeddings, End, Event, Finish, Measure, ModelInfo,
    PROTOCOL_VERSION, Prompt, Request, Role, Sampling, Turn,
};
