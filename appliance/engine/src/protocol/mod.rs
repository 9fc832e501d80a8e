//! What the front and the engine's process say to each other.
//!
//! The same types are the API of [`crate::Engine`]. Any change to a type that is serialised here raises
//! [`PROTOCOL_VERSION`]: both sides compare it before anything else.

mod embedding;
mod frame;
mod sampling;

pub use embedding::{EmbeddingInfo, EmbeddingRequest, Embeddings};
pub(crate) use frame::{FromWorker, Ready, Refusal, ToWorker, encode, read};
pub use sampling::{MAX_STOP_BYTES, MAX_STOPS, Sampling};
use serde::{Deserialize, Serialize};

/// Version of the frames below.
pub const PROTOCOL_VERSION: u16 = 4;

/// Where a model runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// On the processor.
    Cpu,
    /// On an NVIDIA GPU; refused where there is no CUDA worker.
    Cuda,
    /// CUDA where there is a worker for it, else the processor.
    #[default]
    Auto,
}

/// Who said a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions for the whole chat. Never dropped for length.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The name that chat templates know.
    pub fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }
}

/// One message of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who said it.
    pub role: Role,
    /// Plain text: the names of special tokens in it are text, too.
    pub content: String,
}

/// What the model goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Prompt {
    /// Rendered by the model's own template, followed by the opening of an answer.
    Chat(Vec<Turn>),
    /// No template, never parsed for special tokens; begins with BOS where the metadata asks for it.
    Text(String),
}

/// Who may reuse what this request leaves in the KV cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CacheScope {
    /// Within this name (model and workspace) the blocks of a system prompt are shared.
    pub shared: String,
    /// Within this name (a person) everything else is.
    pub private: String,
}

/// One answer to produce.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What to answer.
    pub prompt: Prompt,
    /// How to choose tokens, and when to stop.
    pub sampling: Sampling,
    /// Who may reuse the cache of it.
    pub cache_scope: CacheScope,
    /// Whom the round robin and the limits count as one user.
    pub party: String,
    /// Whose turn comes first: the higher one's, but for every fifth place, which goes by the round robin alone.
    pub priority: i32,
}

/// How long a prompt is. See [`crate::Engine::measure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// Tokens of the prompt as it would run.
    pub prompt_tokens: u32,
    /// Turns that would leave it because it is too long.
    pub dropped_turns: u32,
    /// Positions that prompt and answer share.
    pub context: u32,
}

/// What happens to a request, in this order: any number of `Queued`, `Started`, `Token`s, one `End`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// It waits; 1 is next. Told again when the place changes.
    Queued {
        /// Place in the queue.
        position: u32,
        /// Seconds until it may be its turn, guessed from how long answers took so far.
        wait_s: u32,
    },
    /// Its prompt is being read.
    Started {
        /// Tokens of the prompt.
        prompt_tokens: u32,
        /// Those of them whose keys and values were already there, as far as the request's private scope has
        /// used them before: nobody learns from it what others have asked.
        cached_tokens: u32,
        /// Turns that left the prompt because it was too long.
        dropped_turns: u32,
    },
    /// One token was chosen. The token that ends the text has an event only if text was still held back.
    Token {
        /// What it adds to the answer: whole characters, empty while one is incomplete or while it might
        /// still become a stop string.
        text: String,
        /// Its id.
        id: u32,
        /// Natural logarithm of its probability before temperature, penalties and filters.
        logprob: f32,
    },
    /// The last event.
    End(End),
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// The model ended it, or a stop string came.
    Stop,
    /// `max_tokens` or the context is used up.
    Length,
    /// The caller ended it.
    Cancelled,
    /// The engine failed; see [`End::error`].
    Error,
}

/// The sums of a finished request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// Why it ended.
    pub reason: Finish,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the answer, an end-of-text token not counted.
    pub completion_tokens: u32,
    /// Tokens of the prompt whose keys and values were already there, counted as in [`Event::Started`]; more than
    /// there if the same person's other request computed some of them meanwhile.
    pub cached_tokens: u32,
    /// From the start to the first token, in milliseconds.
    pub prefill_ms: u64,
    /// From the first token to the end, in milliseconds.
    pub decode_ms: u64,
    /// From the request to the start, in milliseconds.
    pub queue_ms: u64,
    /// What failed, for the log.
    pub error: Option<String>,
}

impl End {
    /// An end without any sums, for a request whose engine is gone.
    pub(crate) fn failed(error: impl Into<String>) -> End {
        End {
            reason: Finish::Error,
            prompt_tokens: 0,
            completion_tokens: 0,
            cached_tokens: 0,
            prefill_ms: 0,
            decode_ms: 0,
            queue_ms: 0,
            error: Some(error.into()),
        }
    }
}

/// What a model file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// `general.name`, else the architecture.
    pub name: String,
    /// `general.architecture`.
    pub architecture: String,
    /// Number of weights.
    pub parameters: u64,
    /// The type that most weights have, such as `Q4_1`.
    pub quantization: String,
    /// Positions of one sequence, as configured and as the model allows.
    pub context: u32,
    /// Number of tokens.
    pub vocabulary: u32,
    /// `general.license`.
    pub license: Option<String>,
    /// Bytes of all tensors in the file.
    pub weights_bytes: u64,
    /// Whether [`Prompt::Chat`] is possible.
    pub has_template: bool,
    /// How long loading took, in milliseconds; 0 for a model that was only inspected.
    pub load_ms: u64,
    /// Where it runs.
    pub device: Device,
}
