-- Every decision ever taken: append-only, bitemporal (event times, decided_at). The same decision
-- written twice (a repeated tick) is one row. The latest decided_at of (sla, anchor) counts.
-- stopped_at: when the clock stopped, whatever the reason; null while it runs.
CREATE TABLE IF NOT EXISTS verdicts {{on_cluster}}
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
    decided_at DateTime64(6, 'UTC')
)
ENGINE = {{engine ReplacingMergeTree}}
ORDER BY (environment, process, sla, anchor, decided_at)
SETTINGS {{synced}};
