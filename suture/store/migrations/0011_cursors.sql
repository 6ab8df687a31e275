-- How far each stage has read each stream: the last sequence that is wholly worked in.
CREATE TABLE IF NOT EXISTS cursors {{on_cluster}}
(
    stage LowCardinality(String),
    stream UInt64,
    position UInt64,
    updated_at DateTime64(6, 'UTC')
)
ENGINE = {{engine ReplacingMergeTree(position)}}
ORDER BY (stage, stream)
SETTINGS {{synced}};
