-- Which pairs of objects each trace bridges, or names among several (`unsure`): the trace's evidence in
-- `links`, seen from the trace. The tick stands in the version's bits from the 20th on.
CREATE TABLE IF NOT EXISTS trace_pairs {{on_cluster}}
(
    trace_id String,
    process String,
    from_object String,
    to_object String,
    occurred_at DateTime64(6, 'UTC'),
    unsure UInt8,
    removed UInt8,
    version UInt64
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (trace_id, process, from_object, to_object)
SETTINGS index_granularity = 512, {{synced}};
