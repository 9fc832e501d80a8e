//! The model for embeddings, if one is configured: its files, and whether the engine loads them.

use redoubt_engine::embedding::Embedder;

use super::memory::bytes;
use super::models::refused;
use super::progress::Progress;
use super::{Code, Outcome};
use crate::config::Config;
use crate::models::{self, CheckedEmbedding};

/// What came of it.
pub(super) struct Embeddings {
    pub(super) outcome: Outcome,
    /// Memory that its weights take beside the other model's.
    pub(super) bytes: u64,
}

pub(super) fn check(config: &Config) -> Embeddings {
    let Some(path) = &config.models.embedding else {
        return Embeddings { outcome: Outcome::skipped("models.embedding names no model"), bytes: 0 };
    };
    let mut progress = Progress::new();
    let verified = models::verify_embedding(path, &mut |file, done, all| progress.tell(file, done, all));
    drop(progress);
    let CheckedEmbedding { manifest, files } = match verified {
        Ok(checked) => checked,
        Err(error) => return Embeddings { outcome: refused(&error), bytes: 0 },
    };
    let mut settings = config.models.engine(manifest.context);
    settings.embedding_tokens = Some(manifest.context);
    let outcome = match Embedder::load(&files, &settings) {
        Ok(embedder) => {
            let info = embedder.info();
            let mut outcome = Outcome::new();
            outcome.find(format!(
                "{}: {} numbers of at most {} tokens",
                manifest.id, info.dimensions, info.max_tokens
            ));
            outcome.find(format!(
                "{}, {}: its SHA-256 and those of its other files are the manifest's",
                path.display(),
                bytes(manifest.size)
            ));
            outcome
        }
        Err(error) => {
            let advice = "name another model: the engine cannot run this one";
            Outcome::failed(Code::Failure, format!("{}: {error}", path.display()), advice)
        }
    };
    Embeddings { outcome, bytes: manifest.size }
}
