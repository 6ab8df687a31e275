-- When an undecided verdict has to be looked at again: read as a range over what is due.
CREATE TABLE IF NOT EXISTS deadlines {{on_cluster}}
(
    due_at DateTime64(6, 'UTC'),
    environment LowCardinality(String),
    process LowCardinality(String),
    sla LowCardinality(String),
    anchor String
)
ENGINE = {{engine ReplacingMergeTree}}
ORDER BY (due_at, environment, process, sla, anchor)
SETTINGS index_granularity = 1024, {{synced}};
