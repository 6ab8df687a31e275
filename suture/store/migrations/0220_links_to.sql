-- `links`, seen from the object they lead to: of the paths on which an object may be led to only once.
CREATE TABLE IF NOT EXISTS links_to {{on_cluster}}
(
    process String,
    from_object String,
    to_object String,
    kind String,
    event_key String,
    source String,
    id String,
    occurred_at DateTime64(6, 'UTC'),
    unsure UInt8 DEFAULT 0,
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (to_object, process, from_object, kind, event_key)
SETTINGS index_granularity = 256, {{synced}};
