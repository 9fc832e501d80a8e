//! The audit log, for auditors: records with their leaf hashes, newest first.

pub(crate) mod checkpoints;
pub(crate) mod events;
pub(crate) mod record;

use actix_web::web::{Data, Json, Query};
use redoubt_audit::Outcome;
use redoubt_store::audit_log::{self, Entry, Filter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::clock::parse_rfc3339;
use crate::http::error::Error;
use crate::identity::{self, Auditor, Caller};
use crate::records;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecordQuery {
    /// A sequence number or an RFC 3339 time, included.
    from: Option<String>,
    /// A sequence number or an RFC 3339 time, included.
    to: Option<String>,
    /// A person's id or name.
    actor: Option<String>,
    /// An event's name, `login.totp`.
    act: Option<String>,
    /// The id of what it was done to.
    object: Option<String>,
    /// `ok`, `deny` or `error`.
    outcome: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// At most this many; 100 unless told, 1000 at most.
    limit: Option<usize>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RecordPage {
    items: Vec<RecordView>,
    /// The cursor of the next page.
    #[schema(required)]
    next: Option<String>,
    /// Records in the whole log.
    size: u64,
    /// The Merkle root over all of them (RFC 6962), in hex.
    root: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RecordView {
    seq: u64,
    /// The record itself, as sealed.
    record: serde_json::Value,
    /// SHA-256 over 0x00 and the record's bytes, in hex.
    leaf: String,
}

impl RecordView {
    fn new(entry: &Entry) -> Result<Self, Error> {
        let record = serde_json::from_slice(entry.record.bytes()).map_err(Error::internal)?;
        let leaf = data_encoding::HEXLOWER.encode(&entry.leaf);
        Ok(Self { seq: entry.record.fields().seq, record, leaf })
    }
}

/// Records that an auditor looks, before anything is shown. `what`: of the words that the catalogue has for it.
pub(crate) async fn record_look(
    app: &App,
    caller: Caller<Auditor>,
    what: &'static str,
    shown: usize,
) -> Result<(), Error> {
    app.store
        .write(move |tx| {
            caller.confirm(tx)?;
            tx.audit(records::log_read(&caller, what, shown))?;
            Ok::<_, identity::Error>(())
        })
        .await?;
    Ok(())
}

/// `GET /api/v1/audit/records`
pub(crate) async fn list(
    caller: Caller<Auditor>,
    app: Data<App>,
    query: Query<RecordQuery>,
) -> Result<Json<RecordPage>, Error> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let filter = filter(&query)?;
    let cursor = query.cursor.clone();
    let (page, size, root) = app
        .store
        .read(move |reader| {
            let page = audit_log::list(reader, &filter, cursor.as_deref(), limit)?;
            Ok::<_, redoubt_store::Error>((page, audit_log::size(reader)?, audit_log::root(reader)?))
        })
        .await?;
    // Apart from the walk, which may be long.
    record_look(&app, caller, "records", page.items.len()).await?;
    let items = page.items.iter().map(RecordView::new).collect::<Result<_, _>>()?;
    Ok(Json(RecordPage { items, next: page.next, size, root: data_encoding::HEXLOWER.encode(&root) }))
}

fn filter(query: &RecordQuery) -> Result<Filter, Error> {
    let mut filter = Filter {
        actor: query.actor.clone(),
        act: query.act.clone(),
        object: query.object.clone(),
        outcome: query.outcome.as_deref().map(outcome).transpose()?,
        ..Filter::default()
    };
    for (name, text, seq, time) in [
        ("from", &query.from, &mut filter.from_seq, &mut filter.from_us),
        ("to", &query.to, &mut filter.to_seq, &mut filter.to_us),
    ] {
        let Some(text) = text else { continue };
        match (text.parse(), parse_rfc3339(text)) {
            (Ok(number), _) => *seq = Some(number),
            (_, Some(moment)) => *time = Some(moment),
            _ => return Err(Error::invalid(name, "Give a sequence number or an RFC 3339 time.")),
        }
    }
    Ok(filter)
}

fn outcome(text: &str) -> Result<Outcome, Error> {
    match text {
        "ok" => Ok(Outcome::Ok),
        "deny" => Ok(Outcome::Deny),
        "error" => Ok(Outcome::Error),
        _ => Err(Error::invalid("outcome", "An outcome is ok, deny or error.")),
    }
}
