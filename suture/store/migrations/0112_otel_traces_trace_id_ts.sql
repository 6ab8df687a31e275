-- When each trace took place: the range to read in otel_traces. Read as min(Start), max(End) by
-- TraceId; a row written twice changes nothing, so it can be derived again from otel_traces.
-- Goes when the spans go.
CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts {{on_cluster}}
(
    TraceId String CODEC(ZSTD(1)),
    Start SimpleAggregateFunction(min, DateTime) CODEC(ZSTD(1)),
    End SimpleAggregateFunction(max, DateTime) CODEC(ZSTD(1)),
    ReceivedAt SimpleAggregateFunction(max, DateTime) DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = {{engine AggregatingMergeTree}}
PARTITION BY toStartOfWeek(Start)
ORDER BY TraceId
TTL greatest(toDate(Start), toDate(ReceivedAt)) + toIntervalDay({{ttl traces}})
SETTINGS {{durable}}, ttl_only_drop_parts = 1;
