//! Chats of the signed-in analyst: list, open, rename, switch branches, delete, search, export; and, in
//! `send`, the way of one message.
//!
//! Everything takes the `Caller`, so a foreign chat is a missing one; nothing here knows HTTP.

mod answer;
mod engines;
mod error;
mod export;
mod prompt;
mod send;
mod title;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redoubt_store::chats::{self, Chat, Scope};
use redoubt_store::messages::{self, Message};
use redoubt_store::search::{self, Hit};
use redoubt_store::{Clock, Page, Store};

pub use answer::{Answer, Ended, Failure, Place, Step, Usage, Watcher};
pub use engines::Engines;
pub use error::Error;
pub use export::{Export, Format};
pub use send::{NewQuestion, Parent};
pub(crate) use send::{cache_scope, refusal};
pub use title::Title;

use crate::identity::{Analyst, Caller};
use crate::models::Manifest;
use crate::random::{self, Random};
use crate::records;

/// The chats, the answers that are being written, and the model that writes them.
#[derive(Clone)]
pub struct Chats {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    engines: Engines,
    model: Arc<Manifest>,
    running: Arc<Mutex<HashMap<String, Running>>>,
}

/// An answer that is being written.
#[derive(Clone)]
struct Running {
    chat_id: String,
    session_id: String,
    answer: Answer,
}

/// A chat with all its messages, every branch of them.
pub struct OpenChat {
    pub chat: Chat,
    pub messages: Vec<Message>,
}

/// What a person may change of a chat.
#[derive(Default)]
pub struct Changes {
    pub title: Option<Title>,
    /// The message at the end of the branch that is shown.
    pub head: Option<String>,
}

