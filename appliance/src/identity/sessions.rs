//! What a person does with their sessions: see them, end them, lock the present one; and how many they may have.

use redoubt_store::Tx;
use redoubt_store::sessions::{self, Session, Stage};
use redoubt_store::users::User;

use super::ending::Endings;
use super::session::SignedInSession;
use super::{Anyone, Caller, Error, Identity};
use crate::records::{self, Via};

impl Identity {
    /// The person's sessions, the one seen last first.
    pub async fn sessions(&self, user_id: &str) -> Result<Vec<Session>, Error> {
        let user_id = user_id.to_owned();
        self.store.read(move |reader| Ok(sessions::list_by_user(reader, &user_id)?)).await
    }

    /// Ends one of the person's own sessions, be it the present one (sign-out) or another.
    pub async fn end_session(
        &self,
        user: &User,
        present: &SignedInSession,
        id: &str,
        via: &Via,
    ) -> Result<(), Error> {
        let (user, present, id, via) = (user.clone(), present.clone(), id.to_owned(), via.clone());
        self.write_ending(move |tx, endings| {
            // Only for another one: that the present one is gone already is what signing out is for.
            if id != present.id && sessions::find(tx, &present.id)?.is_none() {
                return Err(Error::SessionExpired);
            }
            let own = sessions::find(tx, &id)?.filter(|session| session.user_id == user.id);
            let session = own.ok_or(Error::NoSuchSession)?;
            let record = records::session_ended(&user, &present, &session, &via);
            endings.end(tx, &session, record)?;
            Ok(())
        })
        .await
    }

    /// Locks the present session. Answers that run in it go on.
    pub async fn lock(&self, caller: &Caller<Anyone>) -> Result<(), Error> {
        let caller = caller.clone();
        self.store
            .write(move |tx| {
                let now = tx.now_us();
                if sessions::lock(tx, &caller.session.id, now)? {
                    tx.audit(records::session_locked(&caller))?;
                }
                Ok(())
            })
            .await
    }

    /// Makes room for one more session of this person, and records that there are others elsewhere.
    pub(super) fn make_room(
        &self,
        tx: &mut Tx<'_>,
        endings: &mut Endings,
        user: &User,
        coming: &Session,
        via: &Via,
    ) -> Result<(), Error> {
        let all = sessions::list_by_user(tx, &user.id)?;
        let complete: Vec<&Session> = all.iter().filter(|session| session.stage == Stage::Full).collect();
        if complete.iter().any(|session| session.address != coming.address) {
            tx.audit(records::signed_in_elsewhere(user, coming, complete.len(), via))?;
        }
        let keep = usize::try_from(self.limits.max_sessions).unwrap_or(usize::MAX).saturating_sub(1);
        for session in complete.iter().skip(keep) {
            endings.end(tx, session, records::session_displaced(user, coming, session, via))?;
        }
        Ok(())
    }
}
