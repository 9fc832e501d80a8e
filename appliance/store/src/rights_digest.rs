//! One digest of everything that says who may do what. Each checkpoint's record carries it, so that a row that was changed
//! past the appliance shows at the next start.

use redoubt_audit::Hash;
use ring::digest::{Context, SHA256};
use rusqlite::types::ValueRef;

use crate::{Error, Reader};

/// What is covered: columns that change together with a record only, in a fixed order.
const QUERIES: [&str; 12] = [
    "SELECT id, name, role, password_hash, disabled, source, role_source, directory_id FROM users ORDER BY id",
    "SELECT user_id, sealed FROM totp ORDER BY user_id",
    "SELECT id, requests_per_day, tokens_per_day, parallel, priority FROM groups ORDER BY id",
    "SELECT group_id, user_id, source FROM group_members ORDER BY group_id, user_id, source",
    "SELECT group_id, permission, effect FROM group_permissions ORDER BY group_id, permission",
    "SELECT group_id, model FROM group_models ORDER BY group_id, model",
    "SELECT id, directory_group, role, group_id FROM directory_mappings ORDER BY id",
    "SELECT id, marking_text, retention_days, retention_action FROM workspaces ORDER BY id",
    "SELECT workspace_id, user_id FROM workspace_members ORDER BY workspace_id, user_id",
    "SELECT workspace_id, group_id FROM workspace_groups ORDER BY workspace_id, group_id",
    "SELECT id, user_id, hash, workspace, scopes, expires_at, revoked_at FROM api_keys ORDER BY id",
    "SELECT id, kind, target, lifted_at FROM holds ORDER BY id",
];

/// SHA-256 over the rows of each query in turn: a mark before each row and after each query, then each value as its type
/// and its length (8 bytes, big-endian) and its bytes.
pub(crate) fn rights_digest(reader: &Reader) -> Result<Hash, Error> {
    let mut digest = Context::new(&SHA256);
    for sql in QUERIES {
        let mut statement = reader.connection().prepare_cached(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            digest.update(b"r");
            for column in 0..columns {
                add(&mut digest, row.get_ref(column)?);
            }
        }
        digest.update(b"q");
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.finish().as_ref());
    Ok(hash)
}

fn add(digest: &mut Context, value: ValueRef<'_>) {
    let number;
    let (kind, bytes): (&[u8], &[u8]) = match value {
        ValueRef::Null => (b"n", b""),
        ValueRef::Integer(integer) => {
            number = integer.to_be_bytes();
            (b"i", &number)
        }
        ValueRef::Real(real) => {
            number = real.to_be_bytes();
            (b"f", &number)
        }
        ValueRef::Text(text) => (b"t", text),
        ValueRef::Blob(blob) => (b"b", blob),
    };
    digest.update(kind);
    digest.update(&(bytes.len() as u64).to_be_bytes());
    digest.update(bytes);
}
