//! A model: weights, tokenizer, template, and the forward pass over them.
//!
//! Immutable once loaded; what a step writes to lives in [`forward::Runner`] and [`cache::Pool`].

mod attention;
pub(crate) mod cache;
pub(crate) mod elementwise;
pub(crate) mod forward;
mod info;
mod keys;
pub(crate) mod lanes;
mod rope;
mod session;
mod shape;
mod tensors;
mod weights;

pub use info::{inspect, inspect_cache};
pub use session::{Generated, Scored, Session};

use crate::gguf::Gguf;
use crate::kernels::{Isa, Path, Team};
use crate::template::Template;
use crate::tokenizer::Tokenizer;
use crate::worker::Settings;
use crate::{Device, Error, ModelInfo};
use rope::Rotation;
use shape::Shape;
use std::fs::File;
use std::num::NonZero;
use std::thread;
use std::time::Instant;
use weights::Weights;

/// How to load a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Threads that compute; 0 takes one for each processor.
    pub threads: usize,
    /// Positions of one sequence; never more than the model was made for, which is also the default.
    pub context: Option<u32>,
    /// What to compute with, for measuring; the fastest that the processor has is the default.
    pub isa: Option<Isa>,
}

impl TryFrom<&Settings> for Options {
    type Error = Error;

    fn try_from(settings: &Settings) -> Result<Options, Error> {
        match settings.device {
            Device::Cpu | Device::Auto => {
                Ok(Options { threads: settings.threads, context: settings.context, isa: None })
            }
            Device::Cuda => {
                Err(Error::Unsupported("device `cuda`: this executable has no CUDA worker".to_owned()))
            }
        }
    }
}

/// A loaded model.
pub struct Model {
    info: ModelInfo,
    shape: Shape,
    weights: Weights,
    rotation: Rotation,
    /// Of layers with a window, where it is another one.
    local_rotation: Option<Rotation>,
    tokenizer: Tokenizer,
    template: Option<Template>,
    team: Team,
    path: Path,
}

impl Model {
    /// Reads, checks and repacks a GGUF file.
    ///
    /// # Errors
    /// [`Error::Gguf`] for a damaged file, [`Error::Unsupported`] for what this engine does not have (by name),
    /// [`Error::Model`] for metadata and tensors that do not fit together.
    pub fn load(file: &File, options: &Options) -> Result<Model, Error> {
        let started = Instant::now();
        let gguf = Gguf::open(file)?;
        let metadata = gguf.metadata();
        let shape = Shape::from_metadata(metadata)?;
        let tokenizer = Tokenizer::from_metadata(metadata)?;
        let template = match metadata.text("tokenizer.chat_template")? {
            Some(source) => {
                let (bos, eos) = (tokenizer.bos_text(), tokenizer.eos_text());
                Some(Template::new(source, bos.unwrap_or_default(), eos.unwrap_or_default())?)
            }
            None => None,
        };
        let context = options.context.unwrap_or(shape.context).min(shape.context);
        if context < 2 {
            return Err(Error::invalid("context", "must be at least 2"));
        }
        let threads = match options.threads {
            0 => thread::available_parallelism().map_or(1, NonZero::get),
            threads => threads,
        };
        let team = Team::new(threads);
        let isa = options.isa.unwrap_or_else(Isa::best);
        let path = Path::of(isa).ok_or_else(|| Error::Unsupported(format!("{isa:?} on this processor")))?;
        let weights = Weights::load(&gguf, &shape, tokenizer.size(), isa, &team)?;
        let rotation = Rotation::new(&shape.rope, weights.rope_factors.as_deref());
        let local_rotation = shape.local_rope.as_ref().map(|rope| Rotation::new(rope, None));
        let load_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let info = ModelInfo { context, load_ms, ..info::describe(&gguf, &shape)? };
        Ok(Model { info, shape, weights, rotation, local_rotation, tokenizer, template, team, path })
    }

    /// What the model is.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Its tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Its chat template, if it has one.
    pub fn template(&self) -> Option<&Template> {
        self.template.as_ref()
    }

    /// The tokens that a prompt becomes when up to `max_tokens` are to follow, and how many of its oldest turns
    /// had to leave.
    ///
    /// # Errors
    /// [`Error::ContextExceeded`] when even the last turn alone does not fit.
    pub fn prompt_tokens(&self, prompt: &crate::Prompt, max_tokens: u32) -> Result<(Vec<u32>, u32), Error> {
        let fitted = crate::context::fit(self, prompt, max_tokens)?;
        Ok((fitted.tokens, fitted.dropped_turns))
    }

    /// Memory that the repacked weights take, in bytes.
    pub fn weights_in_memory(&self) -> usize {
        self.weights.bytes()
    }

    /// Memory that one step reads of them however many rows it has, in bytes: all but the rows of an embedding that
    /// is not the head, too.
    pub fn weights_per_step(&self) -> usize {
        self.weights.bytes_per_step()
    }

    /// Memory that one position takes in the KV cache, in bytes.
    pub fn cache_bytes_per_position(&self) -> usize {
        cache::bytes_per_position(&self.shape)
    }

    /// The instruction set that it computes with.
    pub fn isa(&self) -> Isa {
        self.path.isa()
    }

    /// Threads that compute.
    pub fn threads(&self) -> usize {
        self.team.threads()
    }

    /// Its threads, for work between steps.
    pub(crate) fn team(&self) -> &Team {
        &self.team
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }
}
