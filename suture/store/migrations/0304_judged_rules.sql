-- The rules that all instances have been held against, by the hash of their text; empty when a rule
-- is not declared any more. A rule that differs is held against every instance of its process.
CREATE TABLE IF NOT EXISTS judged_rules {{on_cluster}}
(
    sla String,
    process String,
    fingerprint String,
    tick UInt64
)
ENGINE = {{engine ReplacingMergeTree(tick)}}
ORDER BY (sla, process)
SETTINGS {{synced}};
