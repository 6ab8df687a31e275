-- Notifications: queued before they are sent, then every attempt. The key makes a repeat harmless.
CREATE TABLE IF NOT EXISTS deliveries {{on_cluster}}
(
    delivery_key String,
    attempt UInt32,
    alert_id String,
    kind LowCardinality(String),
    channel LowCardinality(String),
    state LowCardinality(String),
    at DateTime64(6, 'UTC'),
    next_at Nullable(DateTime64(6, 'UTC')),
    detail String DEFAULT '',
    body String DEFAULT ''
)
ENGINE = {{engine ReplacingMergeTree(at)}}
ORDER BY (delivery_key, attempt);
