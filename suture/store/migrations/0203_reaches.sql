-- Which anchors an object belongs to, per process: the transitive closure of links, downwards.
CREATE TABLE IF NOT EXISTS reaches {{on_cluster}}
(
    process String,
    object String,
    anchor String,
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (object, process, anchor)
SETTINGS index_granularity = 256, {{synced}};
