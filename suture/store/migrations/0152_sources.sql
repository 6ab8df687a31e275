-- Everyone who was ever heard from: when things happened there (heard) and when they came (seen).
-- Only minima and maxima, so that counting something again changes nothing. Kept for good.
CREATE TABLE IF NOT EXISTS sources {{on_cluster}}
(
    environment LowCardinality(String),
    kind LowCardinality(String),
    source String,
    system LowCardinality(String),
    first_heard_at SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_heard_at SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    first_seen_at SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_seen_at SimpleAggregateFunction(max, DateTime64(6, 'UTC'))
)
ENGINE = {{engine AggregatingMergeTree}}
ORDER BY (environment, kind, source, system)
SETTINGS {{synced}};
