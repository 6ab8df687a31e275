-- Notifications: a row when one is queued (attempt 0, with the body), before anything is sent, then
-- one for every attempt. queued_at is the time of the alert event that it tells of.
CREATE TABLE IF NOT EXISTS deliveries {{on_cluster}}
(
    queued_at DateTime64(6, 'UTC'),
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
PARTITION BY toYYYYMM(queued_at)
ORDER BY (queued_at, delivery_key, attempt)
SETTINGS index_granularity = 1024, {{synced}};
