-- Relations between two objects, one row per piece of evidence. What is not accepted of them stands in
-- `ambiguous_links`. Evidence that is `unsure` cannot tell which objects belong together: it supports
-- nothing, and is kept for whoever decides.
CREATE TABLE IF NOT EXISTS links {{on_cluster}}
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
ORDER BY (from_object, process, to_object, kind, event_key)
SETTINGS index_granularity = 256, {{synced}};
