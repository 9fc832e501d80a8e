//! What has lost the right that it runs by, for the sweep that ends it: the store's word and the limits of sessions.

use redoubt_store::{Reader, sessions, users};

use super::{Error, Identity};
use crate::access::{Lapse, Standing, Way};

impl Identity {
    /// Those of the standings that do not hold any more at this moment, each with what was lost: one read.
    pub async fn lapsed(&self, standings: Vec<Standing>) -> Result<Vec<(Standing, Lapse)>, Error> {
        let this = self.clone();
        self.store
            .read(move |reader| {
                let mut lapsed = Vec::new();
                for standing in standings {
                    if let Some(lapse) = this.lapse(reader, &standing)? {
                        lapsed.push((standing, lapse));
                    }
                }
                Ok(lapsed)
            })
            .await
    }

    fn lapse(&self, reader: &Reader, standing: &Standing) -> Result<Option<Lapse>, Error> {
        if let Some(lapse) = standing.lapse(reader, self.clock.now_us())? {
            return Ok(Some(lapse));
        }
        let Some(user) = users::find(reader, &standing.user_id)? else { return Ok(Some(Lapse::Disabled)) };
        if self.is_unheard_of(&user) {
            return Ok(Some(Lapse::DirectoryAway));
        }
        let Way::Session(id) = &standing.way else { return Ok(None) };
        let session = sessions::find(reader, id)?;
        let is_over = session.is_none_or(|session| self.over(&session, &user).is_some());
        Ok(is_over.then_some(Lapse::Session))
    }
}
