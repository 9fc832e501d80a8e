//! Erasing one chat after a spill. An admin asks, an auditor agrees, and these are two people.
//!
//! With the agreement the rows go, in one transaction. The rest follows, again and again until all of it has been done:
//! the answer that is being written, files of archives, what the engine has computed from it, and the pages that the
//! write-ahead log still has of it. Only then is the purge done.

use std::time::Duration;

use redoubt_store::audit_log::{self, Deeds};
use redoubt_store::purges::{self, Purge, State};
use redoubt_store::{Page, Reader, Tx, archives, holds, retention, workspaces};

use super::{Retention, name_of, reason};
use crate::access::Error;
use crate::chat::cache_scope;
use crate::clock::DAY_US;
use crate::identity::{Admin, Auditor, Caller};
use crate::random;
use crate::records::custody as records;

/// A request that nobody decides in this time is void.
const LIFE_US: i64 = 7 * DAY_US;
/// How often, after an agreement, it is tried at once to complete it; later with everything that is looked at.
const ATTEMPTS: u32 = 20;
const ATTEMPT_EVERY: Duration = Duration::from_millis(250);

/// How far a purge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Asked,
    /// Nobody decided it in time.
    Expired,
    Refused,
    /// The rows are gone; the rest follows.
    Approved,
    Done,
}

/// A purge, with the names of what and who is in it; nothing of what was said.
pub struct PurgeDetail {
    pub purge: Purge,
    pub stage: Stage,
    pub owner: String,
    pub workspace: String,
    pub asked_by: String,
    pub decided_by: Option<String>,
    pub expires_at: i64,
    /// Whether a hold keeps the chat.
    pub held: bool,
    /// Everybody who has opened or exported it.
    pub readers: Vec<Deeds>,
}

impl Retention {
    /// The newest first.
    pub async fn purges(&self, limit: usize, cursor: Option<String>) -> Result<Page<PurgeDetail>, Error> {
        let now = self.clock.now_us();
        self.store
            .read(move |reader| {
                let Page { items, next } = purges::list(reader, limit, cursor.as_deref())?;
                let detail = |purge| detail(reader, purge, now);
                Ok(Page { items: items.into_iter().map(detail).collect::<Result<_, Error>>()?, next })
            })
            .await
    }

    /// # Errors
    /// [`Error::NoSuch`] if there is no such chat, [`Error::Held`], [`Error::Conflict`] while another request for it is
    /// open.
    pub async fn ask_purge(
        &self,
        admin: &Caller<Admin>,
        chat_id: &str,
        why: String,
    ) -> Result<PurgeDetail, Error> {
        let (id, reason) = (random::id(self.random.as_ref())?, reason(why)?);
        let (admin, chat_id) = (admin.clone(), chat_id.to_owned());
        self.store
            .write(move |tx| {
                admin.confirm(tx)?;
                let found = Found::of(tx, &chat_id)?.ok_or(Error::NoSuch("chat"))?;
                if holds::covers(tx, &chat_id, &found.owner, &found.workspace)? {
                    return Err(Error::Held);
                }
                let now = tx.now_us();
                let is_open = |purge: &Purge| matches!(stage(purge, now), Stage::Asked | Stage::Approved);
                if purges::list_of(tx, &chat_id)?.iter().any(is_open) {
                    return Err(Error::Conflict("somebody has asked for this already"));
                }
                let made = audit_log::marks_of(tx, &chat_id, "chat.create")?;
                let purge = Purge {
                    id,
                    chat_id,
                    owner: found.owner,
                    workspace: found.workspace,
                    reason,
                    state: State::Asked,
                    created_at: made.first().map_or(now, |mark| mark.time_us),
                    messages: found.messages,
                    bytes: found.bytes,
                    asked_at: now,
                    asked_by: admin.id().to_owned(),
                    decided_at: None,
                    decided_by: None,
                    done_at: None,
                };
                purges::insert(tx, &purge)?;
                tx.audit(records::purge_asked(&admin, &purge))?;
                detail(tx, purge, now)
            })
            .await
    }

    /// Agrees to a purge, or does not. After an agreement the chat is out of every table when this returns.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it was decided before, is too old, or this is the person who asked; [`Error::Held`].
    pub async fn decide_purge(
        &self,
        auditor: &Caller<Auditor>,
        id: &str,
        approve: bool,
    ) -> Result<PurgeDetail, Error> {
        let (auditor, id) = (auditor.clone(), id.to_owned());
        let decided = self
            .store
            .write_settled(move |tx| {
                auditor.confirm(tx)?;
                let purge = purges::find(tx, &id)?.ok_or(Error::NoSuch("purge"))?;
                let now = tx.now_us();
                match stage(&purge, now) {
                    Stage::Asked if purge.asked_by == auditor.id() => {
                        return Err(Error::Conflict("whoever asked for it cannot decide it"));
                    }
                    Stage::Asked => {}
                    Stage::Expired => {
                        return Err(Error::Conflict("nobody decided it within seven days: it is void"));
                    }
                    _ => return Err(Error::Conflict("it was decided before")),
                }
                let mut purge =
                    Purge { decided_at: Some(now), decided_by: Some(auditor.id().to_owned()), ..purge };
                if approve {
                    erase(tx, &auditor, &mut purge)?;
                } else {
                    purge.state = State::Refused;
                    tx.audit(records::purge_refused(&auditor, &purge))?;
                }
                purges::update(tx, &purge)?;
                detail(tx, purge, now)
            })
            .await?;
        if approve {
            self.chats.stop_all_in(&decided.purge.chat_id);
            let this = self.clone();
            // Whoever decided may hang up.
            tokio::spawn(async move { this.finish_soon().await });
        }
        Ok(decided)
    }

