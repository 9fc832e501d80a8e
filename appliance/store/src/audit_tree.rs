//! Tables `audit_tree` and `audit_nodes`: the Merkle tree beside its leaves. The right edge is what the log grows from;
//! the roots of every 256, 65,536, … leaves are what proofs and tiles are made from.

use redoubt_audit::tile::{TILE, TileId};
use redoubt_audit::{Hash, Subtrees, Tree, root};
use rusqlite::params;

use crate::{Error, Reader, audit_log};

/// How many levels of the tree lie between those that are stored.
const HEIGHT: u32 = 8;

/// The tree over the first `size` records.
pub fn at(reader: &Reader, size: u64) -> Result<Tree, Error> {
    redoubt_audit::tree(reader, size)
}

/// The hashes that lead from record `seq` to the root of the tree over the first `size` records; `None` if it is not among
/// them.
pub fn inclusion(reader: &Reader, seq: u64, size: u64) -> Result<Option<Vec<Hash>>, Error> {
    redoubt_audit::inclusion_proof(reader, seq, size)
}

/// The hashes that show that the log of `old_size` records is the beginning of that of `new_size`; `None` if it is larger.
pub fn consistency(reader: &Reader, old_size: u64, new_size: u64) -> Result<Option<Vec<Hash>>, Error> {
    redoubt_audit::consistency_proof(reader, old_size, new_size)
}

/// The hashes of a tile.
pub fn tile(reader: &Reader, id: TileId) -> Result<Vec<Hash>, Error> {
    let from = id.number * TILE;
    hashes(reader, id.level, from, from + id.width)
}

impl Subtrees for Reader {
    type Error = Error;

    fn complete(&self, height: u32, index: u64) -> Result<Hash, Error> {
        let within = height % HEIGHT;
        let hashes = hashes(self, height / HEIGHT, index << within, (index + 1) << within)?;
        Ok(root(&hashes))
    }
}

/// The hashes `from..to` of a level; level 0 has the leaves.
fn hashes(reader: &Reader, level: u32, from: u64, to: u64) -> Result<Vec<Hash>, Error> {
    let hashes: Vec<Hash> = if level == 0 {
        audit_log::leaves(reader, from, to)?
    } else {
        let sql = "SELECT hash FROM audit_nodes WHERE level = ?1 AND n >= ?2 AND n < ?3 ORDER BY n";
        reader.all(sql, params![level, from, to], |row| row.get(0))?
    };
    if hashes.len() as u64 != to - from {
        return Err(Error::Damaged(format!(
            "hashes {from} to {to} of level {level} of the log are not all there"
        )));
    }
    Ok(hashes)
}

/// Adds a leaf to `tree`, and what that completes to the table.
pub(crate) fn push(reader: &Reader, tree: &mut Tree, leaf: Hash) -> Result<(), Error> {
    let mut stored = Ok(());
    tree.push_and(leaf, |height, index, hash| {
        if height % HEIGHT == 0 && stored.is_ok() {
            stored = insert(reader, height / HEIGHT, index, hash);
        }
    });
    stored
}

pub(crate) fn store(reader: &Reader, tree: &Tree) -> Result<(), Error> {
    let sql = "INSERT INTO audit_tree (id, edge) VALUES (0, ?1)
               ON CONFLICT (id) DO UPDATE SET edge = excluded.edge";
    reader.connection().prepare_cached(sql)?.execute([tree.to_bytes()])?;
    Ok(())
}

/// Fills the table of a log that was begun without it.
pub(crate) fn complete(reader: &Reader, size: u64) -> Result<(), Error> {
    let sql = "SELECT count(*) FROM audit_nodes WHERE level = 1";
    if reader.one(sql, [], |row| row.get::<_, u64>(0))? == Some(size / TILE) {
        return Ok(());
    }
    reader.connection().execute_batch("BEGIN IMMEDIATE; DELETE FROM audit_nodes")?;
    let mut tree = Tree::new();
    let mut statement = reader.connection().prepare("SELECT leaf FROM audit ORDER BY seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        push(reader, &mut tree, row.get(0)?)?;
    }
    reader.connection().execute_batch("COMMIT")?;
    Ok(())
}

fn insert(reader: &Reader, level: u32, n: u64, hash: &Hash) -> Result<(), Error> {
    let sql = "INSERT INTO audit_nodes (level, n, hash) VALUES (?1, ?2, ?3)";
    reader.connection().prepare_cached(sql)?.execute(params![level, n, hash])?;
    Ok(())
}
