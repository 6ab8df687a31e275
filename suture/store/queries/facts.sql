-- name: finished_segment
-- Whether a segment was recorded as completely loaded.
SELECT count() AS found FROM segments
WHERE stream = {stream:UInt32} AND sequence = {sequence:UInt32};

-- name: running_inserts
-- Inserts of a segment that the server is working on, known by their tokens.
SELECT count() AS found FROM system.processes
WHERE startsWith(Settings['insert_deduplication_token'], concat({segment:String}, ':'));

-- name: count_milestones
-- Milestones of a segment that are in the table.
SELECT count() AS found FROM milestones WHERE segment = {segment:UInt64};

-- name: delete_milestones
-- Takes a half-loaded segment out again.
DELETE FROM milestones WHERE segment = {segment:UInt64};

-- name: count_dead_letters
-- Dead letters of a segment that are in the table.
SELECT count() AS found FROM dead_letters WHERE segment = {segment:UInt64};

-- name: delete_dead_letters
-- Takes a half-loaded segment out again.
DELETE FROM dead_letters WHERE segment = {segment:UInt64};

-- name: count_spans
-- Spans of a segment that are in the table.
SELECT count() AS found FROM otel_traces WHERE WalSegment = {segment:UInt64};

-- name: delete_spans
-- Takes a half-loaded segment out again.
DELETE FROM otel_traces WHERE WalSegment = {segment:UInt64};

-- name: count_logs
-- Log records of a segment that are in the table.
SELECT count() AS found FROM otel_logs WHERE WalSegment = {segment:UInt64};

-- name: delete_logs
-- Takes a half-loaded segment out again.
DELETE FROM otel_logs WHERE WalSegment = {segment:UInt64};

-- name: count_gauges
-- Gauge points of a segment that are in the table.
SELECT count() AS found FROM otel_metrics_gauge WHERE WalSegment = {segment:UInt64};

-- name: delete_gauges
-- Takes a half-loaded segment out again.
DELETE FROM otel_metrics_gauge WHERE WalSegment = {segment:UInt64};

-- name: count_sums
-- Sum points of a segment that are in the table.
SELECT count() AS found FROM otel_metrics_sum WHERE WalSegment = {segment:UInt64};

-- name: delete_sums
-- Takes a half-loaded segment out again.
DELETE FROM otel_metrics_sum WHERE WalSegment = {segment:UInt64};

-- name: count_histograms
-- Histogram points of a segment that are in the table.
SELECT count() AS found FROM otel_metrics_histogram WHERE WalSegment = {segment:UInt64};

-- name: delete_histograms
-- Takes a half-loaded segment out again.
DELETE FROM otel_metrics_histogram WHERE WalSegment = {segment:UInt64};

-- name: count_exponential_histograms
-- Exponential histogram points of a segment that are in the table.
SELECT count() AS found FROM otel_metrics_exponential_histogram WHERE WalSegment = {segment:UInt64};

-- name: delete_exponential_histograms
-- Takes a half-loaded segment out again.
DELETE FROM otel_metrics_exponential_histogram WHERE WalSegment = {segment:UInt64};

-- name: count_summaries
-- Summary points of a segment that are in the table.
SELECT count() AS found FROM otel_metrics_summary WHERE WalSegment = {segment:UInt64};

-- name: delete_summaries
-- Takes a half-loaded segment out again.
DELETE FROM otel_metrics_summary WHERE WalSegment = {segment:UInt64};

-- name: derive_trace_times
-- Writes the trace times of a segment again, in case the view missed them; repeating is harmless.
INSERT INTO otel_traces_trace_id_ts (TraceId, Start, End, ReceivedAt)
SELECT TraceId, toDateTime(min(Timestamp)), toDateTime(max(Timestamp)), toDateTime(max(ReceivedAt))
FROM otel_traces
WHERE WalSegment = {segment:UInt64}
GROUP BY TraceId;

-- name: business_spans
-- Spans of a segment that carry business attributes, or that a span contract may be about: their
-- business attributes (all attributes where a contract may look at them) and their events that are
-- milestones, with each event's place among all events of the span.
SELECT
    TraceId AS trace_id,
    SpanId AS span_id,
    SpanName AS name,
    ServiceName AS service,
    toUnixTimestamp64Micro(Timestamp) AS started,
    intDiv(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration), 1000) AS ended,
    StatusCode AS status,
    StatusMessage AS status_message,
    toUnixTimestamp64Micro(ReceivedAt) AS received,
    if(mapContains(ResourceAttributes, 'deployment.environment.name'),
        ResourceAttributes['deployment.environment.name'],
        ResourceAttributes['deployment.environment']) AS environment,
    if(has({services:Array(String)}, ServiceName), SpanAttributes,
        mapFilter((k, v) -> startsWith(k, 'business.'), SpanAttributes)) AS attributes,
    arrayFilter(n -> mapContains(Events.Attributes[n], 'business.milestone'),
        arrayEnumerate(Events.Name)) AS event_places,
    arrayMap(n -> toUnixTimestamp64Micro(Events.Timestamp[n]), event_places) AS event_times,
    arrayMap(n -> mapFilter((k, v) -> startsWith(k, 'business.'), Events.Attributes[n]),
        event_places) AS event_attributes
FROM otel_traces
WHERE WalSegment = {segment:UInt64}
  AND (has({services:Array(String)}, ServiceName)
       OR arrayExists(k -> startsWith(k, 'business.'), mapKeys(SpanAttributes))
       OR notEmpty(event_places));

-- name: business_logs
-- Log records of a segment that carry a milestone, with their business attributes. The hash tells a
-- record from all others of its service, and is the same when the record is sent again: a time that
-- is only that of the arrival does not count.
SELECT
    TraceId AS trace_id,
    SpanId AS span_id,
    EventName AS event_name,
    ServiceName AS service,
    toUnixTimestamp64Micro(Timestamp) AS occurred,
    SeverityNumber AS severity,
    Body AS body,
    toUnixTimestamp64Micro(ReceivedAt) AS received,
    if(mapContains(ResourceAttributes, 'deployment.environment.name'),
        ResourceAttributes['deployment.environment.name'],
        ResourceAttributes['deployment.environment']) AS environment,
    mapFilter((k, v) -> startsWith(k, 'business.'), LogAttributes) AS attributes,
    lower(hex(sipHash128(if(Timestamp = ReceivedAt, 0, toUnixTimestamp64Nano(Timestamp)), TraceId,
        SpanId, SeverityNumber, SeverityText, EventName, Body,
        arraySort(mapKeys(LogAttributes)),
        arraySort((v, k) -> k, mapValues(LogAttributes), mapKeys(LogAttributes))))) AS content_hash
FROM otel_logs
WHERE WalSegment = {segment:UInt64} AND mapContains(LogAttributes, 'business.milestone');
