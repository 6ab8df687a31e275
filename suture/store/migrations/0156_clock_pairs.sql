-- Calls of which both sides are known, by the hour (counted from 1970) of the caller's clock: how far
-- the clock of the server can be ahead of the client's, as the call lies within its caller's span.
CREATE TABLE IF NOT EXISTS clock_pairs {{on_cluster}}
(
    environment LowCardinality(String),
    hour Int32,
    client LowCardinality(String),
    server LowCardinality(String),
    trace_id String,
    call_id String,
    span_id String,
    lower_micros Int64,
    upper_micros Int64,
    tick UInt64,
    paired_at DateTime('UTC'),
    INDEX idx_tick tick TYPE minmax GRANULARITY 1
)
ENGINE = {{engine ReplacingMergeTree(tick)}}
ORDER BY (environment, hour, client, server, trace_id, call_id, span_id)
TTL paired_at + INTERVAL 2 DAY
SETTINGS {{synced}};
