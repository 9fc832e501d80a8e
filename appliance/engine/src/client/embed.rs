//! Embeddings as the front asks for them.

use super::routes::Route;
use super::{Engine, Shared};
use crate::protocol::{self, ToWorker};
use crate::{EmbeddingInfo, EmbeddingRequest, Embeddings, Error, embedding};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

impl Engine {
    /// The model that makes embeddings, if this engine has one.
    pub fn embedding(&self) -> Option<&EmbeddingInfo> {
        self.shared.embedding.as_ref()
    }

    /// The vectors of texts. Giving up (dropping the future) cancels the request within one piece of it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for texts out of their bounds and where there is no embedding model, [`Error::Busy`],
    /// [`Error::Gone`], and [`Error::Model`] where the engine failed.
    pub async fn embed(&self, request: EmbeddingRequest) -> Result<Embeddings, Error> {
        embedding::check(&request.inputs)?;
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = protocol::encode(&ToWorker::Embed { id, request })?;
        let (answer, answered) = oneshot::channel();
        self.shared.routes.insert(id, Route::Embed(answer))?;
        let mut asked = Asked { id, shared: Arc::clone(&self.shared), is_over: false };
        self.shared.outbox.send(frame).map_err(|_| Error::Gone)?;
        let result = answered.await;
        asked.is_over = true;
        result.map_err(|_| Error::Gone)?.map_err(Error::from)
    }
}

/// A request whose answer is awaited. Dropping it cancels the request; the engine still answers, and that ends the
/// route.
struct Asked {
    id: u64,
    shared: Arc<Shared>,
    is_over: bool,
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if let Ok(frame) = protocol::encode(&ToWorker::Cancel { id: self.id }) {
            // A closed outbox means that the process is gone, and with it the request.
            let _gone = self.shared.outbox.send(frame);
        }
    }
}
