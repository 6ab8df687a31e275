-- One row per instance: the aggregate of its members. `status` is open, completed or ended; an open
-- instance is shown as stalled once stall_at has passed. milestone_times holds the reached times,
-- ascending; attempt_times those of failed and rejected attempts. path holds the milestones of all
-- members in their order, path_times when each happened, path_reached 0 where it was an attempt:
-- process views are made of them without reading members. likeness is equal where facets and amount
-- are: it finds probable duplicates; 0 says too little. change is the tick that wrote the row.
CREATE TABLE IF NOT EXISTS instances {{on_cluster}}
(
    environment LowCardinality(String),
    process LowCardinality(String),
    process_version UInt32,
    anchor String,
    anchor_type LowCardinality(String),
    anchor_scope String,
    anchor_id String,
    status LowCardinality(String),
    started_at DateTime64(6, 'UTC'),
    start_inferred Bool,
    last_at DateTime64(6, 'UTC'),
    ended_at Nullable(DateTime64(6, 'UTC')),
    stall_at DateTime64(6, 'UTC'),
    last_milestone LowCardinality(String),
    facets Map(LowCardinality(String), String),
    facet_history String,
    money Nullable(Float64),
    objects Array(String),
    trace_ids Array(String),
    members_count UInt32,
    path Array(LowCardinality(String)),
    path_times Array(DateTime64(6, 'UTC')),
    path_reached Array(UInt8),
    milestone_times Map(LowCardinality(String), Array(DateTime64(6, 'UTC'))),
    attempt_times Map(LowCardinality(String), Array(DateTime64(6, 'UTC'))),
    removed UInt8 DEFAULT 0,
    change UInt64,
    likeness UInt64 MATERIALIZED if(ifNull(money, 0) = 0 OR empty(facets) OR length(milestone_times) < 2,
        0, sipHash64(process, mapKeys(facets), mapValues(facets), assumeNotNull(money)))
)
ENGINE = {{engine ReplacingMergeTree(change)}}
ORDER BY (environment, process, anchor)
SETTINGS index_granularity = 1024, {{synced}};
