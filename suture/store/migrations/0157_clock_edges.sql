-- How far the clock of a server is ahead of its client's, per hour, from the calls between the two.
-- The estimate from the most calls counts: what comes after the calls have expired adds nothing.
CREATE TABLE IF NOT EXISTS clock_edges {{on_cluster}}
(
    environment LowCardinality(String),
    hour Int32,
    client LowCardinality(String),
    server LowCardinality(String),
    lower_micros Int64,
    upper_micros Int64,
    pairs UInt32,
    used UInt32,
    agreeing UInt32
)
ENGINE = {{engine ReplacingMergeTree(pairs)}}
ORDER BY (environment, hour, client, server)
SETTINGS {{synced}};
