//! `[models]`: which model answers, which makes embeddings, and with how much of the machine.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Models {
    /// The GGUF file; a manifest must know it by its name.
    pub file: PathBuf,
    /// The weights (safetensors) of the model for embeddings, its other files beside them; without it there are none.
    pub embedding: Option<PathBuf>,
    /// Threads that compute; 0 = as many as the machine has processors.
    pub threads: usize,
    /// Answers computed at once; further ones wait.
    pub parallel: usize,
    /// Answers that may wait; further ones are told to come back.
    pub queue: usize,
}

impl Default for Models {
    fn default() -> Self {
        Self {
            file: "/var/lib/redoubt/models/SmolLM2-135M-Instruct.Q4_1.gguf".into(),
            embedding: None,
            threads: 0,
            parallel: 32,
            queue: 64,
        }
    }
}
