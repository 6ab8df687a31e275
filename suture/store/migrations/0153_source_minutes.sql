-- In which minutes (counted from 1970) each source was heard from: what heartbeats are held against,
-- and when anyone was last heard from at any time. Minima and maxima. Kept for good.
CREATE TABLE IF NOT EXISTS source_minutes {{on_cluster}}
(
    environment LowCardinality(String),
    kind LowCardinality(String),
    source String,
    system LowCardinality(String),
    minute Int32 CODEC(Delta, ZSTD(1)),
    first_heard_at SimpleAggregateFunction(min, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    last_heard_at SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1))
)
ENGINE = {{engine AggregatingMergeTree}}
ORDER BY (environment, kind, source, system, minute)
SETTINGS {{synced}};
