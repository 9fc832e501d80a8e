//! What a start looks at and records before anybody is served.

use std::time::Duration;

use redoubt_audit::{Draft, Event, Record, Value, catalogue};
use redoubt_store::{Reader, Store, audit_epochs, audit_log};

use crate::records;

/// For how long a start looks at the pages of a store whose last process did not end in order.
const LOOK: Duration = Duration::from_secs(10);

/// The pages of the store are not as they were written.
#[derive(Debug, thiserror::Error)]
#[error(
    "the store is not intact after an end in disorder: {problems} problems, the first: {first}. It is not served: keep a \
     copy as evidence, see what `redoubt check` says, and restore a backup"
)]
pub struct NotIntact {
    problems: usize,
    first: String,
}

/// The log of a store that has no key would go on unsigned.
#[derive(Debug, thiserror::Error)]
#[error(
    "no key signs the audit log: nothing is served until the installation's root has certified some; run      `redoubt audit certify-epochs`"
)]
pub struct NoKey;

/// Looks whether there is a key that signs the log.
///
/// # Errors
/// [`NoKey`], and what the store says.
pub fn require_key(store: &Store) -> anyhow::Result<()> {
    if store.read_blocking(audit_epochs::has_present)? { Ok(()) } else { Err(NoKey.into()) }
}

/// Looks at the store if the last process that served it did not end in order, and records what it found.
///
/// # Errors
/// [`NotIntact`], and what the store says.
pub fn check_after_disorder(store: &Store) -> anyhow::Result<()> {
    if store.read_blocking(ended_in_order)? {
        return Ok(());
    }
    let checked = store.quick_check(LOOK)?;
    let (problems, whole) = (checked.problems.len(), checked.whole);
    tracing::info!(problems, whole, "the last process did not end in order: the store was looked at");
    let recorded = store.write_blocking(move |tx| {
        tx.audit(records::store_checked(problems, whole))?;
        if problems > 0 {
            tx.checkpoint()?;
        }
        Ok::<_, redoubt_store::Error>(())
    });
    let Some(first) = checked.problems.into_iter().next() else { return Ok(recorded?) };
    if let Err(error) = recorded {
        // What is damaged may be what a record needs; the refusal is what counts.
        tracing::error!(%error, "that the store is not intact could not be recorded");
    }
    Err(NotIntact { problems, first }.into())
}

/// Whether the last boot was followed by a stop, or there was none.
fn ended_in_order(reader: &Reader) -> Result<bool, redoubt_store::Error> {
    Ok(number_of_last(reader, catalogue::SYSTEM_BOOT)? <= number_of_last(reader, catalogue::SYSTEM_STOP)?)
}

fn number_of_last(reader: &Reader, event: Event) -> Result<Option<u64>, redoubt_store::Error> {
    Ok(audit_log::last_of(reader, event)?.map(|entry| entry.record.fields().seq))
}

/// Records how the appliance began to serve, and its configuration if that is not the one of the last start; signs.
///
/// # Errors
/// What the store says.
pub fn record(store: &Store, begun: Vec<Draft>, configuration: String) -> Result<(), redoubt_store::Error> {
    store.write_blocking(move |tx| {
        let before = audit_log::last_of(tx, catalogue::SYSTEM_CONFIG)?;
        for draft in begun {
            tx.audit(draft)?;
        }
        if before.as_ref().and_then(|entry| sha256_of(&entry.record)) != Some(&configuration) {
            tx.audit(records::configured(&configuration))?;
        }
        tx.checkpoint().map(|_| ())
    })
}

fn sha256_of(record: &Record) -> Option<&String> {
    match record.fields().d.get("sha256") {
        Some(Value::Str(sha256)) => Some(sha256),
        _ => None,
    }
}
