-- Identities that arrived with different contents: the one that counts, and one that does not.
CREATE TABLE IF NOT EXISTS conflicts {{on_cluster}}
(
    event_key String,
    source LowCardinality(String),
    id String,
    kept_hash String,
    other_hash String,
    kept_at DateTime64(6, 'UTC'),
    other_at DateTime64(6, 'UTC'),
    version UInt64
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (event_key, other_hash)
SETTINGS {{synced}};
