-- Who claims to be the one worker of a store: the last row of each holder counts. renewed_at is the
-- server's time, since claims are compared by nobody else's clock.
CREATE TABLE IF NOT EXISTS worker_leases {{on_cluster}}
(
    name LowCardinality(String),
    holder String,
    token UInt64,
    choosing UInt8,
    urgent UInt8,
    released UInt8,
    beat UInt64,
    renewed_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = {{engine ReplacingMergeTree(beat)}}
ORDER BY (name, holder)
TTL toDateTime(renewed_at) + toIntervalDay(7)
SETTINGS {{synced}};
