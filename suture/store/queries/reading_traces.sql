-- name: spans
-- The spans of some traces, each (trace id, span id) once, oldest first.
SELECT TraceId AS trace_id, SpanId AS span_id, ParentSpanId AS parent_span_id, SpanName AS name,
       SpanKind AS kind, ServiceName AS service, toUnixTimestamp64Nano(Timestamp) AS started_nanos,
       Duration AS duration_nanos, StatusCode AS status, StatusMessage AS status_message,
       Links.TraceId AS link_traces, Links.SpanId AS link_spans {{more}}
FROM otel_traces
WHERE TraceId IN {trace_ids:Array(String)}
  AND Timestamp >= (SELECT toDateTime64(min(Start), 9) FROM otel_traces_trace_id_ts WHERE TraceId IN {trace_ids:Array(String)})
  AND Timestamp < (SELECT toDateTime64(max(End), 9) + toIntervalSecond(1) FROM otel_traces_trace_id_ts WHERE TraceId IN {trace_ids:Array(String)})
ORDER BY started_nanos, span_id, duration_nanos DESC
LIMIT 1 BY trace_id, span_id
LIMIT {limit:UInt32};

-- name: attribute_columns
-- What a span says beside its place in the trace; wide, so only where it is shown.
, SpanAttributes AS attributes, ResourceAttributes AS resource, ScopeName AS scope,
arrayMap(at -> toUnixTimestamp64Nano(at), Events.Timestamp) AS event_nanos, Events.Name AS event_names,
Events.Attributes AS event_attributes;

-- name: page
-- One page of traces, newest first, each with its extent and its root.
SELECT TraceId AS trace_id,
       min(toUnixTimestamp64Nano(Timestamp)) AS started_nanos,
       max(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) - started_nanos AS duration_nanos,
       uniqExact(SpanId) AS spans_count,
       uniqExactIf(SpanId, StatusCode = 'Error') AS errors_count,
       arraySort(groupUniqArray(ServiceName)) AS services,
       argMin(tuple(SpanName, ServiceName), tuple(ParentSpanId != '', Timestamp)) AS root
FROM otel_traces
WHERE if(ResourceAttributes['deployment.environment.name'] != '',
         ResourceAttributes['deployment.environment.name'],
         if(ResourceAttributes['deployment.environment'] != '',
            ResourceAttributes['deployment.environment'], 'production')) = {environment:String}
  {{filters}}
GROUP BY trace_id
HAVING duration_nanos >= {min_duration:Int64}
   AND started_nanos >= {started_from:Int64} AND started_nanos < {started_to:Int64}
   AND (started_nanos, trace_id) < ({after_started:Int64}, {after_trace:String})
ORDER BY started_nanos DESC, trace_id DESC
LIMIT {limit:UInt32};

-- name: filter_started
-- That began about then; the exact bounds are checked on the spans.
AND TraceId IN
(
    SELECT TraceId FROM otel_traces_trace_id_ts
    GROUP BY TraceId
    HAVING min(Start) >= toDateTime({from_second:Int64}) AND min(Start) <= toDateTime({to_second:Int64})
)
AND Timestamp >= toDateTime({from_second:Int64});

-- name: filter_service
-- In which a service took part.
AND TraceId IN (SELECT TraceId FROM otel_traces WHERE ServiceName = {service:String});

-- name: filter_object
-- That carry an object of this type and (normalised) id, or belong to an event about it.
AND TraceId IN
(
    SELECT trace_id FROM trace_objects
    WHERE startsWith(object, {object_prefix:String})
      AND substring(object, position(object, '|', length({object_prefix:String}) + 1) + 1)
          = {object_id:String}
    UNION DISTINCT
    SELECT trace_id FROM milestones
    WHERE trace_id != '' AND (segment, event_key) IN
    (
        SELECT segment, event_key FROM event_objects FINAL
        WHERE removed = 0
          AND startsWith(object, {object_prefix:String})
          AND substring(object, position(object, '|', length({object_prefix:String}) + 1) + 1)
              = {object_id:String}
    )
);

-- name: filter_failed
-- With a span that ended in an error.
AND TraceId IN (SELECT TraceId FROM otel_traces WHERE StatusCode = 'Error');

-- name: services
-- The services that sent spans, and when each was last heard from.
SELECT ServiceName AS service, max(Timestamp) AS last_at
FROM otel_traces
GROUP BY service
ORDER BY service;

-- name: traces_of_objects
-- The traces in which spans carry one of some objects.
SELECT DISTINCT trace_id FROM trace_objects
WHERE object IN {objects:Array(String)}
ORDER BY trace_id
LIMIT {limit:UInt32};

-- name: traces_tied_to
-- The traces that span links tie to some traces; not those that name objects of an instance's types
-- and none of its own.
SELECT DISTINCT other AS trace_id
FROM linked_traces
WHERE linked_traces.trace_id IN {trace_ids:Array(String)}
  AND other NOT IN
  (
      SELECT trace_id FROM trace_carriers FINAL
      WHERE removed = 0
        AND trace_id IN (SELECT other FROM linked_traces WHERE trace_id IN {trace_ids:Array(String)})
        AND splitByChar('|', object)[2] IN {types:Array(String)}
      GROUP BY trace_id
      HAVING countIf(object IN {objects:Array(String)}) = 0
  )
ORDER BY trace_id
LIMIT {limit:UInt32};

-- name: instances_of_trace
-- The instances one trace belongs to: an event of theirs bears it, or a span of it carries an object
-- that they reach.
SELECT process, anchor
FROM instances FINAL
WHERE environment = {environment:String} AND removed = 0
  AND (
      has(trace_ids, {trace_id:String})
      OR (process, anchor) IN
      (
          SELECT process, anchor FROM reaches FINAL
          WHERE removed = 0 AND object IN
          (
              SELECT object FROM trace_carriers FINAL
              WHERE trace_id = {trace_id:String} AND event_key = '' AND removed = 0
          )
      )
  )
ORDER BY process, anchor
LIMIT 100;
