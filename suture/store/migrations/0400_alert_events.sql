-- All that ever happened to alerts, append-only: state is folded from it, and it is the audit log.
-- notify: somebody is to be told, so a delivery must follow. over: the platform opened or resolved it
-- when the clock had already stopped. until: the end of a snooze.
CREATE TABLE IF NOT EXISTS alert_events {{on_cluster}}
(
    alert_id String,
    at DateTime64(6, 'UTC'),
    action LowCardinality(String),
    actor LowCardinality(String),
    environment LowCardinality(String),
    process LowCardinality(String),
    sla LowCardinality(String),
    anchor String,
    severity LowCardinality(String),
    owner LowCardinality(String),
    title String,
    assignee String DEFAULT '',
    comment String DEFAULT '',
    breached_at Nullable(DateTime64(6, 'UTC')),
    until Nullable(DateTime64(6, 'UTC')),
    over Bool DEFAULT false,
    notify Bool DEFAULT false,
    INDEX anchor_bloom anchor TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{engine ReplacingMergeTree}}
PARTITION BY toYYYYMM(at)
ORDER BY (alert_id, at, action, actor)
SETTINGS index_granularity = 1024, {{synced}};
