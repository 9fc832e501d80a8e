//! Chats whose time is over, workspace by workspace: what would go, and that it goes.

use std::sync::atomic::Ordering;

use redoubt_store::retention::{self, Due};
use redoubt_store::workspaces::{self, Expiry, Workspace};

use super::Retention;
use crate::access::Error;
use crate::clock::{DAY_US, SECOND_US};
use crate::identity::By;
use crate::records::custody as records;

/// What one transaction deletes: at most so many chats, and no more messages unless one chat alone has them. Writers wait
/// no longer than for these.
const BATCH_CHATS: usize = 50;
const BATCH_MESSAGES: usize = 500;

/// What a run over a workspace would do now.
pub struct Outlook {
    pub workspace: Workspace,
    pub days: u32,
    /// Chats that would go, and chats that a hold keeps.
    pub due: u64,
    pub held: u64,
    /// When the one that goes first was changed last.
    pub oldest: Option<i64>,
}

/// What a run over a workspace did.
pub struct Run {
    pub workspace: Workspace,
    pub deleted: u64,
    pub archived: u64,
    pub held: u64,
    /// Chats that stay, because no archive of them could be written. The log says why.
    pub failed: u64,
}

impl Retention {
    /// What a run would do now: numbers, no titles. Workspaces that keep everything are not among them.
    pub async fn preview(&self) -> Result<Vec<Outlook>, Error> {
        let now = self.clock.now_us();
        self.store
            .read(move |reader| {
                let mut outlooks = Vec::new();
                for workspace in workspaces::list(reader)? {
                    let Some(days) = workspace.retention_days else { continue };
                    let retention::Count { due, held, oldest } =
                        retention::count(reader, &workspace.id, before(now, days))?;
                    outlooks.push(Outlook { workspace, days, due, held, oldest });
                }
                Ok(outlooks)
            })
            .await
    }

    /// Deletes or archives every chat whose time is over. Goes on if who asked for it hangs up.
    ///
    /// # Errors
    /// [`Error::Conflict`] while another run is under way.
    pub async fn run(&self, by: &By) -> Result<Vec<Run>, Error> {
        let (this, by) = (self.clone(), by.clone());
        let work = tokio::spawn(async move {
            let _alone = this.running.try_lock().map_err(|_| Error::Conflict("a run is under way"))?;
            this.run_all(&by).await
        });
        work.await.unwrap_or(Err(Error::Conflict("the run broke off")))
    }

    /// The day's run, once a day from the configured hour on.
    pub async fn run_if_due(&self) -> Result<(), Error> {
        let now = self.clock.now_us();
        let (day, into_day) = (now.div_euclid(DAY_US), now.rem_euclid(DAY_US));
        let is_due = into_day >= i64::from(self.hour) * 3_600 * SECOND_US;
        if !is_due || self.last_day.load(Ordering::SeqCst) == day {
            return Ok(());
        }
        self.run(&By::appliance()).await?;
        self.last_day.store(day, Ordering::SeqCst);
        Ok(())
    }

    async fn run_all(&self, by: &By) -> Result<Vec<Run>, Error> {
        self.archives.sweep().await?;
        let mut runs = Vec::new();
        for outlook in self.preview().await? {
            let mut run =
                Run { deleted: 0, archived: 0, held: outlook.held, failed: 0, workspace: outlook.workspace };
            self.run_over(by, &mut run, before(self.clock.now_us(), outlook.days)).await?;
            let record = records::retention_ran(by, &run);
            let by = by.clone();
            self.store
                .write(move |tx| {
                    by.confirm(tx)?;
                    tx.audit(record)?;
                    Ok::<_, Error>(())
                })
                .await?;
            runs.push(run);
        }
        Ok(runs)
    }

    async fn run_over(&self, by: &By, run: &mut Run, before_us: i64) -> Result<(), Error> {
        let mut after: Option<Due> = None;
        loop {
            let (id, behind) = (run.workspace.id.clone(), after.take());
            let found = self.store.read(move |reader| {
                Ok::<_, Error>(retention::next(reader, &id, before_us, behind.as_ref(), BATCH_CHATS)?)
            });
            let batch = cut(found.await?);
            let Some(last) = batch.last() else { return Ok(()) };
            after = Some(last.clone());
            match run.workspace.retention_action {
                Expiry::Delete => run.deleted += self.delete(by, batch).await?,
                Expiry::Archive => {
                    for due in &batch {
                        match self.archive(by, due).await {
                            Ok(archived) => run.archived += u64::from(archived),
                            Err(error @ Error::Archive { .. }) => {
                                tracing::error!(%error, chat = due.id, "a chat stays: it could not be archived");
                                run.failed += 1;
                            }
                            Err(other) => return Err(other),
                        }
                    }
                }
            }
        }
    }

    /// One transaction; returns how many of them still were to go.
    async fn delete(&self, by: &By, batch: Vec<Due>) -> Result<u64, Error> {
        let by = by.clone();
        self.store
            .write_settled(move |tx| {
                by.confirm(tx)?;
                let mut deleted = 0;
                for due in &batch {
                    let Some(chat) = retention::still(tx, due)? else { continue };
                    let messages = retention::erase(tx, &chat)?;
                    tx.audit(records::chat_deleted(&by, &chat, messages))?;
                    deleted += 1;
                }
                Ok(deleted)
            })
            .await
    }
}

/// Before when a chat was changed last whose time is over.
fn before(now_us: i64, days: u32) -> i64 {
    now_us - i64::from(days) * DAY_US
}

/// As many as one transaction takes, at least one.
fn cut(mut found: Vec<Due>) -> Vec<Due> {
    let mut messages = 0;
    let fits = found.iter().take_while(|due| {
        messages += due.messages;
        messages <= BATCH_MESSAGES
    });
    let most = fits.count().max(1);
    found.truncate(most);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_few_messages_or_one_chat() {
        let due = |messages| Due { id: String::new(), updated_at: 0, messages };
        let sizes = |messages: &[usize]| cut(messages.iter().copied().map(due).collect()).len();
        assert_eq!(sizes(&[]), 0);
        assert_eq!(sizes(&[2_000, 1]), 1);
        assert_eq!(sizes(&[200, 300, 1]), 2);
        assert_eq!(sizes(&[0, 0, 500, 0, 1, 0]), 4);
    }
}
