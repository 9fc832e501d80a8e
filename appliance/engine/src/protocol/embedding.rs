//! What is said about embeddings.

use serde::{Deserialize, Serialize};

/// Texts to make vectors of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddingRequest {
    /// One to [`crate::embedding::MAX_INPUTS`] texts, none empty or longer than
    /// [`crate::embedding::MAX_INPUT_BYTES`]. Of a long one only the beginning counts.
    pub inputs: Vec<String>,
    /// Whom the round robin counts as one user.
    pub party: String,
}

/// Their vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embeddings {
    /// One after the other, in the order of the texts; each of length 1 and `dimensions` numbers.
    pub vectors: Vec<f32>,
    /// Numbers of one vector.
    pub dimensions: u32,
    /// Tokens that were read, those around each text included.
    pub prompt_tokens: u32,
}

impl Embeddings {
    /// The vectors, one a text.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.vectors.chunks_exact(self.dimensions.max(1) as usize)
    }
}

/// What an embedding model is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddingInfo {
    /// Numbers of one vector.
    pub dimensions: u32,
    /// Tokens of a text that it reads; further ones are left out.
    pub max_tokens: u32,
    /// How long loading took, in milliseconds.
    pub load_ms: u64,
}
