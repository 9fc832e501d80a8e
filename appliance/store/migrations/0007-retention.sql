-- Legal holds: what one names (and what is in it) is not deleted until it is lifted. `label` is the name that the target
-- had; `reason` is for auditors and in no record.
CREATE TABLE holds (
    id        TEXT PRIMARY KEY,
    kind      TEXT NOT NULL CHECK (kind IN ('person', 'workspace', 'chat')),
    target    TEXT NOT NULL,
    label     TEXT NOT NULL,
    reason    TEXT NOT NULL,
    placed_at INTEGER NOT NULL,
    placed_by TEXT NOT NULL REFERENCES users (id),
    lifted_at INTEGER,
    lifted_by TEXT REFERENCES users (id)
) STRICT;
CREATE INDEX holds_by_target ON holds (kind, target) WHERE lifted_at IS NULL;
CREATE INDEX holds_by_time ON holds (placed_at, id);

-- After so many days without a change a chat goes; null: never.
ALTER TABLE workspaces ADD COLUMN retention_days INTEGER CHECK (retention_days >= 1);
ALTER TABLE workspaces ADD COLUMN retention_action TEXT NOT NULL DEFAULT 'delete'
    CHECK (retention_action IN ('delete', 'archive'));
DROP INDEX chats_by_workspace;
CREATE INDEX chats_by_workspace ON chats (workspace, updated_at, id);

-- Chats that are in a sealed file instead of the tables. `audit_seq` is the record of the archiving.
CREATE TABLE archives (
    chat_id     TEXT PRIMARY KEY,
    owner       TEXT NOT NULL REFERENCES users (id),
    workspace   TEXT NOT NULL,
    file        TEXT NOT NULL UNIQUE,
    sha256      TEXT NOT NULL,
    bytes       INTEGER NOT NULL,
    messages    INTEGER NOT NULL,
    archived_at INTEGER NOT NULL,
    audit_seq   INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;
CREATE INDEX archives_by_time ON archives (archived_at, chat_id);
CREATE INDEX archives_by_workspace ON archives (workspace);

-- Chats that are to be erased after a spill. An approved one has lost its rows and is 'done' when nothing else of it is
-- left either. `messages` and `bytes` are what there was of it.
CREATE TABLE purges (
    id         TEXT PRIMARY KEY,
    chat_id    TEXT NOT NULL,
    owner      TEXT NOT NULL REFERENCES users (id),
    workspace  TEXT NOT NULL,
    reason     TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('asked', 'refused', 'approved', 'done')),
    created_at INTEGER NOT NULL,
    messages   INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    asked_at   INTEGER NOT NULL,
    asked_by   TEXT NOT NULL REFERENCES users (id),
    decided_at INTEGER,
    decided_by TEXT REFERENCES users (id),
    done_at    INTEGER
) STRICT;
CREATE INDEX purges_by_time ON purges (asked_at, id);
CREATE INDEX purges_by_chat ON purges (chat_id);
CREATE INDEX purges_approved ON purges (state) WHERE state = 'approved';
