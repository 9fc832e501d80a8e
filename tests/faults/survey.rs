//! A stopped demo's store, opened with its key: is everything there that was acknowledged?

use std::path::Path;
use std::sync::Arc;

use redoubt::clock::SystemClock;
use redoubt::front::open_store;
use redoubt_store::chats::{self, Chat, Scope};
use redoubt_store::messages::{self, Message};
use redoubt_store::{Error, Store, users, workspaces};
use ring::rand::SystemRandom;

pub(super) struct Survey(Store);

impl Survey {
    /// Opens the store of a data folder that nobody serves, and finds it intact.
    pub(super) fn of(data: &Path) -> Self {
        let clock = Arc::new(SystemClock::new());
        let store = open_store(data, &data.join("store.key"), "tests", clock, &SystemRandom::new()).unwrap();
        assert_eq!(store.check_integrity().unwrap(), Vec::<String>::new());
        Self(store)
    }

    pub(super) fn chat(&self, owner: &str, id: &str) -> Option<(Chat, Vec<Message>)> {
        let (owner, id) = (owner.to_owned(), id.to_owned());
        let found = self.0.read_blocking(move |reader| {
            let user = users::find_by_name(reader, &owner)?.expect("the owner is gone");
            let scope = Scope { owner: user.id.clone(), workspace: workspaces::GENERAL.to_owned() };
            let Some(chat) = chats::find(reader, &scope, &id)? else { return Ok(None) };
            let messages = messages::list(reader, &user.id, &chat.id)?;
            Ok::<_, Error>(Some((chat, messages)))
        });
        found.unwrap()
    }
}
