-- Refused input: what is known of it. The payload itself stays with the collector (payload_ref).
CREATE TABLE IF NOT EXISTS dead_letters {{on_cluster}}
(
    segment UInt64 CODEC(DoubleDelta, ZSTD(1)),
    id String,
    received_at DateTime64(6, 'UTC'),
    environment LowCardinality(String),
    door LowCardinality(String),
    source String,
    event_id String,
    type LowCardinality(String),
    reason String,
    owner LowCardinality(String),
    payload_sha256 String,
    payload_bytes UInt64,
    preview String
)
ENGINE = {{engine MergeTree}}
PARTITION BY toYYYYMM(received_at)
ORDER BY (received_at, id)
SETTINGS {{durable}};
