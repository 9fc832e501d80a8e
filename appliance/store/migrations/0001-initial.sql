-- Identity of the store: origin, created_at.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The audit log. `seq` is the index of the leaf. The columns beside `rec` and `leaf` repeat fields of the
-- record for searching; the integrity check compares them.
CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY,
    time_us INTEGER NOT NULL,
    act     TEXT NOT NULL,
    outcome TEXT NOT NULL,
    actor   TEXT,
    object  TEXT,
    rec     BLOB NOT NULL,
    leaf    BLOB NOT NULL CHECK (length(leaf) = 32)
) STRICT;
CREATE INDEX audit_by_act ON audit (act, seq);
CREATE INDEX audit_by_actor ON audit (actor, seq) WHERE actor IS NOT NULL;
CREATE INDEX audit_by_object ON audit (object, seq) WHERE object IS NOT NULL;
CREATE INDEX audit_by_time ON audit (time_us, seq);
CREATE TRIGGER audit_is_append_only_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit records are not changed'); END;
CREATE TRIGGER audit_is_append_only_delete BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit records are not deleted'); END;

-- The right edge of the Merkle tree over `audit.leaf`.
CREATE TABLE audit_tree (
    id   INTEGER PRIMARY KEY CHECK (id = 0),
    edge BLOB NOT NULL
) STRICT;

-- `name` is normalised by the caller, so that one person has one spelling.
CREATE TABLE users (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    role          TEXT NOT NULL CHECK (role IN ('analyst', 'admin', 'auditor')),
    password_hash TEXT NOT NULL,
    disabled      INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    created_at    INTEGER NOT NULL
) STRICT;

-- `last_step` only grows: a step at or below it was used. `confirmed_at` is null until the first code.
CREATE TABLE totp (
    user_id      TEXT PRIMARY KEY REFERENCES users (id),
    sealed       BLOB NOT NULL,
    last_step    INTEGER NOT NULL,
    confirmed_at INTEGER
) STRICT;

CREATE TABLE recovery_codes (
    id      INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    hash    TEXT NOT NULL,
    used_at INTEGER
) STRICT;
CREATE INDEX recovery_codes_by_user ON recovery_codes (user_id);

-- What is locked (a name, a person's codes). Each recent failure is a row, so that the window slides.
CREATE TABLE lockouts (
    key          TEXT PRIMARY KEY,
    locked_until INTEGER,
    day_start    INTEGER NOT NULL,
    day_failures INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;
CREATE TABLE lockout_failures (
    key TEXT NOT NULL REFERENCES lockouts (key) ON DELETE CASCADE,
    at  INTEGER NOT NULL
) STRICT;
CREATE INDEX lockout_failures_by_key ON lockout_failures (key, at);

CREATE TABLE sessions (
    id           TEXT PRIMARY KEY,
    token_hash   BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    user_id      TEXT NOT NULL REFERENCES users (id),
    stage        TEXT NOT NULL CHECK (stage IN ('pending', 'full')),
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    address      TEXT NOT NULL,
    agent        TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id, last_seen_at);

CREATE TABLE api_keys (
    id           TEXT PRIMARY KEY,
    user_id      TEXT NOT NULL REFERENCES users (id),
    name         TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    revoked_at   INTEGER,
    parallel     INTEGER NOT NULL
) STRICT;
CREATE INDEX api_keys_by_user ON api_keys (user_id, created_at);

-- `pk` is the row's number in the search index. `salt` keys the digests of this chat's texts in the audit
-- log; with the row gone they prove nothing. `audit_seq` is the record of the row's creation.
CREATE TABLE chats (
    pk         INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    owner      TEXT NOT NULL REFERENCES users (id),
    title      TEXT NOT NULL,
    model      TEXT NOT NULL,
    head       TEXT,
    salt       BLOB NOT NULL CHECK (length(salt) = 16),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    audit_seq  INTEGER NOT NULL REFERENCES audit (seq),
    UNIQUE (id, owner)
) STRICT;
CREATE INDEX chats_by_owner ON chats (owner, updated_at, id);

-- `owner` repeats the chat's, held equal by the foreign key, so that no query can forget it.
CREATE TABLE messages (
    pk                INTEGER PRIMARY KEY,
    id                TEXT NOT NULL UNIQUE,
    chat_id           TEXT NOT NULL,
    owner             TEXT NOT NULL,
    parent            TEXT,
    role              TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    content           TEXT NOT NULL,
    status            TEXT NOT NULL CHECK (status IN ('streaming', 'done', 'stopped', 'failed')),
    finish_reason     TEXT,
    model             TEXT,
    prompt_tokens     INTEGER,
    completion_tokens INTEGER,
    cached_tokens     INTEGER,
    dropped_turns     INTEGER,
    elapsed_ms        INTEGER,
    created_at        INTEGER NOT NULL,
    audit_seq         INTEGER NOT NULL REFERENCES audit (seq),
    UNIQUE (chat_id, id),
    FOREIGN KEY (chat_id, owner) REFERENCES chats (id, owner),
    FOREIGN KEY (chat_id, parent) REFERENCES messages (chat_id, id)
) STRICT;
CREATE INDEX messages_by_chat ON messages (chat_id, pk);
CREATE INDEX messages_by_parent ON messages (chat_id, parent);
CREATE INDEX messages_streaming ON messages (status) WHERE status = 'streaming';

-- The search index. It stores tokens and no text. `owner` is indexed too, so that a search walks only its
-- owner's rows. `secure-delete` removes the tokens of a deleted row instead of marking it.
CREATE VIRTUAL TABLE chat_index USING fts5 (
    owner, title, content = 'chats', content_rowid = 'pk', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE message_index USING fts5 (
    owner, content, content = 'messages', content_rowid = 'pk', tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO chat_index (chat_index, rank) VALUES ('secure-delete', 1);
INSERT INTO message_index (message_index, rank) VALUES ('secure-delete', 1);

CREATE TRIGGER chats_indexed_insert AFTER INSERT ON chats BEGIN
    INSERT INTO chat_index (rowid, owner, title) VALUES (new.pk, new.owner, new.title);
END;
CREATE TRIGGER chats_indexed_delete AFTER DELETE ON chats BEGIN
    INSERT INTO chat_index (chat_index, rowid, owner, title) VALUES ('delete', old.pk, old.owner, old.title);
END;
CREATE TRIGGER chats_indexed_update AFTER UPDATE OF title ON chats BEGIN
    INSERT INTO chat_index (chat_index, rowid, owner, title) VALUES ('delete', old.pk, old.owner, old.title);
    INSERT INTO chat_index (rowid, owner, title) VALUES (new.pk, new.owner, new.title);
END;
CREATE TRIGGER messages_indexed_insert AFTER INSERT ON messages BEGIN
    INSERT INTO message_index (rowid, owner, content) VALUES (new.pk, new.owner, new.content);
END;
CREATE TRIGGER messages_indexed_delete AFTER DELETE ON messages BEGIN
    INSERT INTO message_index (message_index, rowid, owner, content)
        VALUES ('delete', old.pk, old.owner, old.content);
END;
CREATE TRIGGER messages_indexed_update AFTER UPDATE OF content ON messages BEGIN
    INSERT INTO message_index (message_index, rowid, owner, content)
        VALUES ('delete', old.pk, old.owner, old.content);
    INSERT INTO message_index (rowid, owner, content) VALUES (new.pk, new.owner, new.content);
END;
