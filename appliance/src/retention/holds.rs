//! Legal holds: an auditor places and lifts them, and says why.

use redoubt_store::holds::{self, Hold, Kind};
use redoubt_store::{Page, Reader, archives, retention, users, workspaces};

use super::{Retention, name_of, reason};
use crate::access::Error;
use crate::identity::{Auditor, Caller, Username};
use crate::random;
use crate::records::custody as records;

/// What is to be held.
pub struct NewHold {
    pub kind: Kind,
    /// Id or name of a person or a workspace, id of a chat.
    pub target: String,
    pub reason: String,
}

/// A hold, and the names of who placed and who lifted it.
pub struct HoldDetail {
    pub hold: Hold,
    pub placed_by: String,
    pub lifted_by: Option<String>,
}

impl Retention {
    /// The newest first, lifted ones included.
    pub async fn holds(&self, limit: usize, cursor: Option<String>) -> Result<Page<HoldDetail>, Error> {
        self.store
            .read(move |reader| {
                let Page { items, next } = holds::list(reader, limit, cursor.as_deref())?;
                let items = items.into_iter().map(|hold| detail(reader, hold)).collect::<Result<_, _>>()?;
                Ok(Page { items, next })
            })
            .await
    }

    /// From then on nothing that it names, and no chat in that, is deleted by anybody.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such target.
    pub async fn place_hold(&self, auditor: &Caller<Auditor>, new: NewHold) -> Result<HoldDetail, Error> {
        let (id, auditor) = (random::id(self.random.as_ref())?, auditor.clone());
        let (kind, named, reason) = (new.kind, new.target, reason(new.reason)?);
        self.store
            .write(move |tx| {
                auditor.confirm(tx)?;
                let (target, label) = find(tx, kind, named.trim())?;
                let (placed_at, placed_by) = (tx.now_us(), auditor.id().to_owned());
                let (lifted_at, lifted_by) = (None, None);
                let hold =
                    Hold { id, kind, target, label, reason, placed_at, placed_by, lifted_at, lifted_by };
                holds::insert(tx, &hold)?;
                tx.audit(records::hold_placed(&auditor, &hold))?;
                Ok(detail(tx, hold)?)
            })
            .await
    }

    pub async fn lift_hold(&self, auditor: &Caller<Auditor>, id: &str) -> Result<(), Error> {
        let (auditor, id) = (auditor.clone(), id.to_owned());
        self.store
            .write(move |tx| {
                auditor.confirm(tx)?;
                let hold = holds::find(tx, &id)?.ok_or(Error::NoSuch("hold"))?;
                let now = tx.now_us();
                if !holds::lift(tx, &id, auditor.id(), now)? {
                    return Err(Error::Conflict("the hold was lifted before"));
                }
                tx.audit(records::hold_lifted(&auditor, &hold))?;
                Ok(())
            })
            .await
    }
}

/// The id and the name of what somebody named.
fn find(reader: &Reader, kind: Kind, named: &str) -> Result<(String, String), Error> {
    let found = match kind {
        Kind::Person => {
            let user = match (users::find(reader, named)?, Username::parse(named)) {
                (None, Some(name)) => users::find_by_name(reader, name.as_str())?,
                (found, _) => found,
            };
            user.map(|user| (user.id, user.name))
        }
        Kind::Workspace => {
            let is = |workspace: &workspaces::Workspace| workspace.id == named || workspace.name == named;
            let workspace = workspaces::list(reader)?.into_iter().find(is);
            workspace.map(|workspace| (workspace.id, workspace.name))
        }
        Kind::Chat => {
            let is_there =
                retention::find(reader, named)?.is_some() || archives::find(reader, named)?.is_some();
            is_there.then(|| (named.to_owned(), named.to_owned()))
        }
    };
    let why = match kind {
        Kind::Person => "there is no such person",
        Kind::Workspace => "there is no such workspace",
        Kind::Chat => "there is no such chat",
    };
    found.ok_or_else(|| Error::invalid("target", why))
}

fn detail(reader: &Reader, hold: Hold) -> Result<HoldDetail, redoubt_store::Error> {
    let placed_by = name_of(reader, &hold.placed_by)?;
    let lifted_by = hold.lifted_by.as_deref().map(|id| name_of(reader, id)).transpose()?;
    Ok(HoldDetail { hold, placed_by, lifted_by })
}
