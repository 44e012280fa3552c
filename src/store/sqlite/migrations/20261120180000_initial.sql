-- One row of `data` is one object of the domain as JSON; the other columns exist to find it.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE task (
    ord           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    status        TEXT NOT NULL CHECK (status IN
        ('queued', 'claimed', 'running', 'blocked', 'review', 'done', 'failed', 'cancelled')),
    priority      INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 4),
    not_before_ms INTEGER,
    parent        TEXT,
    title         TEXT NOT NULL,
    data          TEXT NOT NULL
);
CREATE INDEX task_ready ON task (priority, ord) WHERE status = 'queued';
CREATE INDEX task_status ON task (status, ord);
CREATE INDEX task_parent ON task (parent) WHERE parent IS NOT NULL;

-- Counts by status, kept so that `ai status` never counts a hundred thousand rows.
CREATE TABLE tally (
    status TEXT PRIMARY KEY,
    n      INTEGER NOT NULL CHECK (n >= 0)
) WITHOUT ROWID;
CREATE TRIGGER task_tally_insert AFTER INSERT ON task BEGIN
    INSERT INTO tally VALUES (NEW.status, 1) ON CONFLICT (status) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER task_tally_update AFTER UPDATE OF status ON task WHEN OLD.status <> NEW.status BEGIN
    UPDATE tally SET n = n - 1 WHERE status = OLD.status;
    INSERT INTO tally VALUES (NEW.status, 1) ON CONFLICT (status) DO UPDATE SET n = n + 1;
END;

CREATE TABLE dep (
    task    TEXT NOT NULL,
    on_task TEXT NOT NULL,
    PRIMARY KEY (task, on_task),
    CHECK (task <> on_task)
) WITHOUT ROWID;
CREATE INDEX dep_on ON dep (on_task, task);

CREATE TABLE lease (
    subject TEXT PRIMARY KEY,
    clock   TEXT NOT NULL,
    expires INTEGER NOT NULL,
    data    TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX lease_expiry ON lease (clock, expires);

CREATE TABLE path_lock (
    subject TEXT NOT NULL,
    n       INTEGER NOT NULL,
    key     TEXT NOT NULL,
    data    TEXT NOT NULL,
    PRIMARY KEY (subject, n)
) WITHOUT ROWID;
CREATE INDEX path_lock_key ON path_lock (key);

CREATE TABLE run (
    id     TEXT PRIMARY KEY,
    task   TEXT NOT NULL,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    data   TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX run_task ON run (task);
CREATE INDEX run_active ON run (id) WHERE active = 1;

CREATE TABLE evidence (
    n    INTEGER PRIMARY KEY,
    id   TEXT NOT NULL UNIQUE,
    task TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX evidence_task ON evidence (task);

CREATE TABLE decision (
    n    INTEGER PRIMARY KEY,
    id   TEXT NOT NULL UNIQUE,
    task TEXT,
    data TEXT NOT NULL
);
CREATE INDEX decision_task ON decision (task) WHERE task IS NOT NULL;

CREATE TABLE event (
    seq     INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    kind    TEXT NOT NULL,
    subject TEXT,
    body    TEXT NOT NULL,
    prev    TEXT NOT NULL,
    hash    TEXT NOT NULL
);
CREATE INDEX event_subject ON event (subject, seq) WHERE subject IS NOT NULL;
CREATE TRIGGER event_append_only_update BEFORE UPDATE ON event BEGIN
    SELECT RAISE(ABORT, 'the log is append-only');
END;
-- A first record that is still alone may give way to an imported log.
CREATE TRIGGER event_append_only_delete BEFORE DELETE ON event
WHEN OLD.seq <> 1 OR EXISTS (SELECT 1 FROM event WHERE seq <> 1) BEGIN
    SELECT RAISE(ABORT, 'the log is append-only');
END;
