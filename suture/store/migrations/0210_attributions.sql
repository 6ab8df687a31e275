-- Where the time of each instance went: its pieces in the order of time as parallel arrays, and for
-- an open one what it waits for behind them (`tail_since` to now, in which `planned` stretches are
-- known). Does not depend on now. Times are microseconds since 1970; an empty `piece_to` is the step
-- that still runs, an empty system none. `rules` is a hash of the definitions it was computed by,
-- `change` that of the instance.
CREATE TABLE IF NOT EXISTS attributions {{on_cluster}}
(
    environment LowCardinality(String),
    process LowCardinality(String),
    anchor String,
    started_at DateTime64(6, 'UTC'),
    ended_at Nullable(DateTime64(6, 'UTC')),
    facets Map(LowCardinality(String), String),
    piece_start Array(Int64),
    piece_end Array(Int64),
    piece_from Array(LowCardinality(String)),
    piece_to Array(LowCardinality(String)),
    piece_cause Array(LowCardinality(String)),
    piece_system Array(LowCardinality(String)),
    piece_why Array(String),
    piece_evidence Array(Array(String)),
    tail_since Nullable(Int64),
    tail_from LowCardinality(String),
    tail_cause LowCardinality(String),
    tail_system LowCardinality(String),
    tail_why String,
    tail_evidence Array(String),
    planned_start Array(Int64),
    planned_end Array(Int64),
    planned_system Array(LowCardinality(String)),
    planned_why Array(String),
    planned_evidence Array(Array(String)),
    error_types Array(LowCardinality(String)),
    spans UInt32,
    rules UInt64,
    change UInt64,
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (environment, process, anchor)
SETTINGS index_granularity = 512, {{synced}};
