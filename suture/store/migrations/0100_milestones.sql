-- Milestone facts, as they came in, every arrival kept. Identity is (source, id); readers keep one
-- version of it (smallest occurred_at, content_hash). Attribute values are text.
CREATE TABLE IF NOT EXISTS milestones {{on_cluster}}
(
    segment UInt64 CODEC(DoubleDelta, ZSTD(1)),
    environment LowCardinality(String),
    source LowCardinality(String),
    id String,
    milestone LowCardinality(String),
    system LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    recorded_at DateTime64(6, 'UTC'),
    sequence Int64 DEFAULT 0,
    object_types Array(LowCardinality(String)),
    object_ids Array(String),
    attributes Map(LowCardinality(String), String),
    outcome LowCardinality(String) DEFAULT 'ok',
    reason String DEFAULT '',
    trace_id String DEFAULT '',
    span_id String DEFAULT '',
    extensions Map(LowCardinality(String), String),
    contract LowCardinality(String) DEFAULT '',
    contract_version LowCardinality(String) DEFAULT '',
    event_key String DEFAULT lower(hex(sipHash128(source, id))),
    content_hash String DEFAULT lower(hex(sipHash128(
        occurred_at, milestone, arraySort(arrayZip(object_types, object_ids)),
        arraySort(mapKeys(attributes)), arrayMap(k -> attributes[k], arraySort(mapKeys(attributes))),
        outcome, reason, sequence))),
    INDEX event_key_bloom event_key TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = {{engine MergeTree}}
PARTITION BY toYYYYMM(recorded_at)
ORDER BY (segment, event_key)
SETTINGS index_granularity = 1024, {{durable}};
