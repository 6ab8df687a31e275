-- What people decided about links, each decision once and for good: one that takes another back names
-- it in `undoes`. A split names every pair it blocks. Facts: a rebuild reads them again.
CREATE TABLE IF NOT EXISTS link_decisions {{on_cluster}}
(
    id String,
    at DateTime64(6, 'UTC'),
    actor String,
    action LowCardinality(String),
    environment LowCardinality(String),
    process String,
    from_objects Array(String),
    to_objects Array(String),
    undoes String DEFAULT '',
    reason String DEFAULT ''
)
ENGINE = {{engine ReplacingMergeTree}}
ORDER BY (id)
SETTINGS {{synced}};
