-- Fills the above from whatever writes spans.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_trace_id_ts_mv {{on_cluster}}
TO otel_traces_trace_id_ts
AS SELECT TraceId, toDateTime(min(Timestamp)) AS Start, toDateTime(max(Timestamp)) AS End,
    toDateTime(max(ReceivedAt)) AS ReceivedAt
FROM otel_traces
WHERE TraceId != ''
GROUP BY TraceId;
