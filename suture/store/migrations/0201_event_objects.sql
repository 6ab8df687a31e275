-- Which events are about which object (normalised keys), with all that membership needs of an event.
-- carried_*: the attributes that some definition carries to instances; objects and types run in parallel.
CREATE TABLE IF NOT EXISTS event_objects {{on_cluster}}
(
    object String,
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
    types Array(String),
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (object, event_key)
SETTINGS index_granularity = 512, {{synced}};
