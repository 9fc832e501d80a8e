-- Whatever is asked of the log is some pieces of one of these, each in the log's order: so no search reads a record that
-- it does not show, whichever filters come together (src/audit_log/search.rs).
DROP INDEX audit_by_act;
DROP INDEX audit_by_actor;
DROP INDEX audit_by_object;
DROP INDEX audit_by_outcome;
CREATE INDEX audit_by_act ON audit (act, outcome, seq);
CREATE INDEX audit_by_actor ON audit (actor, act, outcome, seq) WHERE actor IS NOT NULL;
CREATE INDEX audit_by_object ON audit (object, actor, act, outcome, seq) WHERE object IS NOT NULL;
