//! The end of sessions: the row, its record and whoever has to know of it, in one place.
//!
//! **Invariant:** a session is deleted nowhere else, so nothing can end one and leave its answers running.

use std::sync::Arc;

use redoubt_audit::Draft;
use redoubt_store::sessions::{self, Session};
use redoubt_store::{Tx, session_certificates};

use super::{Error, Identity};

/// Told the id of each session that ended, once that is durable.
pub type OnEnd = Arc<dyn Fn(&str) + Send + Sync>;

/// The sessions that a transaction ends.
#[derive(Default)]
pub(super) struct Endings(Vec<String>);

impl Endings {
    /// Ends a session. `false`, and no record, if it was gone.
    pub(super) fn end(&mut self, tx: &mut Tx<'_>, session: &Session, record: Draft) -> Result<bool, Error> {
        let gone = sessions::delete(tx, &session.user_id, &session.id)?;
        if gone {
            tx.audit(record)?;
            self.0.push(session.id.clone());
        }
        Ok(gone)
    }

    /// Ends every session of a person, each with its record, and returns how many.
    pub(super) fn end_all(
        &mut self,
        tx: &mut Tx<'_>,
        user_id: &str,
        record: impl Fn(&Session) -> Draft,
    ) -> Result<usize, Error> {
        let all = sessions::list_by_user(tx, user_id)?;
        for session in &all {
            self.end(tx, session, record(session))?;
        }
        Ok(all.len())
    }

    /// Puts a complete session in the place of the pending one that led to it: no end to tell of.
    pub(super) fn complete(tx: &mut Tx<'_>, pending: &Session, complete: &Session) -> Result<(), Error> {
        sessions::insert(tx, complete)?;
        session_certificates::copy(tx, &pending.id, &complete.id)?;
        sessions::delete(tx, &pending.user_id, &pending.id)?;
        Ok(())
    }
}

impl Identity {
    /// A write that may end sessions: when it is durable, whatever runs in them is stopped.
    pub(super) async fn write_ending<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tx<'_>, &mut Endings) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (result, Endings(ended)) = self
            .store
            .write(move |tx| {
                let mut endings = Endings::default();
                let result = job(tx, &mut endings)?;
                Ok::<_, Error>((result, endings))
            })
            .await?;
        ended.iter().for_each(|id| (self.on_end)(id));
        Ok(result)
    }
}
