-- The events of each instance. recorded_at is the earliest arrival.
CREATE TABLE IF NOT EXISTS members {{on_cluster}}
(
    process String,
    anchor String,
    event_key String,
    milestone String,
    system String,
    source String,
    id String,
    occurred_at DateTime64(6, 'UTC'),
    recorded_at DateTime64(6, 'UTC'),
    sequence Int64,
    outcome String,
    reason String,
    trace_id String,
    carried_names Array(String),
    carried_values Array(String),
    objects Array(String),
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (anchor, process, event_key)
SETTINGS index_granularity = 512, {{synced}};
