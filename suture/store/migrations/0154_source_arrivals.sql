-- How much of each source came in which minute, and how late it was, per tick that counted it: a
-- tick that is repeated writes the same rows again, and they replace each other.
CREATE TABLE IF NOT EXISTS source_arrivals {{on_cluster}}
(
    environment LowCardinality(String),
    kind LowCardinality(String),
    source String,
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    tick UInt64 CODEC(Delta, ZSTD(1)),
    arrived UInt64,
    lateness AggregateFunction(quantilesDD(0.01, 0.5, 0.95), Float64),
    lateness_max Float64
)
ENGINE = {{engine ReplacingMergeTree}}
ORDER BY (environment, kind, source, minute, tick)
TTL toDate(minute) + toIntervalDay({{ttl traces}})
SETTINGS {{synced}};
