-- People of the directory beside local ones. `directory_id` (entryUUID, objectGUID) is who somebody is; names may
-- change. `directory_state` is why the directory says no, null while it says yes; `checked_at` is when it last spoke.
-- `role_source`: an assigned role is an admin's word, one of the directory follows the mapping at every check.
ALTER TABLE users ADD COLUMN display_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN source TEXT NOT NULL DEFAULT 'local' CHECK (source IN ('local', 'directory'));
ALTER TABLE users ADD COLUMN role_source TEXT NOT NULL DEFAULT 'assigned'
    CHECK (role_source IN ('assigned', 'directory'));
ALTER TABLE users ADD COLUMN directory_id TEXT;
ALTER TABLE users ADD COLUMN directory_state TEXT;
ALTER TABLE users ADD COLUMN checked_at INTEGER;
CREATE UNIQUE INDEX users_by_directory_id ON users (directory_id) WHERE directory_id IS NOT NULL;

-- Groups carry rights. A quota that is null says nothing. The built-in group `everyone` has every analyst without a row
-- in `group_members`.
CREATE TABLE groups (
    id               TEXT PRIMARY KEY,
    name             TEXT NOT NULL UNIQUE,
    requests_per_day INTEGER CHECK (requests_per_day >= 0),
    tokens_per_day   INTEGER CHECK (tokens_per_day >= 0),
    parallel         INTEGER CHECK (parallel >= 1),
    priority         INTEGER,
    created_at       INTEGER NOT NULL
) STRICT;
INSERT INTO groups (id, name, created_at) VALUES ('everyone', 'everyone', 0);

-- One person may be in one group for two reasons, and stays until both are gone.
CREATE TABLE group_members (
    group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    user_id  TEXT NOT NULL REFERENCES users (id),
    source   TEXT NOT NULL CHECK (source IN ('assigned', 'directory')),
    PRIMARY KEY (group_id, user_id, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_members_by_user ON group_members (user_id);

CREATE TABLE group_permissions (
    group_id   TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    permission TEXT NOT NULL,
    effect     TEXT NOT NULL CHECK (effect IN ('allow', 'deny')),
    PRIMARY KEY (group_id, permission)
) STRICT, WITHOUT ROWID;

CREATE TABLE group_models (
    group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    model    TEXT NOT NULL,
    PRIMARY KEY (group_id, model)
) STRICT, WITHOUT ROWID;

-- What membership of a directory group (its normalised DN) means here: a role or a group.
CREATE TABLE directory_mappings (
    id              TEXT PRIMARY KEY,
    directory_group TEXT NOT NULL,
    role            TEXT CHECK (role IN ('analyst', 'admin', 'auditor')),
    group_id        TEXT REFERENCES groups (id) ON DELETE CASCADE,
    created_at      INTEGER NOT NULL,
    CHECK ((role IS NULL) <> (group_id IS NULL))
) STRICT;
CREATE UNIQUE INDEX directory_mappings_once
    ON directory_mappings (directory_group, coalesce(role, ''), coalesce(group_id, ''));

-- Compartments. An empty marking is the appliance's own. Without rows in `workspace_models` every granted model may be
-- used.
CREATE TABLE workspaces (
    id                 TEXT PRIMARY KEY,
    name               TEXT NOT NULL UNIQUE,
    marking_text       TEXT NOT NULL DEFAULT '',
    marking_background TEXT NOT NULL DEFAULT '',
    marking_color      TEXT NOT NULL DEFAULT '',
    system_prompt      TEXT NOT NULL DEFAULT '',
    created_at         INTEGER NOT NULL
) STRICT;
INSERT INTO workspaces (id, name, created_at) VALUES ('general', 'General', 0);

CREATE TABLE workspace_members (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      TEXT NOT NULL REFERENCES users (id),
    PRIMARY KEY (workspace_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX workspace_members_by_user ON workspace_members (user_id);

CREATE TABLE workspace_groups (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    group_id     TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (workspace_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX workspace_groups_by_group ON workspace_groups (group_id);
INSERT INTO workspace_groups (workspace_id, group_id) VALUES ('general', 'everyone');

CREATE TABLE workspace_models (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model        TEXT NOT NULL,
    PRIMARY KEY (workspace_id, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE prompts (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    owner        TEXT NOT NULL REFERENCES users (id),
    name         TEXT NOT NULL,
    content      TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX prompts_by_workspace ON prompts (workspace_id, name, id);

-- Sessions are bound to one workspace. `proved_at`: when the person last gave password and code in it. `locked_at`:
-- since when its page is hidden. `factor`: what came before the code.
ALTER TABLE sessions ADD COLUMN workspace TEXT REFERENCES workspaces (id) ON DELETE SET NULL;
ALTER TABLE sessions ADD COLUMN proved_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN locked_at INTEGER;
ALTER TABLE sessions ADD COLUMN factor TEXT NOT NULL DEFAULT 'password' CHECK (factor IN ('password', 'certificate'));

-- A chat never leaves its workspace. (A column that is added cannot both refer and have a default; `chats::insert` is
-- the only way in.)
ALTER TABLE chats ADD COLUMN workspace TEXT NOT NULL DEFAULT 'general';
DROP INDEX chats_by_owner;
CREATE INDEX chats_by_owner ON chats (owner, workspace, updated_at, id);
CREATE INDEX chats_by_workspace ON chats (workspace);

-- `scopes`: words divided by spaces.
ALTER TABLE api_keys ADD COLUMN workspace TEXT NOT NULL DEFAULT 'general';
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT 'chat embeddings';

-- What was used, a row a day (UTC, counted from 1970), person, workspace and model.
CREATE TABLE usage (
    day               INTEGER NOT NULL,
    user_id           TEXT NOT NULL REFERENCES users (id),
    workspace         TEXT NOT NULL,
    model             TEXT NOT NULL,
    requests          INTEGER NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    refusals          INTEGER NOT NULL,
    PRIMARY KEY (day, user_id, workspace, model)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_by_user ON usage (user_id, day);

-- What the rules of `[alerts]` raised.
CREATE TABLE alerts (
    id              TEXT PRIMARY KEY,
    rule            TEXT NOT NULL CHECK (rule IN ('failed_sign_ins', 'refusals', 'quota')),
    raised_at       INTEGER NOT NULL,
    count           INTEGER NOT NULL,
    threshold       INTEGER NOT NULL,
    window_seconds  INTEGER NOT NULL,
    acknowledged_at INTEGER,
    acknowledged_by TEXT
) STRICT;
CREATE INDEX alerts_by_time ON alerts (raised_at);
