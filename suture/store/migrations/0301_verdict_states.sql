-- The verdict that counts now, for reading lists fast: the latest row of verdicts, with the facets
-- the instance has now. tick is the run of the SLA stage that wrote it.
CREATE TABLE IF NOT EXISTS verdict_states {{on_cluster}}
(
    environment LowCardinality(String),
    process LowCardinality(String),
    sla LowCardinality(String),
    sla_version UInt32,
    anchor String,
    state LowCardinality(String),
    reason String,
    started_at DateTime64(6, 'UTC'),
    deadline_at Nullable(DateTime64(6, 'UTC')),
    at_risk_at Nullable(DateTime64(6, 'UTC')),
    completed_at Nullable(DateTime64(6, 'UTC')),
    stopped_at Nullable(DateTime64(6, 'UTC')),
    elapsed_micros Int64,
    allowed_micros Int64,
    facets Map(LowCardinality(String), String),
    decided_at DateTime64(6, 'UTC'),
    tick UInt64
)
ENGINE = {{engine ReplacingMergeTree(tick)}}
ORDER BY (environment, process, sla, anchor)
SETTINGS index_granularity = 1024, {{synced}};
