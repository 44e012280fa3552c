-- What runs used and how they ended, kept as sums so that routing and budgets never read all runs.
CREATE TABLE run_use (
    run        TEXT PRIMARY KEY,
    task       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    agent      TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms   INTEGER NOT NULL,
    day        INTEGER NOT NULL,
    lifecycle  TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    good       INTEGER NOT NULL,
    bad        INTEGER NOT NULL,
    counted    INTEGER NOT NULL,
    ms         INTEGER NOT NULL,
    tokens     INTEGER NOT NULL,
    cost       INTEGER,
    paused_ms  INTEGER
) WITHOUT ROWID;
CREATE INDEX run_use_task ON run_use (task);

CREATE TABLE agent_sum (
    kind   TEXT NOT NULL,
    agent  TEXT NOT NULL,
    runs   INTEGER NOT NULL,
    good   INTEGER NOT NULL,
    bad    INTEGER NOT NULL,
    ms     INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    priced INTEGER NOT NULL,
    cost   INTEGER NOT NULL,
    PRIMARY KEY (kind, agent)
) WITHOUT ROWID;

CREATE TABLE day_sum (
    day     INTEGER NOT NULL,
    agent  TEXT NOT NULL,
    runs   INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    ms     INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    priced INTEGER NOT NULL,
    cost   INTEGER NOT NULL,
    PRIMARY KEY (day, agent)
) WITHOUT ROWID;

CREATE TABLE agent_last (
    agent     TEXT PRIMARY KEY,
    run       TEXT NOT NULL,
    ended_ms  INTEGER NOT NULL,
    lifecycle TEXT NOT NULL,
    outcome   TEXT NOT NULL,
    streak    INTEGER NOT NULL,
    quota_ms  INTEGER,
    login_ms  INTEGER
) WITHOUT ROWID;

CREATE TRIGGER run_use_sums AFTER INSERT ON run_use BEGIN
    INSERT INTO agent_sum VALUES
        (NEW.kind, NEW.agent, 1, NEW.good, NEW.bad, NEW.ms, NEW.tokens, NEW.cost IS NOT NULL, coalesce(NEW.cost, 0))
    ON CONFLICT (kind, agent) DO UPDATE SET
        runs = runs + 1, good = good + NEW.good, bad = bad + NEW.bad, ms = ms + NEW.ms, tokens = tokens + NEW.tokens,
        priced = priced + (NEW.cost IS NOT NULL), cost = cost + coalesce(NEW.cost, 0);
    INSERT INTO day_sum VALUES
        (NEW.day, NEW.agent, 1, NEW.counted, NEW.ms, NEW.tokens, NEW.cost IS NOT NULL, coalesce(NEW.cost, 0))
    ON CONFLICT (day, agent) DO UPDATE SET
        runs = runs + 1, counted = counted + NEW.counted, ms = ms + NEW.ms, tokens = tokens + NEW.tokens,
        priced = priced + (NEW.cost IS NOT NULL), cost = cost + coalesce(NEW.cost, 0);
    -- A pause ends early only where a run that was begun after the refusal came to a good end.
    INSERT INTO agent_last VALUES
        (NEW.agent, NEW.run, NEW.ended_ms, NEW.lifecycle, NEW.outcome, NEW.bad,
         CASE WHEN NEW.lifecycle = 'quota' THEN NEW.paused_ms END, CASE WHEN NEW.lifecycle = 'auth' THEN NEW.paused_ms END)
    ON CONFLICT (agent) DO UPDATE SET
        quota_ms = CASE
            WHEN excluded.quota_ms IS NOT NULL THEN max(excluded.quota_ms, coalesce(quota_ms, 0))
            WHEN NEW.good AND NEW.started_ms >= ended_ms THEN NULL ELSE quota_ms END,
        login_ms = CASE
            WHEN excluded.login_ms IS NOT NULL THEN excluded.login_ms
            WHEN NEW.good AND NEW.started_ms >= ended_ms THEN NULL ELSE login_ms END,
        streak = CASE WHEN NEW.good THEN 0 ELSE streak + NEW.bad END,
        run = NEW.run, ended_ms = NEW.ended_ms, lifecycle = NEW.lifecycle, outcome = NEW.outcome;
END;

CREATE VIEW run_ended AS SELECT
    r.id AS run, r.task AS task, coalesce(json_extract(t.data, '$.type'), '') AS kind,
    json_extract(r.data, '$.agent') AS agent, json_extract(r.data, '$.started_ms') AS started_ms,
    json_extract(r.data, '$.end.at_ms') AS ended_ms, json_extract(r.data, '$.end.at_ms') / 86400000 AS day,
    json_extract(r.data, '$.end.lifecycle') AS lifecycle, json_extract(r.data, '$.end.outcome') AS outcome,
    json_extract(r.data, '$.end.outcome') IN
        ('ready_for_review', 'needs_approval', 'unverified', 'needs_recheck') AS good,
    json_extract(r.data, '$.end.outcome') IN
        ('denied', 'send_back_checks', 'send_back_no_changes', 'retry') AS bad,
    json_extract(r.data, '$.end.outcome') NOT IN ('retry_uncounted', 'environment') AS counted,
    max(json_extract(r.data, '$.end.at_ms') - json_extract(r.data, '$.started_ms'), 0) AS ms,
    coalesce(json_extract(r.data, '$.end.usage.tokens'), 0) AS tokens,
    CAST(round(json_extract(r.data, '$.end.usage.cost') * 1000000) AS INTEGER) AS cost,
    json_extract(r.data, '$.end.paused_until_ms') AS paused_ms
FROM run r LEFT JOIN task t ON t.id = r.task WHERE r.active = 0;

INSERT INTO run_use SELECT * FROM run_ended ORDER BY ended_ms;

-- Every command parses the whole schema, so that only tables stay in it; `sums.rs` adds the runs that end from now on.
DROP TRIGGER run_use_sums;
DROP VIEW run_ended;
