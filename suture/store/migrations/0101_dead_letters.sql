-- Refused input: what is known of it, and all that ever happened to it, append-only. The payload
-- itself stays with the collector. Rows of one input bear one id; received_at is when this one
-- happened, action is refused, replayed or discarded, actor who did that (empty: it came by itself).
CREATE TABLE IF NOT EXISTS dead_letters {{on_cluster}}
(
    segment UInt64 CODEC(DoubleDelta, ZSTD(1)),
    id String,
    received_at DateTime64(6, 'UTC'),
    action LowCardinality(String) DEFAULT 'refused',
    actor LowCardinality(String),
    comment String,
    environment LowCardinality(String),
    door LowCardinality(String),
    source String,
    event_id String,
    type LowCardinality(String),
    reason String,
    owner LowCardinality(String),
    payload_sha256 String,
    payload_bytes UInt64,
    preview String,
    INDEX segment_range segment TYPE minmax GRANULARITY 1,
    INDEX id_bloom id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{engine MergeTree}}
PARTITION BY toYYYYMM(received_at)
ORDER BY (received_at, id)
SETTINGS index_granularity = 1024, {{durable}};
