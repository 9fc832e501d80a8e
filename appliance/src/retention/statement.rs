//! What an auditor can hand on after a purge: who asked, who agreed, what went, and who had read it.

use std::fmt::Write as _;

use redoubt_store::audit_log::{self, Mark};
use redoubt_store::purges::{self, Purge};
use redoubt_store::{Reader, meta};

use super::Retention;
use super::purge::{self, PurgeDetail, Stage};
use crate::access::Error;
use crate::audit::{export, signing};
use crate::clock::rfc3339;
use crate::identity::{Auditor, Caller};
use crate::records::custody as records;

/// The file that it is handed out as.
const FILE: &str = "purge-statement.txt";
/// More backups are not listed one by one.
const MOST_BACKUPS: usize = 1_000;

impl Retention {
    /// The statement of a purge that is done, as plain text with its signature. That it was handed out is recorded.
    ///
    /// # Errors
    /// [`Error::Conflict`] while the purge is not done, and where no key is certified that could sign it.
    pub async fn statement(&self, auditor: &Caller<Auditor>, id: &str) -> Result<String, Error> {
        let (id, now) = (id.to_owned(), self.clock.now_us());
        let read = self.store.read(move |reader| {
            let purge = purges::find(reader, &id)?.ok_or(Error::NoSuch("purge"))?;
            let text = text(reader, purge.clone(), now)?;
            Ok::<_, Error>((purge, text))
        });
        let (purge, text) = read.await?;
        let auditor = auditor.clone();
        self.store
            .write(move |tx| {
                auditor.confirm(tx)?;
                tx.audit(records::purge_stated(&auditor, &purge))?;
                signing::signed(tx, FILE, &text).map_err(|error| match error {
                    export::Error::Store(error) => error.into(),
                    _ => Error::Conflict("no key is certified that could sign the statement"),
                })
            })
            .await
    }
}

fn text(reader: &Reader, purge: Purge, now_us: i64) -> Result<String, Error> {
    let detail = purge::detail(reader, purge, now_us)?;
    let purge = &detail.purge;
    let (Stage::Done, Some(decided_at), Some(done_at)) = (detail.stage, purge.decided_at, purge.done_at)
    else {
        return Err(Error::Conflict("there is a statement when the purge is done"));
    };
    let marks = audit_log::marks_of(reader, &purge.chat_id, "purge.")?;
    let backups = audit_log::marks_since(reader, "backup.", purge.created_at, MOST_BACKUPS)?;
    let facts = [
        ("Appliance", meta::origin(reader)?),
        ("Purge", purge.id.clone()),
        ("Chat", purge.chat_id.clone()),
        ("Owner", format!("{} ({})", detail.owner, purge.owner)),
        ("Workspace", format!("{} ({})", detail.workspace, purge.workspace)),
        ("Begun", rfc3339(purge.created_at)),
        ("Size", format!("{} messages, {} bytes", purge.messages, purge.bytes)),
        ("Asked for", format!("{} by {} ({})", rfc3339(purge.asked_at), detail.asked_by, purge.asked_by)),
        ("Agreed to", agreed(&detail, decided_at)),
        ("Done", rfc3339(done_at)),
    ];
    let mut text = "STATEMENT OF A PURGE\n\n".to_owned();
    for (name, value) in facts {
        let _infallible = writeln!(text, "{name:<10}  {value}");
    }
    text.push_str(ERASED);
    section(
        &mut text,
        "Everybody who had opened or exported the chat (its owner also wrote in it)",
        readers(&detail),
    );
    section(&mut text, "Records of the audit log", marks.iter().map(line).collect());
    let _infallible = write!(
        text,
        "\nBackups\n  Backups made between {} and {} may hold it. Destroy them or\n  what they hold of it.\n",
        rfc3339(purge.created_at),
        rfc3339(done_at),
    );
    section(&mut text, "Backups that the log knows of", backups.iter().map(line).collect());
    Ok(text)
}

/// What [`Retention::finish_purges`] has done when it says so.
const ERASED: &str = "
Erased
  The rows of the chat and of its messages, their words in the search index, and the salt
  without which the digests in the audit log prove nothing. Archives of the chat. The
  write-ahead log was moved into the database and cut to nothing. The engine has dropped and
  overwritten what it had computed from this person's prompts in this workspace.
  Records of the audit log stay; none of them has a word of the chat.
";

fn agreed(detail: &PurgeDetail, decided_at: i64) -> String {
    let id = detail.purge.decided_by.as_deref().unwrap_or_default();
    format!("{} by {} ({id})", rfc3339(decided_at), detail.decided_by.as_deref().unwrap_or_default())
}

fn readers(detail: &PurgeDetail) -> Vec<String> {
    let line = |deeds: &audit_log::Deeds| {
        let audit_log::Deeds { name, actor, act, count, first, last } = deeds;
        let (from, to) = (rfc3339(first.time_us), rfc3339(last.time_us));
        format!(
            "{name} ({actor}): {act}, {count} times, {from} (record {}) to {to} (record {})",
            first.seq, last.seq
        )
    };
    detail.readers.iter().map(line).collect()
}

fn line(mark: &Mark) -> String {
    format!("{} {} (record {})", rfc3339(mark.time_us), mark.act, mark.seq)
}

fn section(text: &mut String, title: &str, lines: Vec<String>) {
    let _infallible = writeln!(text, "\n{title}");
    if lines.is_empty() {
        text.push_str("  none\n");
    }
    for line in lines {
        let _infallible = writeln!(text, "  {line}");
    }
}
