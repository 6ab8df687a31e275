-- name: progress
-- How far the stage is, and how far the correlator.
SELECT stage, max(position) AS position FROM cursors
WHERE stage IN {stages:Array(String)} AND stream = 0
GROUP BY stage;

-- name: note_links
-- Remember the links of new spans, by the trace they lead to.
INSERT INTO trace_links (linked_trace_id, trace_id, received_at)
SELECT linked, TraceId, max(ReceivedAt)
FROM otel_traces ARRAY JOIN Links.TraceId AS linked
WHERE WalSegment IN {segments:Array(UInt64)} AND linked != '' AND linked != TraceId
GROUP BY linked, TraceId;

-- name: new_traces
-- The traces that new spans belong to or are linked to.
SELECT DISTINCT arrayJoin(arrayConcat([TraceId], Links.TraceId)) AS trace_id
FROM otel_traces
WHERE WalSegment IN {segments:Array(UInt64)};

-- name: new_objects
-- The objects that new spans carry.
SELECT DISTINCT object FROM trace_objects WHERE segment IN {segments:Array(UInt64)};

-- name: instances_of_traces
-- Whose attribution looked at the looked-up traces.
SELECT DISTINCT environment, process, anchor FROM instance_traces
WHERE trace_id IN (SELECT key FROM lookup_keys)
SETTINGS max_threads = 1;

-- name: instances_of_objects
-- Who reaches the looked-up objects.
SELECT process, anchor FROM reaches FINAL
WHERE object IN (SELECT key FROM lookup_keys) AND removed = 0
GROUP BY process, anchor
SETTINGS max_threads = 1;

-- name: changes
-- The ticks of the correlator in a range, and how many instances each touched.
SELECT change, count() AS instances
FROM instance_changes
WHERE change > {after:UInt64} AND change <= {upto:UInt64}
GROUP BY change
ORDER BY change
LIMIT 10000;

-- name: changed_instances
-- The instances that ticks of the correlator touched.
SELECT DISTINCT process, anchor FROM instance_changes
WHERE change > {after:UInt64} AND change <= {upto:UInt64};

-- name: outdated
-- Instances of a process that were attributed by other definitions.
SELECT process, anchor FROM attributions FINAL
WHERE process = {process:String} AND rules != {rules:UInt64} AND removed = 0
LIMIT {limit:UInt32};

-- name: instances
-- The looked-up instances of one process, those that were removed too.
SELECT environment, anchor, process_version, toUnixTimestamp64Micro(started_at) AS started,
       toUnixTimestamp64Micro(ended_at) AS ended,
       CAST(mapKeys(facets), 'Array(String)') AS facet_names, mapValues(facets) AS facet_values,
       objects, trace_ids, removed, change
FROM instances FINAL
WHERE process = {process:String} AND anchor IN (SELECT key FROM lookup_keys)
ORDER BY anchor
SETTINGS max_threads = 1;

-- name: members
-- The events of the looked-up instances of one process, in the order of instances.
SELECT anchor, toString(milestone) AS milestone, toUnixTimestamp64Micro(occurred_at) AS at,
       toString(outcome) AS outcome, reason, trace_id, id
FROM members FINAL
WHERE process = {process:String} AND anchor IN (SELECT key FROM lookup_keys) AND removed = 0
ORDER BY anchor, occurred_at, sequence, indexOf({declared:Array(String)}, milestone),
         toString(source), id
SETTINGS max_threads = 1;

-- name: traces_of_objects
-- The traces in which spans carry the looked-up objects.
SELECT DISTINCT object, trace_id FROM trace_objects
WHERE object IN (SELECT key FROM lookup_keys)
SETTINGS max_threads = 1;

-- name: traces_linked_to
-- The traces with a span that is linked to the looked-up ones.
SELECT DISTINCT linked_trace_id, trace_id FROM trace_links
WHERE linked_trace_id IN (SELECT key FROM lookup_keys)
SETTINGS max_threads = 1;

-- name: traces_linked_in
-- The same by the spans of some segments, whose links nobody has noted yet.
SELECT DISTINCT linked AS linked_trace_id, TraceId AS trace_id
FROM otel_traces ARRAY JOIN Links.TraceId AS linked
WHERE WalSegment IN {segments:Array(UInt64)} AND linked != TraceId
  AND linked IN (SELECT key FROM lookup_keys)
SETTINGS max_threads = 2;

-- name: spans
-- The spans of the looked-up traces with what attribution needs of them, up to so many a trace.
SELECT TraceId AS trace_id, SpanId AS span_id, ParentSpanId AS parent_id,
       replaceOne(lower(toString(SpanKind)), 'span_kind_', '') AS kind, toString(SpanName) AS name,
       toString(ServiceName) AS service,
       intDiv(toUnixTimestamp64Nano(Timestamp), 1000) AS started,
       intDiv(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration), 1000) AS ended,
       StatusCode IN ('Error', 'STATUS_CODE_ERROR') AS failed, if(failed, StatusMessage, '') AS message,
       arrayFilter(k -> k IN {attributes:Array(String)} OR startsWith(k, 'business.object.'),
                   CAST(mapKeys(SpanAttributes), 'Array(String)')) AS names,
       arrayMap(k -> SpanAttributes[k], names) AS values,
       CAST(Events.Name, 'Array(String)') AS event_names,
       arrayMap(e -> e['exception.type'], Events.Attributes) AS exception_types,
       arrayMap(e -> e['exception.message'], Events.Attributes) AS exception_messages,
       Links.TraceId AS link_traces, Links.SpanId AS link_spans
FROM otel_traces
WHERE TraceId IN (SELECT key FROM lookup_keys)
  AND Timestamp >= (SELECT toDateTime64(min(Start), 9) FROM otel_traces_trace_id_ts WHERE TraceId IN (SELECT key FROM lookup_keys))
  AND Timestamp < (SELECT toDateTime64(max(End), 9) + toIntervalSecond(1) FROM otel_traces_trace_id_ts WHERE TraceId IN (SELECT key FROM lookup_keys))
ORDER BY trace_id, started, span_id
LIMIT {limit:UInt32} BY trace_id
LIMIT {most:UInt64}
SETTINGS max_threads = 2;

-- name: senders
-- Every service that sent a span.
SELECT DISTINCT toString(ServiceName) AS service FROM otel_traces;

-- name: senders_of_segments
-- The services that sent spans in some segments.
SELECT DISTINCT toString(ServiceName) AS service FROM otel_traces
WHERE WalSegment IN {segments:Array(UInt64)};

-- name: clock_offsets
-- How far the clocks of services are ahead, by the hour.
SELECT toString(service) AS service, toInt64(hour) AS hour, offset_micros, uncertainty_micros
FROM clock_offsets FINAL
WHERE environment = {environment:String} AND hour >= {first:Int32} AND hour <= {last:Int32};

-- name: span_progress
-- How far each stream of spans is loaded, and how far it was attributed.
SELECT s.stream AS stream, s.loaded AS loaded, c.position AS position
FROM (SELECT stream, max(sequence) AS loaded FROM segments WHERE signal = 'traces' GROUP BY stream) AS s
LEFT JOIN
(
    SELECT toUInt32(stream) AS stream, max(position) AS position
    FROM cursors WHERE stage = {stage:String} GROUP BY stream
) AS c ON s.stream = c.stream
ORDER BY stream;

-- name: change_of
-- The last change that touched one instance.
SELECT max(change) AS change FROM instances
WHERE environment = {environment:String} AND process = {process:String} AND anchor = {anchor:String};
