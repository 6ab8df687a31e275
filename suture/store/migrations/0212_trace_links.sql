-- Which traces have a span that is linked to a trace: span links, seen from their target. Filled from
-- the spans of finished segments. Goes when the spans go.
CREATE TABLE IF NOT EXISTS trace_links {{on_cluster}}
(
    linked_trace_id String,
    trace_id String,
    received_at DateTime('UTC')
)
ENGINE = {{engine ReplacingMergeTree(received_at)}}
ORDER BY (linked_trace_id, trace_id)
TTL received_at + toIntervalDay({{ttl traces}})
SETTINGS index_granularity = 512, {{synced}};
