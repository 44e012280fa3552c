-- Runs whose CLI told only a lower bound of what they used. Only the statements of `sums.rs` write here, as to the other columns.
ALTER TABLE run_use ADD COLUMN bounded NOT NULL DEFAULT 0;
ALTER TABLE agent_sum ADD COLUMN bounded NOT NULL DEFAULT 0;
ALTER TABLE day_sum ADD COLUMN bounded NOT NULL DEFAULT 0;

UPDATE run_use SET bounded = 1
WHERE (SELECT json_extract(data, '$.end.usage.at_least') FROM run WHERE id = run_use.run);
UPDATE agent_sum SET bounded =
    (SELECT coalesce(sum(bounded), 0) FROM run_use WHERE run_use.kind = agent_sum.kind AND run_use.agent = agent_sum.agent);
UPDATE day_sum SET bounded =
    (SELECT coalesce(sum(bounded), 0) FROM run_use WHERE run_use.day = day_sum.day AND run_use.agent = day_sum.agent);

-- Decisions that want a person's yes, of which few are ever open among many.
CREATE INDEX decision_asks ON decision(n) WHERE json_extract(data, '$.effect') = 'require_approval';
