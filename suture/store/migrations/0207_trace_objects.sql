-- Objects that spans carry, milestone or not: they tie a trace to the instances that reach the object.
CREATE TABLE IF NOT EXISTS trace_objects {{on_cluster}}
(
    segment UInt64,
    environment LowCardinality(String),
    object_type LowCardinality(String),
    object_id String,
    object String,
    trace_id String,
    span_id String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = {{engine ReplacingMergeTree}}
ORDER BY (object, trace_id, span_id)
SETTINGS index_granularity = 512, {{synced}};
