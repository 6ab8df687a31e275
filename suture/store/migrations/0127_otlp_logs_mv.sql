-- Turns log requests into log records. A record without a time has that of its observation, one
-- without either that of its arrival.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_logs_mv {{on_cluster}} TO otel_logs
AS SELECT
    suture_instant(multiIf({{record.time_unix_nano}} != 0, {{record.time_unix_nano}},
        {{record.observed_time_unix_nano}} != 0, {{record.observed_time_unix_nano}},
        received_unix_nano)) AS Timestamp,
    suture_trace_id({{record.trace_id}}) AS TraceId,
    suture_span_id({{record.span_id}}) AS SpanId,
    toUInt8(bitAnd({{record.flags}}, 255)) AS TraceFlags,
    {{record.severity_text}} AS SeverityText,
    toUInt8(least(greatest({{record.severity_number}}, 0), 255)) AS SeverityNumber,
    resource_attributes['service.name'] AS ServiceName,
    suture_attribute_text({{record.body}}) AS Body,
    resource_schema_url AS ResourceSchemaUrl,
    resource_attributes AS ResourceAttributes,
    scope_schema_url AS ScopeSchemaUrl,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_attributes AS ScopeAttributes,
    suture_attributes({{record.attributes}}) AS LogAttributes,
    {{record.event_name}} AS EventName,
    wal_segment AS WalSegment,
    suture_instant(received_unix_nano) AS ReceivedAt
FROM
(
    SELECT wal_segment, received_unix_nano, resource_attributes, resource_schema_url,
           {{scope_logs.scope.name}} AS scope_name, {{scope_logs.scope.version}} AS scope_version,
           suture_attributes({{scope_logs.scope.attributes}}) AS scope_attributes,
           {{scope_logs.schema_url}} AS scope_schema_url,
           arrayJoin({{scope_logs.log_records}}) AS record
    FROM
    (
        SELECT wal_segment, received_unix_nano,
               suture_attributes({{resource_logs.resource.attributes}}) AS resource_attributes,
               {{resource_logs.schema_url}} AS resource_schema_url,
               arrayJoin({{resource_logs.scope_logs}}) AS scope_logs
        FROM
        (
            SELECT wal_segment, received_unix_nano,
                   arrayJoin({{request.resource_logs}}) AS resource_logs
            FROM otlp_logs_in
        )
    )
);
