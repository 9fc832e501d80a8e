//! A stopped demo's store, opened with its key: is everything there that was acknowledged?

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use redoubt::clock::SystemClock;
use redoubt::front::open_store;
use redoubt::unlock::Unlock;
use redoubt_store::audit_log::{self, Filter};
use redoubt_store::chats::{self, Chat, Scope};
use redoubt_store::messages::{self, Message};
use redoubt_store::{Error, Reader, Store, users, workspaces};
use ring::rand::SystemRandom;

pub(super) struct Survey(Store);

impl Survey {
    /// Opens the store of a data folder that nobody serves, and finds it intact.
    pub(super) fn of(data: &Path) -> Self {
        let clock = Arc::new(SystemClock::new());
        let store =
            open_store(data, &Unlock::KeyFile(data.join("store.key")), "tests", clock, &SystemRandom::new())
                .unwrap();
        assert_eq!(store.check_integrity().unwrap(), Vec::<String>::new());
        Self(store)
    }

    /// The requests that the log knows.
    pub(super) fn requests(&self) -> BTreeSet<String> {
        let mut requests = BTreeSet::new();
        let mut cursor = None;
        loop {
            let list =
                move |reader: &Reader| audit_log::list(reader, &Filter::default(), cursor.as_deref(), 1000);
            let page = self.0.read_blocking(list).unwrap();
            requests.extend(page.items.iter().filter_map(|entry| entry.record.fields().req.clone()));
            cursor = page.next;
            if cursor.is_none() {
                return requests;
            }
        }
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
