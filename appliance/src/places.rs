//! How much a program has running at once, by its key: completions and embeddings together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::chat;
use crate::identity::ApiCaller;

/// The places that are taken. Clones share them.
#[derive(Clone, Default)]
pub struct Places(Arc<Mutex<HashMap<String, u32>>>);

/// One of a key's places; given back when dropped.
pub struct Place {
    places: Places,
    key_id: String,
}

impl Places {
    /// A key may have only so many requests running at once.
    pub fn take(&self, caller: &ApiCaller) -> Result<Place, chat::Error> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = places.entry(caller.key_id.clone()).or_default();
        if *taken >= caller.parallel {
            return Err(chat::Error::Busy { retry_after_seconds: 1 });
        }
        *taken += 1;
        Ok(Place { places: self.clone(), key_id: caller.key_id.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = places.get_mut(&self.key_id) {
            *taken = taken.saturating_sub(1);
        }
    }
}