impl Chats {
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        engines: Engines,
        model: Manifest,
    ) -> Self {
        Self { store, clock, random, engines, model: Arc::new(model), running: Arc::default() }
    }

    pub fn model(&self) -> &Manifest {
        &self.model
    }

    pub fn engines(&self) -> &Engines {
        &self.engines
    }

    /// Starts an empty chat. The row and its audit record are one transaction.
    pub async fn create(
        &self,
        caller: &Caller<Analyst>,
        title: Option<Title>,
        model: Option<String>,
    ) -> Result<Chat, Error> {
        self.check_model(model.as_deref())?;
        let now = self.clock.now_us();
        let chat = Chat {
            id: random::id(self.random.as_ref())?,
            owner: caller.id().to_owned(),
            title: title.map(String::from).unwrap_or_default(),
            model: self.model.id.clone(),
            head: None,
            salt: random::bytes(self.random.as_ref())?,
            created_at: now,
            updated_at: now,
            workspace: scope(caller)?.workspace,
        };
        let (caller, created) = (caller.clone(), chat.clone());
        self.store
            .write(move |tx| {
                let seq = tx.audit(records::chat_created(&caller, &created))?;
                chats::insert(tx, &created, seq)?;
                Ok::<_, Error>(())
            })
            .await?;
        Ok(chat)
    }

    /// One page of the caller's chats, the newest first.
    pub async fn list(
        &self,
        caller: &Caller<Analyst>,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<Page<Chat>, Error> {
        let scope = scope(caller)?;
        self.store.read(move |reader| Ok(chats::list(reader, &scope, limit, cursor.as_deref())?)).await
    }

    /// Opens a chat. That somebody opened it is recorded before they see it.
    pub async fn open(&self, caller: &Caller<Analyst>, chat_id: &str) -> Result<OpenChat, Error> {
        let (scope, caller, chat_id) = (scope(caller)?, caller.clone(), chat_id.to_owned());
        self.store
            .write(move |tx| {
                let chat = chats::find(tx, &scope, &chat_id)?.ok_or(Error::NoSuchChat)?;
                tx.audit(records::chat_opened(&caller, &chat))?;
                let messages = messages::list(tx, &chat.owner, &chat.id)?;
                Ok(OpenChat { chat, messages })
            })
            .await
    }

    /// Renames a chat or shows another of its branches.
    pub async fn change(
        &self,
        caller: &Caller<Analyst>,
        chat_id: &str,
        changes: Changes,
    ) -> Result<OpenChat, Error> {
        let (scope, caller, chat_id) = (scope(caller)?, caller.clone(), chat_id.to_owned());
        self.store
            .write(move |tx| {
                let chat = chats::find(tx, &scope, &chat_id)?.ok_or(Error::NoSuchChat)?;
                let messages = messages::list(tx, &chat.owner, &chat.id)?;
                if let Some(head) = &changes.head
                    && !chats::set_head(tx, &scope, &chat.id, head, chat.updated_at)?
                {
                    return Err(Error::NoSuchMessage);
                }
                if let Some(title) = &changes.title {
                    chats::rename(tx, &scope, &chat.id, title.as_str(), chat.updated_at)?;
                }
                tx.audit(records::chat_updated(
                    &caller,
                    &chat,
                    changes.title.is_some(),
                    changes.head.is_some(),
                ))?;
                let chat = chats::find(tx, &scope, &chat_id)?.ok_or(Error::NoSuchChat)?;
                Ok(OpenChat { chat, messages })
            })
            .await
    }

    /// Deletes a chat, its messages and their traces in the search index; a running answer ends first.
    pub async fn delete(&self, caller: &Caller<Analyst>, chat_id: &str) -> Result<(), Error> {
        let (scope, deleting, id) = (scope(caller)?, caller.clone(), chat_id.to_owned());
        self.store
            .write(move |tx| {
                let chat = chats::find(tx, &scope, &id)?.ok_or(Error::NoSuchChat)?;
                let messages = chats::delete(tx, &scope, &chat.id)?.ok_or(Error::NoSuchChat)?;
                tx.audit(records::chat_deleted(&deleting, &chat, messages))?;
                Ok::<_, Error>(())
            })
            .await?;
        self.stop_where(|running| running.chat_id == chat_id);
        Ok(())
    }

    /// Searches the caller's own chats: like listing them, not recorded.
    pub async fn search(
        &self,
        caller: &Caller<Analyst>,
        query: String,
        limit: usize,
    ) -> Result<Vec<Hit>, Error> {
        let scope = scope(caller)?;
        self.store.read(move |reader| Ok(search::find(reader, &scope, &query, limit)?)).await
    }

    /// The whole chat as a file. Recorded before it is handed out.
    pub async fn export(
        &self,
        caller: &Caller<Analyst>,
        chat_id: &str,
        format: Format,
    ) -> Result<Export, Error> {
        let (scope, exporting, id) = (scope(caller)?, caller.clone(), chat_id.to_owned());
        let open = self
            .store
            .write(move |tx| {
                let chat = chats::find(tx, &scope, &id)?.ok_or(Error::NoSuchChat)?;
                tx.audit(records::chat_exported(&exporting, &chat, format.name()))?;
                let messages = messages::list(tx, &chat.owner, &chat.id)?;
                Ok::<_, Error>(OpenChat { chat, messages })
            })
            .await?;
        Ok(export::render(&open, format, &caller.user.name, self.clock.now_us()))
    }

    /// Stops the answer that is being written in a chat, if there is one.
    pub async fn stop(&self, caller: &Caller<Analyst>, chat_id: &str) -> Result<(), Error> {
        let (scope, id) = (scope(caller)?, chat_id.to_owned());
        let found = self.store.read(move |reader| Ok::<_, Error>(chats::find(reader, &scope, &id)?)).await?;
        found.ok_or(Error::NoSuchChat)?;
        self.stop_where(|running| running.chat_id == chat_id);
        Ok(())
    }

    /// Stops the answers of a session that has ended.
    pub fn stop_session(&self, session_id: &str) {
        self.stop_where(|running| running.session_id == session_id);
    }

    fn stop_where(&self, matches: impl Fn(&Running) -> bool) {
        self.running().values().filter(|running| matches(running)).for_each(|running| running.answer.stop());
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_model(&self, asked: Option<&str>) -> Result<(), Error> {
        match asked {
            Some(model) if model != self.model.id => Err(Error::NoSuchModel),
            _ => Ok(()),
        }
    }
}

/// The chats that a caller may touch: their own, in the workspace of their session.
fn scope(caller: &Caller<Analyst>) -> Result<Scope, Error> {
    let workspace = caller.workspace().ok_or(Error::NoWorkspace)?.to_owned();
    Ok(Scope { owner: caller.id().to_owned(), workspace })
}
