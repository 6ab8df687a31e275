-- What each anchor reaches, per process: `reaches`, seen from the anchor.
CREATE TABLE IF NOT EXISTS reached_objects {{on_cluster}}
(
    process String,
    anchor String,
    object String,
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (anchor, process, object)
SETTINGS index_granularity = 512, {{synced}};
