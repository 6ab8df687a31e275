-- How far the clock of each service is ahead of a reference, per hour: the estimates along the calls
-- taken together. Services that no calls connect have references of their own.
CREATE TABLE IF NOT EXISTS clock_offsets {{on_cluster}}
(
    environment LowCardinality(String),
    hour Int32,
    service LowCardinality(String),
    reference LowCardinality(String),
    offset_micros Int64,
    uncertainty_micros Int64,
    pairs UInt32,
    tick UInt64
)
ENGINE = {{engine ReplacingMergeTree(tick)}}
ORDER BY (environment, hour, service)
SETTINGS {{synced}};
