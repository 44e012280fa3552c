-- SQLite parses the whole schema for every command, and compiles the triggers of a table into every statement that changes it.

-- Every status has its row from the beginning, so that a plain UPDATE counts: half the work of an INSERT that may conflict.
INSERT OR IGNORE INTO tally VALUES
    ('queued', 0), ('claimed', 0), ('running', 0), ('blocked', 0), ('review', 0), ('done', 0), ('failed', 0), ('cancelled', 0);
DROP TRIGGER task_tally_insert;
CREATE TRIGGER task_tally_insert AFTER INSERT ON task BEGIN
    UPDATE tally SET n = n + 1 WHERE status = NEW.status;
END;
DROP TRIGGER task_tally_update;
CREATE TRIGGER task_tally_update AFTER UPDATE OF status ON task WHEN OLD.status <> NEW.status BEGIN
    UPDATE tally SET n = n + iif(status = NEW.status, 1, -1) WHERE status IN (OLD.status, NEW.status);
END;

-- The sums are made of other rows, and only the statements of `sums.rs` write them: a type and a constraint for each column would
-- be parsed each time and catch nothing.
ALTER TABLE run_use RENAME TO old;
CREATE TABLE run_use(run PRIMARY KEY,task,kind,agent,started_ms,ended_ms,day,lifecycle,outcome,good,bad,counted,ms,tokens,cost,paused_ms) WITHOUT ROWID;
INSERT INTO run_use SELECT * FROM old;
DROP TABLE old;
CREATE INDEX run_use_task ON run_use(task);

ALTER TABLE agent_sum RENAME TO old;
CREATE TABLE agent_sum(kind,agent,runs,good,bad,ms,tokens,priced,cost,PRIMARY KEY(kind,agent)) WITHOUT ROWID;
INSERT INTO agent_sum SELECT * FROM old;
DROP TABLE old;

ALTER TABLE day_sum RENAME TO old;
CREATE TABLE day_sum(day,agent,runs,counted,ms,tokens,priced,cost,PRIMARY KEY(day,agent)) WITHOUT ROWID;
INSERT INTO day_sum SELECT * FROM old;
DROP TABLE old;

ALTER TABLE agent_last RENAME TO old;
CREATE TABLE agent_last(agent PRIMARY KEY,run,ended_ms,lifecycle,outcome,streak,quota_ms,login_ms) WITHOUT ROWID;
INSERT INTO agent_last SELECT * FROM old;
DROP TABLE old;
