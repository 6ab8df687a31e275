-- Pairs of objects that evidence names and that are no link: `refused`, since another one ranks first
-- where only one may be; `unsure`, since the evidence cannot tell; `blocked`, since an operator said
-- so. An empty state is one that was left. Small: who is not in here is accepted. The tick stands in
-- the version's bits from the 20th on, since a repeated tick may decide otherwise.
CREATE TABLE IF NOT EXISTS ambiguous_links {{on_cluster}}
(
    process String,
    from_object String,
    to_object String,
    state LowCardinality(String),
    version UInt64
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (from_object, process, to_object)
SETTINGS index_granularity = 256, {{synced}};
