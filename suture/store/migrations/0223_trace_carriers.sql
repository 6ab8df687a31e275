-- Which objects the events and spans of each trace name, of types that stand on some path. An empty
-- event_key is a span.
CREATE TABLE IF NOT EXISTS trace_carriers {{on_cluster}}
(
    trace_id String,
    span_id String,
    event_key String,
    object String,
    occurred_at DateTime64(6, 'UTC'),
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (trace_id, span_id, event_key, object)
SETTINGS index_granularity = 512, {{synced}};
