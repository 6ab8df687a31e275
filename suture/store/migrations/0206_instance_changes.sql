-- Which instances each tick of the correlator touched: what later stages read to follow it.
CREATE TABLE IF NOT EXISTS instance_changes {{on_cluster}}
(
    change UInt64,
    environment LowCardinality(String),
    process LowCardinality(String),
    anchor String
)
ENGINE = {{engine ReplacingMergeTree}}
ORDER BY (change, environment, process, anchor)
SETTINGS {{synced}};
