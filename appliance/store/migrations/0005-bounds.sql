-- The search index anew: no two people, and no two workspaces, share a word of it. `indexed_words` (src/words.rs) puts
-- the key of its owner before each word, so that nothing that is walked, counted or ordered for a search is of others.
-- It holds words and no text; `secure-delete` removes those of a deleted row instead of marking it.
DROP TRIGGER chats_indexed_insert;
DROP TRIGGER chats_indexed_delete;
DROP TRIGGER chats_indexed_update;
DROP TRIGGER messages_indexed_insert;
DROP TRIGGER messages_indexed_delete;
DROP TRIGGER messages_indexed_update;
DROP TABLE chat_index;
DROP TABLE message_index;

CREATE VIRTUAL TABLE chat_index USING fts5 (words, content = '', columnsize = 0, tokenize = 'ascii');
CREATE VIRTUAL TABLE message_index USING fts5 (words, content = '', columnsize = 0, tokenize = 'ascii');
INSERT INTO chat_index (chat_index, rank) VALUES ('secure-delete', 1);
INSERT INTO message_index (message_index, rank) VALUES ('secure-delete', 1);
INSERT INTO chat_index (rowid, words) SELECT pk, indexed_words(owner, workspace, title) FROM chats;
INSERT INTO message_index (rowid, words)
    SELECT m.pk, indexed_words(m.owner, c.workspace, m.content) FROM messages m JOIN chats c ON c.id = m.chat_id;

CREATE TRIGGER chats_indexed_insert AFTER INSERT ON chats BEGIN
    INSERT INTO chat_index (rowid, words) VALUES (new.pk, indexed_words(new.owner, new.workspace, new.title));
END;
CREATE TRIGGER chats_indexed_delete AFTER DELETE ON chats BEGIN
    INSERT INTO chat_index (chat_index, rowid, words)
        VALUES ('delete', old.pk, indexed_words(old.owner, old.workspace, old.title));
END;
CREATE TRIGGER chats_indexed_update AFTER UPDATE OF title ON chats BEGIN
    INSERT INTO chat_index (chat_index, rowid, words)
        VALUES ('delete', old.pk, indexed_words(old.owner, old.workspace, old.title));
    INSERT INTO chat_index (rowid, words) VALUES (new.pk, indexed_words(new.owner, new.workspace, new.title));
END;
CREATE TRIGGER messages_indexed_insert AFTER INSERT ON messages BEGIN
    INSERT INTO message_index (rowid, words)
        SELECT new.pk, indexed_words(new.owner, workspace, new.content) FROM chats WHERE id = new.chat_id;
END;
CREATE TRIGGER messages_indexed_delete AFTER DELETE ON messages BEGIN
    INSERT INTO message_index (message_index, rowid, words)
        SELECT 'delete', old.pk, indexed_words(old.owner, workspace, old.content) FROM chats WHERE id = old.chat_id;
END;
CREATE TRIGGER messages_indexed_update AFTER UPDATE OF content ON messages BEGIN
    INSERT INTO message_index (message_index, rowid, words)
        SELECT 'delete', old.pk, indexed_words(old.owner, workspace, old.content) FROM chats WHERE id = old.chat_id;
    INSERT INTO message_index (rowid, words)
        SELECT new.pk, indexed_words(new.owner, workspace, new.content) FROM chats WHERE id = new.chat_id;
END;

-- What is counted of an account has no number in `typed`; what is told of a name that somebody typed, be it anybody's or
-- nobody's, has the number of its making, and the lowest go when there are too many.
ALTER TABLE lockouts ADD COLUMN typed INTEGER;
CREATE UNIQUE INDEX lockouts_by_typed ON lockouts (typed) WHERE typed IS NOT NULL;
CREATE INDEX lockouts_by_update ON lockouts (updated_at);
CREATE INDEX lockouts_of_attempts_by_update ON lockouts (updated_at) WHERE day_failures = 0;

-- Times are found by halving (src/audit_log.rs), which needs no index.
CREATE INDEX audit_by_outcome ON audit (outcome, seq);
DROP INDEX audit_by_time;
