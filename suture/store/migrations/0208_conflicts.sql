-- Identities that arrived with different contents: the one that counts, and one that does not, each with
-- the segment where it lies among the milestones and its earliest arrival. environment, and objects
-- (normalised keys), are those of the one that counts.
CREATE TABLE IF NOT EXISTS conflicts {{on_cluster}}
(
    event_key String,
    environment LowCardinality(String),
    source LowCardinality(String),
    id String,
    kept_hash String,
    other_hash String,
    kept_at DateTime64(6, 'UTC'),
    other_at DateTime64(6, 'UTC'),
    kept_segment UInt64,
    other_segment UInt64,
    kept_recorded_at DateTime64(6, 'UTC'),
    other_recorded_at DateTime64(6, 'UTC'),
    objects Array(String),
    version UInt64
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (event_key, other_hash)
SETTINGS {{synced}};
