//! What was used: by oneself, and, for admins, by person, model or workspace. Counts only, never content.

use redoubt_store::usage::{self, By as Grouping, Day, Total};

use super::{Access, Error, Member, Permission};
use crate::identity::By;
use crate::records::rights as records;

/// As far back as is asked for at most, in days.
pub const MOST_DAYS: u32 = 366;

impl Access {
    /// The caller's own use of the last days, today being one of them.
    pub async fn own_usage(&self, member: &Member, days: u32) -> Result<Vec<Day>, Error> {
        member.require(Permission::SeeUsage)?;
        let (user_id, from) = (member.id().to_owned(), self.first_day(days));
        self.store.read(move |reader| Ok(usage::list_of(reader, &user_id, from)?)).await
    }

    /// Everybody's use of the last days, added up; that somebody looked is recorded.
    pub async fn usage(&self, by: &By, days: u32, grouping: Grouping) -> Result<Vec<Total>, Error> {
        let (by, from) = (by.clone(), self.first_day(days));
        self.store
            .write(move |tx| {
                by.confirm(tx)?;
                tx.audit(records::usage_read(&by, grouping, days))?;
                Ok(usage::totals(tx, from, grouping)?)
            })
            .await
    }

    fn first_day(&self, days: u32) -> i64 {
        usage::day(self.clock.now_us()) - i64::from(days.clamp(1, MOST_DAYS)) + 1
    }
}
