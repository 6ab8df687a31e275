-- The instances whose attribution looked at a trace, found or not: whom to look at again when more of
-- its spans arrive.
CREATE TABLE IF NOT EXISTS instance_traces {{on_cluster}}
(
    trace_id String,
    environment LowCardinality(String),
    process LowCardinality(String),
    anchor String,
    version UInt64
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (trace_id, environment, process, anchor)
SETTINGS index_granularity = 512, {{synced}};
