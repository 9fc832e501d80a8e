//! Chats of the signed-in analyst: list, open, rename, switch branches, delete, search, export; and, in
//! `send`, the way of one message.
//!
//! Everything takes the `Member`, so a chat of somebody else, or of another workspace, is a missing one; nothing here
//! knows HTTP.

mod answer;
mod engines;
mod error;
mod export;
mod prompt;
mod send;
mod title;
mod writing;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redoubt_store::chats::{self, Chat};
use redoubt_store::messages::{self, Message};
use redoubt_store::search::{self, Hit};
use redoubt_store::{Clock, Page, Store, Tx, holds};

pub use answer::{Answer, Ended, Failure, Place, Step, Usage, Watcher};
pub use engines::Engines;
pub use error::Error;
pub use export::{Export, Format};
pub use send::{NewQuestion, Parent};
pub(crate) use send::{cache_scope, check_sampling, not_recorded, refusal};
pub use title::Title;

use crate::access::{self, Access, Member, Permission};
use crate::durable::{Teller, patiently};
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
    access: Access,
    model: Arc<Manifest>,
    running: Arc<Mutex<HashMap<String, Running>>>,
}

/// An answer that is being written.
#[derive(Clone)]
struct Running {
    chat_id: String,
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
        access: Access,
        model: Manifest,
    ) -> Self {
        Self { store, clock, random, engines, access, model: Arc::new(model), running: Arc::default() }
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
        member: &Member,
        title: Option<Title>,
        model: Option<String>,
    ) -> Result<Chat, Error> {
        self.check_model(member, model.as_deref())?;
        let now = self.clock.now_us();
        let chat = Chat {
            id: random::id(self.random.as_ref())?,
            owner: member.id().to_owned(),
            title: title.map(String::from).unwrap_or_default(),
            model: self.model.id.clone(),
            head: None,
            salt: random::bytes(self.random.as_ref())?,
            created_at: now,
            updated_at: now,
            workspace: member.workspace.id.clone(),
        };
        let (member, created) = (member.clone(), chat.clone());
        self.store
            .write(move |tx| {
                member.confirm(tx)?;
                let seq = tx.audit(records::chat_created(&member, &created))?;
                chats::insert(tx, &created, seq)?;
                Ok::<_, Error>(())
            })
            .await?;
        Ok(chat)
    }

    /// One page of the caller's chats, the newest first.
    pub async fn list(
        &self,
        member: &Member,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<Page<Chat>, Error> {
        let scope = member.scope();
        self.store.read(move |reader| Ok(chats::list(reader, &scope, limit, cursor.as_deref())?)).await
    }

    /// Opens a chat. That somebody opened it is recorded before they see it.
    pub async fn open(&self, member: &Member, chat_id: &str) -> Result<OpenChat, Error> {
        let (scope, opening, id) = (member.scope(), member.clone(), chat_id.to_owned());
        self.store
            .write(move |tx| {
                opening.confirm(tx)?;
                let chat = chats::find(tx, &scope, &id)?.ok_or(Error::NoSuchChat)?;
                tx.audit(records::chat_opened(&opening, &chat))?;
                Ok::<_, Error>(())
            })
            .await?;
        self.load(member, chat_id).await
    }

    /// Renames a chat or shows another of its branches.
    pub async fn change(&self, member: &Member, chat_id: &str, changes: Changes) -> Result<OpenChat, Error> {
        let (scope, changing, id) = (member.scope(), member.clone(), chat_id.to_owned());
        self.store
            .write(move |tx| {
                changing.confirm(tx)?;
                let chat = chats::find(tx, &scope, &id)?.ok_or(Error::NoSuchChat)?;
                if let Some(head) = &changes.head
                    && !chats::set_head(tx, &scope, &chat.id, head, chat.updated_at)?
                {
                    return Err(Error::NoSuchMessage);
                }
                if let Some(title) = &changes.title {
                    chats::rename(tx, &scope, &chat.id, title.as_str(), chat.updated_at)?;
                }
                tx.audit(records::chat_updated(
                    &changing,
                    &chat,
                    changes.title.is_some(),
                    changes.head.is_some(),
                ))?;
                Ok::<_, Error>(())
            })
            .await?;
        self.load(member, chat_id).await
    }

    /// Deletes a chat, its messages and their traces in the search index; a running answer ends with it.
    ///
    /// # Errors
    /// [`access::Error::Held`] while a legal hold keeps it.
    pub async fn delete(&self, member: &Member, chat_id: &str) -> Result<(), Error> {
        member.require(Permission::DeleteOwnChats)?;
        let (this, chat_id) = (self.clone(), chat_id.to_owned());
        let (scope, deleting, id) = (member.scope(), member.clone(), chat_id.clone());
        let job = move |tx: &mut Tx<'_>| {
            deleting.confirm(tx)?;
            let chat = chats::find(tx, &scope, &id)?.ok_or(Error::NoSuchChat)?;
            if holds::covers(tx, &chat.id, &chat.owner, &chat.workspace)? {
                return Err(access::Error::Held.into());
            }
            let messages = chats::delete(tx, &scope, &chat.id)?.ok_or(Error::NoSuchChat)?;
            tx.audit(records::chat_deleted(&deleting, &chat, messages))?;
            Ok::<_, Error>(())
        };
        let (mut tell, told) = Teller::new();
        // Whoever deletes may hang up: the answer is stopped all the same.
        tokio::spawn(async move {
            let deletion = this.store.write_settled(job);
            let deleted = patiently(deletion, || tell.tell(Err(not_recorded()))).await;
            if deleted.is_ok() {
                this.stop_all_in(&chat_id);
            }
            tell.tell(deleted);
        });
        told.await.unwrap_or_else(|_| Err(not_recorded()))
    }

    /// Searches the caller's own chats. Each search is recorded before its hits are shown; how often a page asks while
    /// somebody types is the page's to bound.
    pub async fn search(&self, member: &Member, query: String, limit: usize) -> Result<Vec<Hit>, Error> {
        let (scope, searching) = (member.scope(), member.clone());
        let hits = self
            .store
            .read(move |reader| Ok::<_, Error>(search::find(reader, &scope, &query, limit)?))
            .await?;
        let count = hits.len();
        self.store
            .write(move |tx| {
                searching.confirm(tx)?;
                tx.audit(records::chats_searched(&searching, count))?;
                Ok::<_, Error>(())
            })
            .await?;
        Ok(hits)
    }

    /// The whole chat as a file. Recorded before it is handed out.
    pub async fn export(&self, member: &Member, chat_id: &str, format: Format) -> Result<Export, Error> {
        member.require(Permission::Export)?;
        let (scope, exporting, id) = (member.scope(), member.clone(), chat_id.to_owned());
        self.store
            .write(move |tx| {
                exporting.confirm(tx)?;
                let chat = chats::find(tx, &scope, &id)?.ok_or(Error::NoSuchChat)?;
                tx.audit(records::chat_exported(&exporting, &chat, format.name()))?;
                Ok::<_, Error>(())
            })
            .await?;
        let open = self.load(member, chat_id).await?;
        let marking = self.access.marking(&member.workspace);
        Ok(export::render(&open, format, &marking, &member.user.name, self.clock.now_us()))
    }

    /// The whole chat, for what is recorded already or will be with what comes of it. On a reader, so that nobody's long
    /// chat holds up the writes of others.
    async fn load(&self, member: &Member, chat_id: &str) -> Result<OpenChat, Error> {
        let (scope, chat_id) = (member.scope(), chat_id.to_owned());
        self.store
            .read(move |reader| {
                let chat = chats::find(reader, &scope, &chat_id)?.ok_or(Error::NoSuchChat)?;
                let messages = messages::list(reader, &scope.owner, &chat.id)?;
                Ok(OpenChat { chat, messages })
            })
            .await
    }

    /// Stops the answer that is being written in a chat, if there is one.
    pub async fn stop(&self, member: &Member, chat_id: &str) -> Result<(), Error> {
        let (scope, id) = (member.scope(), chat_id.to_owned());
        let found = self.store.read(move |reader| Ok::<_, Error>(chats::find(reader, &scope, &id)?)).await?;
        found.ok_or(Error::NoSuchChat)?;
        self.stop_all_in(chat_id);
        Ok(())
    }

    /// Stops the answer that is being written in a chat, whoever owns it.
    pub(crate) fn stop_all_in(&self, chat_id: &str) {
        let running = self.running();
        let of_chat = running.values().filter(|running| running.chat_id == chat_id);
        of_chat.for_each(|running| running.answer.stop());
    }

    /// Whether an answer of this chat is still being written.
    pub(crate) fn is_answering(&self, chat_id: &str) -> bool {
        self.running().values().any(|running| running.chat_id == chat_id)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A model that was not granted is as missing as one that there is not.
    fn check_model(&self, member: &Member, asked: Option<&str>) -> Result<(), Error> {
        let is_other = asked.is_some_and(|model| model != self.model.id);
        if is_other || !member.rights.may_use(&self.model.id) {
            return Err(Error::NoSuchModel);
        }
        Ok(())
    }
}
