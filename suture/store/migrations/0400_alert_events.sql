-- All that ever happened to alerts, append-only: state is folded from it, and it is the audit log.
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
    breached_at Nullable(DateTime64(6, 'UTC'))
)
ENGINE = {{engine ReplacingMergeTree}}
ORDER BY (alert_id, at, action, actor);
