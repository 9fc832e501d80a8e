-- Alerts of space: `storage` is a rule, too. A CHECK cannot be changed, so the table, which is small, is made anew.
CREATE TABLE alerts_with_storage (
    id              TEXT PRIMARY KEY,
    rule            TEXT NOT NULL CHECK (rule IN ('failed_sign_ins', 'refusals', 'quota', 'storage')),
    raised_at       INTEGER NOT NULL,
    count           INTEGER NOT NULL,
    threshold       INTEGER NOT NULL,
    window_seconds  INTEGER NOT NULL,
    acknowledged_at INTEGER,
    acknowledged_by TEXT
) STRICT;
INSERT INTO alerts_with_storage
    SELECT id, rule, raised_at, count, threshold, window_seconds, acknowledged_at, acknowledged_by FROM alerts;
DROP TABLE alerts;
ALTER TABLE alerts_with_storage RENAME TO alerts;
CREATE INDEX alerts_by_time ON alerts (raised_at);
