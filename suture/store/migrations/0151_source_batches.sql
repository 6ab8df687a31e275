-- What each tick of the coverage stage counted, before it is spread over the tables that are read:
-- arrivals per source, minute in which they happened and minute in which they came. Times that
-- happened count as no later than the arrival. Kept for two days only.
CREATE TABLE IF NOT EXISTS source_batches {{on_cluster}}
(
    tick UInt64,
    environment LowCardinality(String),
    kind LowCardinality(String),
    source String,
    system LowCardinality(String),
    heard_minute Int32,
    seen_minute DateTime('UTC'),
    arrived UInt64,
    first_heard_at DateTime64(6, 'UTC'),
    last_heard_at DateTime64(6, 'UTC'),
    first_seen_at DateTime64(6, 'UTC'),
    last_seen_at DateTime64(6, 'UTC'),
    lateness AggregateFunction(quantilesDD(0.01, 0.5, 0.95), Float64),
    lateness_max Float64,
    counted_at DateTime('UTC')
)
ENGINE = {{engine ReplacingMergeTree}}
ORDER BY (tick, kind, environment, source, system, heard_minute, seen_minute)
TTL counted_at + INTERVAL 2 DAY
SETTINGS {{synced}};
