//! `[models]`: which model answers, which makes embeddings, and with how much of the machine.

use std::path::PathBuf;

use redoubt_engine::Device;
use redoubt_engine::worker::Settings;
use serde::{Deserialize, Serialize};

use super::Size;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Models {
    /// The GGUF file; a manifest must know it by its name.
    pub file: PathBuf,
    /// The weights (safetensors) of the model for embeddings, its other files beside them; without it there are none.
    pub embedding: Option<PathBuf>,
    /// What computes.
    pub device: Device,
    /// Threads that compute; 0 = as many as the machine has processors.
    pub threads: usize,
    /// Most memory for what the model has read and written, beside its weights; one whole context always fits.
    pub cache_memory: Size,
    /// Answers computed at once; further ones wait.
    pub parallel: usize,
    /// Answers that may wait; further ones are told to come back.
    pub queue: usize,
    /// Of both, how many one person may have.
    pub parallel_each: usize,
    pub queue_each: usize,
}

impl Default for Models {
    fn default() -> Self {
        Self {
            file: "/var/lib/redoubt/models/SmolLM2-135M-Instruct.Q4_1.gguf".into(),
            embedding: None,
            device: Device::Auto,
            threads: 0,
            cache_memory: Size { bytes: 2 << 30 },
            parallel: 32,
            queue: 64,
            parallel_each: 32,
            queue_each: 32,
        }
    }
}

impl Models {
    /// What the engine's process gets of it, for a model of `context` positions.
    pub fn engine(&self, context: u32) -> Settings {
        Settings {
            threads: self.threads,
            context: Some(context),
            max_parallel: self.parallel,
            queue: self.queue,
            running_each: self.parallel_each,
            waiting_each: self.queue_each,
            device: self.device,
            cache_bytes: self.cache_memory.bytes,
            embedding_tokens: None,
        }
    }

    pub(super) fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.device == Device::Cuda {
            problems.push(
                "models.device: this executable has no CUDA worker; \"auto\" and \"cpu\" compute on the processor"
                    .to_owned(),
            );
        }
        for (key, value) in [("parallel", self.parallel), ("parallel_each", self.parallel_each)] {
            if value == 0 {
                problems.push(format!("models.{key}: must be at least 1"));
            }
        }
        problems
    }
}