    async fn finish_soon(&self) {
        for _ in 0..ATTEMPTS {
            match self.finish_purges().await {
                Ok(true) => return,
                Ok(false) => tokio::time::sleep(ATTEMPT_EVERY).await,
                Err(error) => return tracing::warn!(%error, "a purge is not complete and is tried again"),
            }
        }
    }

    /// Does what is left to do of every purge that was agreed to; `false` if something has to be tried again.
    pub async fn finish_purges(&self) -> Result<bool, Error> {
        let _alone = self.purging.lock().await;
        let open = self.store.read(|reader| Ok::<_, Error>(purges::list_approved(reader)?)).await?;
        let mut is_done = true;
        for purge in open {
            is_done &= self.finish(purge).await?;
        }
        Ok(is_done)
    }

    async fn finish(&self, purge: Purge) -> Result<bool, Error> {
        self.chats.stop_all_in(&purge.chat_id);
        if self.chats.is_answering(&purge.chat_id) {
            return Ok(false);
        }
        self.archives.remove_all_of(&purge.chat_id).await?;
        let scope =
            redoubt_store::chats::Scope { owner: purge.owner.clone(), workspace: purge.workspace.clone() };
        // An engine that is gone has left nothing, and its successor knows nothing.
        if let Some(engine) = self.chats.engines().present()
            && engine.forget(cache_scope(&self.chats.model().id, &scope)).await.is_err()
        {
            return Ok(false);
        }
        let store = self.store.clone();
        let cut = tokio::task::spawn_blocking(move || store.truncate_log()).await;
        if !cut.unwrap_or(Ok(false))? {
            return Ok(false);
        }
        self.store
            .write_settled(move |tx| {
                let purge = Purge { state: State::Done, done_at: Some(tx.now_us()), ..purge };
                purges::update(tx, &purge)?;
                tx.audit(records::purge_done(&purge))?;
                Ok::<_, Error>(true)
            })
            .await
    }
}

/// A chat in the tables or in an archive.
struct Found {
    owner: String,
    workspace: String,
    messages: u64,
    bytes: u64,
}

impl Found {
    fn of(reader: &Reader, chat_id: &str) -> Result<Option<Self>, redoubt_store::Error> {
        if let Some(chat) = retention::find(reader, chat_id)? {
            let (messages, bytes) = retention::size(reader, chat_id)?;
            return Ok(Some(Self { owner: chat.owner, workspace: chat.workspace, messages, bytes }));
        }
        let archive = archives::find(reader, chat_id)?;
        Ok(archive.map(|archive| {
            let archives::Archive { owner, workspace, messages, bytes, .. } = archive;
            Self { owner, workspace, messages, bytes }
        }))
    }
}

/// Takes the chat out of every table. Its owner may have deleted it since; then only the rest is left to do.
fn erase(tx: &mut Tx<'_>, auditor: &Caller<Auditor>, purge: &mut Purge) -> Result<(), Error> {
    let chat_id = purge.chat_id.clone();
    if holds::covers(tx, &chat_id, &purge.owner, &purge.workspace)? {
        return Err(Error::Held);
    }
    purge.state = State::Approved;
    let found = Found::of(tx, &chat_id)?;
    if let Some(found) = &found {
        (purge.messages, purge.bytes) = (found.messages, found.bytes);
    }
    tx.audit(records::purge_approved(auditor, purge))?;
    if found.is_some() {
        tx.audit(records::chat_purged(auditor, purge))?;
    }
    if let Some(chat) = retention::find(tx, &chat_id)? {
        retention::erase(tx, &chat)?;
    }
    archives::delete(tx, &chat_id)?;
    Ok(())
}

fn stage(purge: &Purge, now_us: i64) -> Stage {
    match purge.state {
        State::Asked if now_us >= purge.asked_at + LIFE_US => Stage::Expired,
        State::Asked => Stage::Asked,
        State::Refused => Stage::Refused,
        State::Approved => Stage::Approved,
        State::Done => Stage::Done,
    }
}

pub(super) fn detail(reader: &Reader, purge: Purge, now_us: i64) -> Result<PurgeDetail, Error> {
    let workspace = workspaces::find(reader, &purge.workspace)?;
    Ok(PurgeDetail {
        stage: stage(&purge, now_us),
        owner: name_of(reader, &purge.owner)?,
        workspace: workspace.map_or_else(|| purge.workspace.clone(), |workspace| workspace.name),
        asked_by: name_of(reader, &purge.asked_by)?,
        decided_by: purge.decided_by.as_deref().map(|id| name_of(reader, id)).transpose()?,
        expires_at: purge.asked_at + LIFE_US,
        held: holds::covers(reader, &purge.chat_id, &purge.owner, &purge.workspace)?,
        readers: audit_log::deeds(reader, &purge.chat_id, records::READING)?,
        purge,
    })
}
