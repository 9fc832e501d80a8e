-- The certificates with which a session began, its own first (position 0), so that one that is revoked later ends it.
CREATE TABLE session_certificates (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    der        BLOB NOT NULL,
    PRIMARY KEY (session_id, position)
) STRICT, WITHOUT ROWID;
