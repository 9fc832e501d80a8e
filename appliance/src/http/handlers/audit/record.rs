//! One record, and the proof that it is in the log that a checkpoint was signed for.

use actix_web::web::{Data, Json, Path};
use redoubt_audit::Hash;
use redoubt_store::audit_checkpoints::{self, Signed};
use redoubt_store::audit_log::{self, Entry};
use redoubt_store::{Reader, audit_tree};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::error::Error;
use crate::identity::{Auditor, Caller};
use crate::records;

#[derive(Serialize, ToSchema)]
pub(crate) struct WholeRecord {
    seq: u64,
    /// The record itself, as sealed.
    record: serde_json::Value,
    /// Its exact bytes, one line of canonical JSON.
    line: String,
    /// SHA-256 over 0x00 and the record's bytes, in hex.
    leaf: String,
    /// Null until a checkpoint covers the record.
    #[schema(required)]
    proof: Option<InclusionProof>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct InclusionProof {
    /// How many records the checkpoint covers.
    size: u64,
    /// The checkpoint, a signed note.
    note: String,
    /// The hashes from the leaf up to the root (RFC 9162 section 2.1.3), in hex.
    hashes: Vec<String>,
    /// The same as a file (C2SP tlog-proof).
    file: String,
}

/// `GET /api/v1/audit/records/{seq}`
pub(crate) async fn show(
    caller: Caller<Auditor>,
    app: Data<App>,
    seq: Path<String>,
) -> Result<Json<WholeRecord>, Error> {
    let seq: u64 = seq.parse().map_err(|_| Error::not_found())?;
    let found = app.store.read(move |reader| find(reader, seq)).await?;
    let (entry, proof) = found.ok_or_else(Error::not_found)?;
    app.store.write(move |tx| tx.audit(records::record_read(&caller, seq))).await?;
    Ok(Json(view(&entry, proof)?))
}

type Proof = (Signed, Vec<Hash>);

fn find(reader: &Reader, seq: u64) -> Result<Option<(Entry, Option<Proof>)>, redoubt_store::Error> {
    let Some(entry) = audit_log::find(reader, seq)? else { return Ok(None) };
    let newest = audit_checkpoints::latest(reader)?;
    let proof = match newest {
        Some(signed) => audit_tree::inclusion(reader, seq, signed.size)?.map(|hashes| (signed, hashes)),
        None => None,
    };
    Ok(Some((entry, proof)))
}

fn view(entry: &Entry, proof: Option<Proof>) -> Result<WholeRecord, Error> {
    let seq = entry.record.fields().seq;
    let hex = |hash: &Hash| data_encoding::HEXLOWER.encode(hash);
    Ok(WholeRecord {
        seq,
        record: serde_json::from_slice(entry.record.bytes()).map_err(Error::internal)?,
        line: String::from_utf8(entry.record.bytes().to_vec()).map_err(Error::internal)?,
        leaf: hex(&entry.leaf),
        proof: proof.map(|(signed, hashes)| InclusionProof {
            size: signed.size,
            hashes: hashes.iter().map(hex).collect(),
            file: redoubt_audit::proof_text(seq, &hashes, &signed.note),
            note: signed.note,
        }),
    })
}
