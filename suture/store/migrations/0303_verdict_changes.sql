-- Which verdicts each tick of the SLA stage made or unmade a breach: what alerting reads to follow it.
-- Only keys: what the verdict is, verdict_states says.
CREATE TABLE IF NOT EXISTS verdict_changes {{on_cluster}}
(
    tick UInt64,
    environment LowCardinality(String),
    process LowCardinality(String),
    sla LowCardinality(String),
    anchor String
)
ENGINE = {{engine ReplacingMergeTree}}
ORDER BY (tick, environment, process, anchor, sla)
SETTINGS index_granularity = 1024, {{synced}};
