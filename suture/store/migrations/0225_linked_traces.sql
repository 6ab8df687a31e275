-- Which traces are tied to each other by span links, both ways round.
CREATE TABLE IF NOT EXISTS linked_traces {{on_cluster}}
(
    trace_id String,
    other String
)
ENGINE = {{engine ReplacingMergeTree}}
ORDER BY (trace_id, other)
SETTINGS index_granularity = 512, {{synced}};
