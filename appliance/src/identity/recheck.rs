//! Asks the directory again about its people who can reach the appliance: every few minutes, and before privileged actions.
//!
//! Whoever it no longer lets in loses their sessions in the same transaction. Where it says nothing for longer than the grace,
//! `limits` ends the sessions of its people; local accounts never depend on it.

use futures_util::StreamExt as _;
use redoubt_store::users::{self, Source, User};

use super::provision::Followed;
use super::{Error, Identity};
use crate::clock::SECOND_US;
use crate::directory::{DirectoryId, Refusal};
use crate::{random, records};

/// The most people of one round; who waits longest comes first.
const ROUND: usize = 256;
/// Questions to the directory at once.
const AT_ONCE: usize = 4;
/// What the directory said within this time is fresh enough for a privileged action.
const FRESH_SECONDS: i64 = 60;

/// What the directory says of somebody, acted on.
pub(super) enum Word {
    Well(Box<User>),
    /// Their sessions are ended.
    Refused,
    Away,
}

impl Identity {
    /// One round: everybody of whom the directory has not spoken for `recheck_seconds`.
    pub async fn recheck_due(&self) -> Result<(), Error> {
        let now = self.clock.now_us();
        let before = now - i64::from(self.directory_settings.recheck_seconds) * SECOND_US;
        let due = self.store.read(move |reader| users::list_due(reader, now, before, ROUND)).await?;
        let mut answers = futures_util::stream::iter(due)
            .map(|user| async move { self.recheck(&user).await })
            .buffer_unordered(AT_ONCE);
        while let Some(word) = answers.next().await {
            // One silence is enough to know; the others are asked in the next round.
            if matches!(word?, Word::Away) {
                break;
            }
        }
        drop(answers);
        self.note_absence().await
    }

    /// Asks about one person and acts on the answer.
    pub(super) async fn recheck(&self, user: &User) -> Result<Word, Error> {
        let id = user.directory_id.as_deref().and_then(DirectoryId::parse);
        let (Some(directory), Some(id)) = (&self.directory, id) else { return Ok(Word::Away) };
        let answer = directory.look_up(&id).await;
        if answer.as_ref().is_err_and(|refusal| refusal.is_silence() || *refusal == Refusal::WrongPassword) {
            self.presence.silent(self.clock.now_us());
            return Ok(Word::Away);
        }
        self.heard().await?;
        let new_id = random::id(self.random.as_ref())?;
        let (this, user_id) = (self.clone(), user.id.clone());
        self.write_ending(move |tx, endings| {
            let Some(user) = users::find(tx, &user_id)? else { return Ok(Word::Refused) };
            match &answer {
                Ok(person) => Ok(match this.follow(tx, endings, person, &new_id)? {
                    Followed::Admitted(user) => Word::Well(Box::new(user)),
                    Followed::Refused(..) => Word::Refused,
                }),
                Err(refusal) if is_final(refusal) => {
                    this.refuse_by_directory(tx, endings, &user, refusal.reason())?;
                    Ok(Word::Refused)
                }
                // They could not sign in now; a session that they have is none of that.
                Err(_) => {
                    let now = tx.now_us();
                    users::update_directory_state(tx, &user.id, user.directory_state.as_deref(), now)?;
                    Ok(Word::Well(Box::new(user)))
                }
            }
        })
        .await
    }

    /// Before a privileged action of somebody of the directory: what it said must be fresh.
    ///
    /// # Errors
    /// [`Error::SessionExpired`] if they lost it, [`Error::DirectoryAway`] if it does not answer.
    pub(super) async fn require_fresh(&self, user: &User) -> Result<(), Error> {
        let fresh_until = user.checked_at.unwrap_or_default() + FRESH_SECONDS * SECOND_US;
        if user.source == Source::Local || self.clock.now_us() < fresh_until {
            return Ok(());
        }
        match self.recheck(user).await? {
            Word::Well(now) if now.role == user.role => Ok(()),
            Word::Well(_) | Word::Refused => Err(Error::SessionExpired),
            Word::Away => Err(Error::DirectoryAway),
        }
    }

    /// Whether the directory last spoke about this person longer ago than is tolerated.
    pub(super) fn is_unheard_of(&self, user: &User) -> bool {
        let limits = &self.directory_settings;
        let patience = i64::from(limits.recheck_seconds) + i64::from(limits.grace_seconds);
        let end = user.checked_at.unwrap_or_default() + patience * SECOND_US;
        user.source == Source::Directory && self.clock.now_us() >= end
    }

    /// The directory answered: if its absence was recorded, so is its return.
    pub(super) async fn heard(&self) -> Result<(), Error> {
        if !self.presence.heard(self.clock.now_us()) {
            return Ok(());
        }
        self.store.write(|tx| tx.audit(records::directory_back()).map(|_| ())).await.map_err(Error::from)
    }

    /// Records once that the directory is away for longer than is tolerated.
    async fn note_absence(&self) -> Result<(), Error> {
        let grace_us = i64::from(self.directory_settings.grace_seconds) * SECOND_US;
        let Some(since) = self.presence.absent_longer_than(grace_us, self.clock.now_us()) else {
            return Ok(());
        };
        self.store.write(move |tx| tx.audit(records::directory_away(since)).map(|_| ())).await?;
        Ok(())
    }
}

/// Whether this ends sessions too. A password that has run out or a lock after failures keeps somebody from signing in; that
/// anybody who guesses passwords at the directory could end another's work by it must not be.
pub(super) fn is_final(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Unknown | Refusal::Ambiguous | Refusal::Disabled | Refusal::AccountExpired => true,
        Refusal::WrongPassword
        | Refusal::PasswordExpired
        | Refusal::MustChange
        | Refusal::Locked
        | Refusal::Unusable(_)
        | Refusal::Unavailable(_)
        | Refusal::Unanswered(_) => false,
    }
}
