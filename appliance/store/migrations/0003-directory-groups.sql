-- The groups that the directory last said a person is in: normalised DNs, nested ones included. From these the mappings
-- are applied again when one of them changes, and explained, without asking the directory.
CREATE TABLE directory_groups (
    user_id TEXT NOT NULL REFERENCES users (id),
    dn      TEXT NOT NULL,
    PRIMARY KEY (user_id, dn)
) STRICT, WITHOUT ROWID;
CREATE INDEX directory_groups_by_dn ON directory_groups (dn);
