//! The engine of the moment: it is replaced when its process dies, and there may be none for a while.

use std::sync::{Arc, PoisonError, RwLock};

use redoubt_engine::Engine;

/// A handle that always leads to the present engine.
#[derive(Clone, Default)]
pub struct Engines(Arc<RwLock<Option<Engine>>>);

impl Engines {
    /// The engine, if its process lives.
    pub fn present(&self) -> Option<Engine> {
        let engine = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        engine.filter(Engine::is_alive)
    }

    pub fn replace(&self, engine: Engine) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(engine);
    }
}
