-- The verdict that counts now, for reading lists fast; derived from verdicts and rewritten with it.
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
    elapsed_micros Int64,
    allowed_micros Int64,
    facets Map(LowCardinality(String), String),
    decided_at DateTime64(6, 'UTC')
)
ENGINE = {{engine ReplacingMergeTree(decided_at)}}
ORDER BY (environment, process, anchor, sla);
