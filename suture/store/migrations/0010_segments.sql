-- One row when a segment is completely loaded. Stages read finished segments only, in sequence.
-- segment = (random number of the stream << 32) | sequence from 1.
CREATE TABLE IF NOT EXISTS segments {{on_cluster}}
(
    stream UInt32,
    sequence UInt32,
    segment UInt64,
    signal LowCardinality(String),
    rows UInt64,
    finished_at DateTime64(6, 'UTC')
)
ENGINE = {{engine ReplacingMergeTree(finished_at)}}
ORDER BY (stream, sequence)
SETTINGS {{synced}};
