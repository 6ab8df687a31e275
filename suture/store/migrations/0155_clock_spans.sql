-- The two sides of calls from one service to another, of a sample of traces: client spans under
-- their own id, server spans under their parent's. Waits for the other side; kept for two days.
CREATE TABLE IF NOT EXISTS clock_spans {{on_cluster}}
(
    trace_id String,
    call_id String,
    span_id String,
    side LowCardinality(String),
    environment LowCardinality(String),
    service LowCardinality(String),
    started_nanos Int64,
    ended_nanos Int64,
    tick UInt64,
    sampled_at DateTime('UTC'),
    INDEX idx_tick tick TYPE minmax GRANULARITY 1
)
ENGINE = {{engine ReplacingMergeTree(tick)}}
ORDER BY (trace_id, call_id, span_id, side)
TTL sampled_at + INTERVAL 2 DAY
SETTINGS {{synced}};
