-- Which events are about which object (normalised keys), and in which segment the version of the event
-- that counts lies among the milestones.
CREATE TABLE IF NOT EXISTS event_objects {{on_cluster}}
(
    object String,
    event_key String,
    segment UInt64,
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (object, event_key)
SETTINGS index_granularity = 256, {{synced}};
