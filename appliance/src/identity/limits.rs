//! The limits of sessions: idle, absolute, locked; and the housekeeping that enforces them where no request does.
//!
//! A lock hides a session and never keeps it alive: nothing that is asked in a locked session counts as use, so the idle limit
//! ends it as if it had not been locked. Running answers go on under a lock and are stopped by an end.

use redoubt_store::sessions::{self, Session, Stage};
use redoubt_store::users::{self, Role, User};

use super::{Error, Identity};
use crate::clock::SECOND_US;
use crate::records;

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Idle,
    Absolute,
    /// The second step of the sign-in did not come in time.
    Unfinished,
    /// The person may have no session any more.
    Refused,
    /// The directory, which must say so, has not spoken of the person for too long.
    DirectoryAway,
}

impl Over {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Absolute => "absolute",
            Self::Unfinished => "unfinished",
            Self::Refused => "refused",
            Self::DirectoryAway => "directory_away",
        }
    }
}

impl Identity {
    /// After how many seconds without use a session of this role ends.
    pub fn idle_seconds(&self, role: Role) -> u32 {
        match role {
            Role::Admin => self.limits.admin_idle_seconds,
            Role::Analyst | Role::Auditor => self.limits.idle_seconds,
        }
    }

    /// After how many seconds without use a session locks.
    pub fn screen_lock_seconds(&self) -> u32 {
        self.limits.screen_lock_seconds
    }

    /// Whether and why a session is over; `None` while it is not.
    pub(super) fn over(&self, session: &Session, user: &User) -> Option<Over> {
        let now = self.clock.now_us();
        let idle_end = session.last_seen_at + i64::from(self.idle_seconds(user.role)) * SECOND_US;
        if !user.is_active() {
            Some(Over::Refused)
        } else if now >= session.expires_at {
            Some(if session.stage == Stage::Full { Over::Absolute } else { Over::Unfinished })
        } else if session.stage == Stage::Full && now >= idle_end {
            Some(Over::Idle)
        } else if self.is_unheard_of(user) {
            Some(Over::DirectoryAway)
        } else {
            None
        }
    }

    /// Since when a session is locked: by its person, or because nobody used it.
    pub(super) fn locked_since(&self, session: &Session) -> Option<i64> {
        let unused_at = session.last_seen_at + i64::from(self.limits.screen_lock_seconds) * SECOND_US;
        session.locked_at.or_else(|| (self.clock.now_us() >= unused_at).then_some(unused_at))
    }

    /// Ends every session that is over its limits and locks those that nobody uses. Returns how many ended.
    pub async fn enforce_limits(&self) -> Result<usize, Error> {
        let open = self
            .store
            .read(|reader| {
                let with_user = |session: Session| {
                    let user = users::find(reader, &session.user_id)?;
                    Ok::<_, Error>(user.map(|user| (user, session)))
                };
                sessions::list(reader)?.into_iter().map(with_user).collect::<Result<Vec<_>, _>>()
            })
            .await?;
        let mut ended = 0;
        for (user, session) in open.into_iter().flatten() {
            if self.over(&session, &user).is_some() {
                ended += usize::from(self.end_if_over(user, session.id).await?);
            } else if session.stage == Stage::Full
                && session.locked_at.is_none()
                && self.locked_since(&session).is_some()
            {
                self.lock_if_unused(user, session.id).await?;
            }
        }
        Ok(ended)
    }

    /// Looks again in the transaction: the session may have been used meanwhile.
    async fn end_if_over(&self, user: User, id: String) -> Result<bool, Error> {
        let this = self.clone();
        self.write_ending(move |tx, endings| {
            let Some(session) = sessions::find(tx, &id)? else { return Ok(false) };
            let Some(user) = users::find(tx, &user.id)? else { return Ok(false) };
            let Some(over) = this.over(&session, &user) else { return Ok(false) };
            endings.end(tx, &session, records::session_expired(&user, &session, over.as_str()))
        })
        .await
    }

    async fn lock_if_unused(&self, user: User, id: String) -> Result<(), Error> {
        let this = self.clone();
        self.store
            .write(move |tx| {
                let Some(session) = sessions::find(tx, &id)? else { return Ok(()) };
                let Some(since) = this.locked_since(&session) else { return Ok(()) };
                if sessions::lock(tx, &id, since)? {
                    tx.audit(records::session_locked_unused(&user, &session))?;
                }
                Ok(())
            })
            .await
    }
}
