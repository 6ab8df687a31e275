-- The events of each instance. recorded_at is the earliest arrival.
CREATE TABLE IF NOT EXISTS members {{on_cluster}}
(
    process LowCardinality(String),
    anchor String,
    event_key String,
    milestone LowCardinality(String),
    system LowCardinality(String),
    source LowCardinality(String),
    id String,
    occurred_at DateTime64(6, 'UTC'),
    recorded_at DateTime64(6, 'UTC'),
    sequence Int64,
    outcome LowCardinality(String),
    reason String,
    trace_id String,
    carried_names Array(LowCardinality(String)),
    carried_values Array(String),
    objects Array(String),
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (anchor, process, event_key)
SETTINGS index_granularity = 512, {{synced}};
