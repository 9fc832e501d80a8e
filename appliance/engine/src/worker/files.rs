//! The open files that an engine's process begins with.

use crate::embedding;
use std::fs::File;

/// Models, each open for reading and checked by whoever opened it.
#[derive(Debug)]
pub struct Files {
    /// The GGUF file of the model that answers.
    pub model: File,
    /// The model that makes embeddings.
    pub embedding: Option<embedding::Files>,
}

/// A model that answers, and none for embeddings.
impl From<File> for Files {
    fn from(model: File) -> Files {
        Files { model, embedding: None }
    }
}
