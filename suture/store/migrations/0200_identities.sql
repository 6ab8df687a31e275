-- The version of each event identity that counts. Found by the identity's leading 64 bits, since a
-- short key keeps random look-ups cheap; the whole key decides.
CREATE TABLE IF NOT EXISTS identities {{on_cluster}}
(
    event_hash UInt64 DEFAULT reinterpretAsUInt64(unhex(substring(event_key, 1, 16))),
    event_key String,
    occurred_at DateTime64(6, 'UTC'),
    content_hash String,
    trace_id String,
    version UInt64
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (event_hash, event_key)
SETTINGS index_granularity = 256, {{synced}};
