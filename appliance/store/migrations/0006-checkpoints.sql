-- The keys of the audit log's epochs, certified in advance. `sealed` is the private key under the data key, gone when the
-- epoch ended; `begun_us` and `ended_us` are times in microseconds.
CREATE TABLE audit_epochs (
    number      INTEGER PRIMARY KEY,
    public_key  BLOB NOT NULL CHECK (length(public_key) = 32),
    certificate BLOB NOT NULL,
    sealed      BLOB,
    begun_us    INTEGER,
    ended_us    INTEGER
) STRICT;

-- Every checkpoint, as the signed note that it is.
CREATE TABLE audit_checkpoints (
    size    INTEGER PRIMARY KEY,
    epoch   INTEGER NOT NULL REFERENCES audit_epochs (number),
    time_us INTEGER NOT NULL,
    note    TEXT NOT NULL
) STRICT;
CREATE INDEX audit_checkpoints_by_epoch ON audit_checkpoints (epoch, size);
CREATE TRIGGER audit_checkpoints_are_kept_update BEFORE UPDATE ON audit_checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints are not changed'); END;
CREATE TRIGGER audit_checkpoints_are_kept_delete BEFORE DELETE ON audit_checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints are not deleted'); END;

-- Roots of the tree's complete subtrees of 256^level leaves, so that no proof walks all leaves.
CREATE TABLE audit_nodes (
    level INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    hash  BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, n)
) STRICT, WITHOUT ROWID;
