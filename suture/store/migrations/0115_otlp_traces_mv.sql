-- Turns trace requests into spans.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_traces_mv {{on_cluster}} TO otel_traces
AS SELECT
    suture_instant({{span.start_time_unix_nano}}) AS Timestamp,
    suture_trace_id({{span.trace_id}}) AS TraceId,
    suture_span_id({{span.span_id}}) AS SpanId,
    suture_span_id({{span.parent_span_id}}) AS ParentSpanId,
    {{span.trace_state}} AS TraceState,
    {{span.name}} AS SpanName,
    transform({{span.kind}}, [0, 1, 2, 3, 4, 5],
        ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'],
        toString({{span.kind}})) AS SpanKind,
    resource_attributes['service.name'] AS ServiceName,
    resource_attributes AS ResourceAttributes,
    {{scope.name}} AS ScopeName,
    {{scope.version}} AS ScopeVersion,
    suture_attributes({{span.attributes}}) AS SpanAttributes,
    if({{span.end_time_unix_nano}} > {{span.start_time_unix_nano}},
        {{span.end_time_unix_nano}} - {{span.start_time_unix_nano}}, 0) AS Duration,
    transform({{span.status.code}}, [0, 1, 2], ['Unset', 'Ok', 'Error'],
        toString({{span.status.code}})) AS StatusCode,
    {{span.status.message}} AS StatusMessage,
    arrayMap(e -> suture_instant({{e.time_unix_nano}}), {{span.events}})
        AS `Events.Timestamp`,
    arrayMap(e -> {{e.name}}, {{span.events}}) AS `Events.Name`,
    arrayMap(e -> suture_attributes({{e.attributes}}), {{span.events}}) AS `Events.Attributes`,
    arrayMap(l -> suture_trace_id({{l.trace_id}}), {{span.links}}) AS `Links.TraceId`,
    arrayMap(l -> suture_span_id({{l.span_id}}), {{span.links}}) AS `Links.SpanId`,
    arrayMap(l -> {{l.trace_state}}, {{span.links}}) AS `Links.TraceState`,
    arrayMap(l -> suture_attributes({{l.attributes}}), {{span.links}}) AS `Links.Attributes`,
    wal_segment AS WalSegment,
    suture_instant(received_unix_nano) AS ReceivedAt
FROM
(
    SELECT wal_segment, received_unix_nano, resource_attributes, {{scope_spans.scope}} AS scope,
           arrayJoin({{scope_spans.spans}}) AS span
    FROM
    (
        SELECT wal_segment, received_unix_nano,
               suture_attributes({{resource_spans.resource.attributes}}) AS resource_attributes,
               arrayJoin({{resource_spans.scope_spans}}) AS scope_spans
        FROM
        (
            SELECT wal_segment, received_unix_nano,
                   arrayJoin({{request.resource_spans}}) AS resource_spans
            FROM otlp_traces_in
        )
    )
);
