CREATE DATABASE IF NOT EXISTS `suture` ON CLUSTER `main`;

CREATE TABLE IF NOT EXISTS schema_migrations ON CLUSTER `main`
(
    number UInt32,
    name String,
    checksum String,
    applied_at DateTime64(6, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', applied_at)
ORDER BY number
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS segments ON CLUSTER `main`
(
    stream UInt32,
    sequence UInt32,
    segment UInt64,
    signal LowCardinality(String),
    rows UInt64,
    finished_at DateTime64(6, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', finished_at)
ORDER BY (stream, sequence)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS cursors ON CLUSTER `main`
(
    stage LowCardinality(String),
    stream UInt64,
    position UInt64,
    updated_at DateTime64(6, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', position)
ORDER BY (stage, stream)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS milestones ON CLUSTER `main`
(
    segment UInt64 CODEC(DoubleDelta, ZSTD(1)),
    environment LowCardinality(String),
    source LowCardinality(String),
    id String,
    milestone LowCardinality(String),
    system LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    recorded_at DateTime64(6, 'UTC'),
    sequence Int64 DEFAULT 0,
    object_types Array(LowCardinality(String)),
    object_ids Array(String),
    attributes Map(LowCardinality(String), String),
    outcome LowCardinality(String) DEFAULT 'ok',
    reason String DEFAULT '',
    trace_id String DEFAULT '',
    span_id String DEFAULT '',
    extensions Map(LowCardinality(String), String),
    contract LowCardinality(String) DEFAULT '',
    contract_version LowCardinality(String) DEFAULT '',
    event_key String DEFAULT lower(hex(sipHash128(source, id))),
    content_hash String DEFAULT lower(hex(sipHash128(
        occurred_at, milestone, arraySort(arrayZip(object_types, object_ids)),
        arraySort(mapKeys(attributes)), arrayMap(k -> attributes[k], arraySort(mapKeys(attributes))),
        outcome, reason, sequence))),
    INDEX event_key_bloom event_key TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toYYYYMM(recorded_at)
ORDER BY (segment, event_key)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS dead_letters ON CLUSTER `main`
(
    segment UInt64 CODEC(DoubleDelta, ZSTD(1)),
    id String,
    received_at DateTime64(6, 'UTC'),
    environment LowCardinality(String),
    door LowCardinality(String),
    source String,
    event_id String,
    type LowCardinality(String),
    reason String,
    owner LowCardinality(String),
    payload_sha256 String,
    payload_bytes UInt64,
    preview String
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toYYYYMM(received_at)
ORDER BY (received_at, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

CREATE FUNCTION IF NOT EXISTS suture_scalar_json ON CLUSTER `main` AS v -> multiIf(
    tupleElement(v, 'value') = 'string_value', toJSONString(tupleElement(v, 'string_value')),
    tupleElement(v, 'value') = 'int_value', toString(tupleElement(v, 'int_value')),
    tupleElement(v, 'value') = 'bool_value', if(tupleElement(v, 'bool_value'), 'true', 'false'),
    tupleElement(v, 'value') = 'double_value', toString(tupleElement(v, 'double_value')),
    tupleElement(v, 'value') = 'bytes_value',
        concat('"', base64Encode(tupleElement(v, 'bytes_value')), '"'),
    'null');

CREATE FUNCTION IF NOT EXISTS suture_attribute_text ON CLUSTER `main` AS v -> multiIf(
    tupleElement(v, 'value') = 'string_value', tupleElement(v, 'string_value'),
    tupleElement(v, 'value') = 'int_value', toString(tupleElement(v, 'int_value')),
    tupleElement(v, 'value') = 'bool_value', if(tupleElement(v, 'bool_value'), 'true', 'false'),
    tupleElement(v, 'value') = 'double_value', toString(tupleElement(v, 'double_value')),
    tupleElement(v, 'value') = 'bytes_value', base64Encode(tupleElement(v, 'bytes_value')),
    tupleElement(v, 'value') = 'array_value', concat('[', arrayStringConcat(
        arrayMap(item -> suture_scalar_json(item),
                 tupleElement(tupleElement(v, 'array_value'), 'values')), ','), ']'),
    tupleElement(v, 'value') = 'kvlist_value', concat('{', arrayStringConcat(
        arrayMap(entry -> concat(toJSONString(tupleElement(entry, 'key')), ':',
                                 suture_scalar_json(tupleElement(entry, 'value'))),
                 tupleElement(tupleElement(v, 'kvlist_value'), 'values')), ','), '}'),
    '');

CREATE FUNCTION IF NOT EXISTS suture_attributes ON CLUSTER `main` AS pairs -> CAST(
    arrayMap(pair -> (tupleElement(pair, 'key'),
                      suture_attribute_text(tupleElement(pair, 'value'))), pairs),
    'Map(LowCardinality(String), String)');

CREATE TABLE IF NOT EXISTS otel_traces ON CLUSTER `main`
(
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (
        Timestamp DateTime64(9),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Links Nested (
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    WalSegment UInt64 DEFAULT 0 CODEC(DoubleDelta, ZSTD(1)),
    ReceivedAt DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(DoubleDelta, ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1,
    INDEX idx_wal WalSegment TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
TTL greatest(toDate(Timestamp), toDate(ReceivedAt)) + toIntervalDay(7)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts ON CLUSTER `main`
(
    TraceId String CODEC(ZSTD(1)),
    Start SimpleAggregateFunction(min, DateTime) CODEC(ZSTD(1)),
    End SimpleAggregateFunction(max, DateTime) CODEC(ZSTD(1)),
    ReceivedAt SimpleAggregateFunction(max, DateTime) DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toStartOfWeek(Start)
ORDER BY TraceId
TTL greatest(toDate(Start), toDate(ReceivedAt)) + toIntervalDay(7)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_trace_id_ts_mv ON CLUSTER `main`
TO otel_traces_trace_id_ts
AS SELECT TraceId, toDateTime(min(Timestamp)) AS Start, toDateTime(max(Timestamp)) AS End,
    toDateTime(max(ReceivedAt)) AS ReceivedAt
FROM otel_traces
WHERE TraceId != ''
GROUP BY TraceId;

CREATE TABLE IF NOT EXISTS otlp_traces_in ON CLUSTER `main`
(
    wal_segment UInt64,
    received_unix_nano UInt64,
    request Tuple(resource_spans Array(Tuple(
        resource Tuple(attributes Array(Tuple(key String, value Tuple(
                value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3,
                            'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String,
                array_value Tuple(values Array(Tuple(
                    value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3,
                                'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                    string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))),
                kvlist_value Tuple(values Array(Tuple(key String, value Tuple(
                    value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3,
                                'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                    string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String)))))))),
        scope_spans Array(Tuple(
            scope Tuple(name String, version String),
            spans Array(Tuple(
                trace_id String,
                span_id String,
                trace_state String,
                parent_span_id String,
                name String,
                kind Int32,
                start_time_unix_nano UInt64,
                end_time_unix_nano UInt64,
                attributes Array(Tuple(key String, value Tuple(
                    value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3,
                                'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                    string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String,
                    array_value Tuple(values Array(Tuple(
                        value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3,
                                    'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                        string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))),
                    kvlist_value Tuple(values Array(Tuple(key String, value Tuple(
                        value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3,
                                    'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                        string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))),
                events Array(Tuple(
                    time_unix_nano UInt64,
                    name String,
                    attributes Array(Tuple(key String, value Tuple(
                        value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3,
                                    'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                        string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String,
                        array_value Tuple(values Array(Tuple(
                            value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3,
                                        'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                            string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))),
                        kvlist_value Tuple(values Array(Tuple(key String, value Tuple(
                            value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3,
                                        'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                            string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))))),
                links Array(Tuple(
                    trace_id String,
                    span_id String,
                    trace_state String,
                    attributes Array(Tuple(key String, value Tuple(
                        value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3,
                                    'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                        string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String,
                        array_value Tuple(values Array(Tuple(
                            value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3,
                                        'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                            string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))),
                        kvlist_value Tuple(values Array(Tuple(key String, value Tuple(
                            value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3,
                                        'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                            string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))))),
                status Tuple(message String, code Int32))))))))
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_traces_mv ON CLUSTER `main` TO otel_traces
AS SELECT
    fromUnixTimestamp64Nano(reinterpretAsInt64(span.start_time_unix_nano)) AS Timestamp,
    lower(hex(span.trace_id)) AS TraceId,
    lower(hex(span.span_id)) AS SpanId,
    lower(hex(span.parent_span_id)) AS ParentSpanId,
    span.trace_state AS TraceState,
    span.name AS SpanName,
    transform(span.kind, [0, 1, 2, 3, 4, 5],
        ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'],
        toString(span.kind)) AS SpanKind,
    resource_attributes['service.name'] AS ServiceName,
    resource_attributes AS ResourceAttributes,
    scope.name AS ScopeName,
    scope.version AS ScopeVersion,
    suture_attributes(span.attributes) AS SpanAttributes,
    if(span.end_time_unix_nano > span.start_time_unix_nano,
        span.end_time_unix_nano - span.start_time_unix_nano, 0) AS Duration,
    transform(span.status.code, [0, 1, 2], ['Unset', 'Ok', 'Error'],
        toString(span.status.code)) AS StatusCode,
    span.status.message AS StatusMessage,
    arrayMap(e -> fromUnixTimestamp64Nano(reinterpretAsInt64(e.time_unix_nano)), span.events)
        AS `Events.Timestamp`,
    arrayMap(e -> e.name, span.events) AS `Events.Name`,
    arrayMap(e -> suture_attributes(e.attributes), span.events) AS `Events.Attributes`,
    arrayMap(l -> lower(hex(l.trace_id)), span.links) AS `Links.TraceId`,
    arrayMap(l -> lower(hex(l.span_id)), span.links) AS `Links.SpanId`,
    arrayMap(l -> l.trace_state, span.links) AS `Links.TraceState`,
    arrayMap(l -> suture_attributes(l.attributes), span.links) AS `Links.Attributes`,
    wal_segment AS WalSegment,
    fromUnixTimestamp64Nano(reinterpretAsInt64(received_unix_nano)) AS ReceivedAt
FROM
(
    SELECT wal_segment, received_unix_nano, resource_attributes, scope_spans.scope AS scope,
           arrayJoin(scope_spans.spans) AS span
    FROM
    (
        SELECT wal_segment, received_unix_nano,
               suture_attributes(resource_spans.resource.attributes) AS resource_attributes,
               arrayJoin(resource_spans.scope_spans) AS scope_spans
        FROM
        (
            SELECT wal_segment, received_unix_nano,
                   arrayJoin(request.resource_spans) AS resource_spans
            FROM otlp_traces_in
        )
    )
);

CREATE TABLE IF NOT EXISTS otel_logs ON CLUSTER `main`
(
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TimestampTime DateTime DEFAULT toDateTime(Timestamp),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    TraceFlags UInt8,
    SeverityText LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber UInt8,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    EventName String CODEC(ZSTD(1)),
    WalSegment UInt64 DEFAULT 0 CODEC(DoubleDelta, ZSTD(1)),
    ReceivedAt DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(DoubleDelta, ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_log_attr_key mapKeys(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_log_attr_value mapValues(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_body Body TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 8,
    INDEX idx_wal WalSegment TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(TimestampTime)
PRIMARY KEY (ServiceName, TimestampTime)
ORDER BY (ServiceName, TimestampTime, Timestamp)
TTL greatest(toDate(TimestampTime), toDate(ReceivedAt)) + toIntervalDay(7)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS otel_metrics_gauge ON CLUSTER `main`
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName String CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Value Float64 CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    Exemplars Nested (
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String
    ) CODEC(ZSTD(1)),
    WalSegment UInt64 DEFAULT 0 CODEC(DoubleDelta, ZSTD(1)),
    ReceivedAt DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(DoubleDelta, ZSTD(1)),
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_wal WalSegment TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))
TTL greatest(toDate(TimeUnix), toDate(ReceivedAt)) + toIntervalDay(7)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS otel_metrics_sum ON CLUSTER `main`
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName String CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Value Float64 CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    Exemplars Nested (
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String
    ) CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    IsMonotonic Boolean CODEC(Delta(1), ZSTD(1)),
    WalSegment UInt64 DEFAULT 0 CODEC(DoubleDelta, ZSTD(1)),
    ReceivedAt DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(DoubleDelta, ZSTD(1)),
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_wal WalSegment TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))
TTL greatest(toDate(TimeUnix), toDate(ReceivedAt)) + toIntervalDay(7)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS otel_metrics_histogram ON CLUSTER `main`
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName String CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Count UInt64 CODEC(Delta(8), ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    BucketCounts Array(UInt64) CODEC(ZSTD(1)),
    ExplicitBounds Array(Float64) CODEC(ZSTD(1)),
    Exemplars Nested (
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String
    ) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    Min Float64 CODEC(ZSTD(1)),
    Max Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    WalSegment UInt64 DEFAULT 0 CODEC(DoubleDelta, ZSTD(1)),
    ReceivedAt DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(DoubleDelta, ZSTD(1)),
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_wal WalSegment TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))
TTL greatest(toDate(TimeUnix), toDate(ReceivedAt)) + toIntervalDay(7)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS otel_metrics_exponential_histogram ON CLUSTER `main`
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName String CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Count UInt64 CODEC(Delta(8), ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    Scale Int32 CODEC(ZSTD(1)),
    ZeroCount UInt64 CODEC(ZSTD(1)),
    PositiveOffset Int32 CODEC(ZSTD(1)),
    PositiveBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    NegativeOffset Int32 CODEC(ZSTD(1)),
    NegativeBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    Exemplars Nested (
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String
    ) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    Min Float64 CODEC(ZSTD(1)),
    Max Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    WalSegment UInt64 DEFAULT 0 CODEC(DoubleDelta, ZSTD(1)),
    ReceivedAt DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(DoubleDelta, ZSTD(1)),
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_wal WalSegment TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))
TTL greatest(toDate(TimeUnix), toDate(ReceivedAt)) + toIntervalDay(7)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS otel_metrics_summary ON CLUSTER `main`
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl String CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName String CODEC(ZSTD(1)),
    MetricDescription String CODEC(ZSTD(1)),
    MetricUnit String CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Count UInt64 CODEC(Delta(8), ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    ValueAtQuantiles Nested (
        Quantile Float64,
        Value Float64
    ) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    WalSegment UInt64 DEFAULT 0 CODEC(DoubleDelta, ZSTD(1)),
    ReceivedAt DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(DoubleDelta, ZSTD(1)),
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_wal WalSegment TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))
TTL greatest(toDate(TimeUnix), toDate(ReceivedAt)) + toIntervalDay(7)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE FUNCTION IF NOT EXISTS suture_environment ON CLUSTER `main` AS (attributes) -> multiIf(
    attributes['deployment.environment.name'] != '', attributes['deployment.environment.name'],
    attributes['deployment.environment'] != '', attributes['deployment.environment'],
    'production');

CREATE TABLE IF NOT EXISTS source_batches ON CLUSTER `main`
(
    tick UInt64,
    environment LowCardinality(String),
    kind LowCardinality(String),
    source String,
    system LowCardinality(String),
    heard_minute Int32,
    seen_minute DateTime('UTC'),
    arrived UInt64,
    first_heard_at DateTime64(6, 'UTC'),
    last_heard_at DateTime64(6, 'UTC'),
    first_seen_at DateTime64(6, 'UTC'),
    last_seen_at DateTime64(6, 'UTC'),
    lateness AggregateFunction(quantilesDD(0.01, 0.5, 0.95), Float64),
    lateness_max Float64,
    counted_at DateTime('UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY (tick, kind, environment, source, system, heard_minute, seen_minute)
TTL counted_at + INTERVAL 2 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS sources ON CLUSTER `main`
(
    environment LowCardinality(String),
    kind LowCardinality(String),
    source String,
    system LowCardinality(String),
    first_heard_at SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_heard_at SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    first_seen_at SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_seen_at SimpleAggregateFunction(max, DateTime64(6, 'UTC'))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY (environment, kind, source, system)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS source_minutes ON CLUSTER `main`
(
    environment LowCardinality(String),
    kind LowCardinality(String),
    source String,
    system LowCardinality(String),
    minute Int32 CODEC(Delta, ZSTD(1)),
    first_heard_at SimpleAggregateFunction(min, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    last_heard_at SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY (environment, kind, source, system, minute)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS source_arrivals ON CLUSTER `main`
(
    environment LowCardinality(String),
    kind LowCardinality(String),
    source String,
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    tick UInt64 CODEC(Delta, ZSTD(1)),
    arrived UInt64,
    lateness AggregateFunction(quantilesDD(0.01, 0.5, 0.95), Float64),
    lateness_max Float64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY (environment, kind, source, minute, tick)
TTL toDate(minute) + toIntervalDay(7)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS clock_spans ON CLUSTER `main`
(
    trace_id String,
    call_id String,
    span_id String,
    side LowCardinality(String),
    environment LowCardinality(String),
    service LowCardinality(String),
    started_nanos Int64,
    ended_nanos Int64,
    tick UInt64,
    sampled_at DateTime('UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', tick)
ORDER BY (trace_id, call_id, span_id, side)
TTL sampled_at + INTERVAL 2 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS clock_pairs ON CLUSTER `main`
(
    environment LowCardinality(String),
    hour Int32,
    client LowCardinality(String),
    server LowCardinality(String),
    trace_id String,
    call_id String,
    span_id String,
    lower_micros Int64,
    upper_micros Int64,
    tick UInt64,
    paired_at DateTime('UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', tick)
ORDER BY (environment, hour, client, server, trace_id, call_id, span_id)
TTL paired_at + INTERVAL 2 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS clock_edges ON CLUSTER `main`
(
    environment LowCardinality(String),
    hour Int32,
    client LowCardinality(String),
    server LowCardinality(String),
    lower_micros Int64,
    upper_micros Int64,
    pairs UInt32,
    agreeing UInt32
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', pairs)
ORDER BY (environment, hour, client, server)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS clock_offsets ON CLUSTER `main`
(
    environment LowCardinality(String),
    hour Int32,
    service LowCardinality(String),
    reference LowCardinality(String),
    offset_micros Int64,
    uncertainty_micros Int64,
    pairs UInt32,
    tick UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', tick)
ORDER BY (environment, hour, service)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS identities ON CLUSTER `main`
(
    event_hash UInt64 DEFAULT reinterpretAsUInt64(unhex(substring(event_key, 1, 16))),
    event_key String,
    occurred_at DateTime64(6, 'UTC'),
    content_hash String,
    trace_id String,
    version UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)
ORDER BY (event_hash, event_key)
SETTINGS index_granularity = 256, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS event_objects ON CLUSTER `main`
(
    object String,
    event_key String,
    milestone String,
    system String,
    source String,
    id String,
    occurred_at DateTime64(6, 'UTC'),
    recorded_at DateTime64(6, 'UTC'),
    sequence Int64,
    outcome String,
    reason String,
    trace_id String,
    carried_names Array(String),
    carried_values Array(String),
    objects Array(String),
    types Array(String),
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)
ORDER BY (object, event_key)
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS links ON CLUSTER `main`
(
    process String,
    from_object String,
    to_object String,
    kind String,
    event_key String,
    source String,
    id String,
    occurred_at DateTime64(6, 'UTC'),
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)
ORDER BY (from_object, process, to_object, kind, event_key)
SETTINGS index_granularity = 256, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS reaches ON CLUSTER `main`
(
    process String,
    object String,
    anchor String,
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)
ORDER BY (object, process, anchor)
SETTINGS index_granularity = 256, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS members ON CLUSTER `main`
(
    process String,
    anchor String,
    event_key String,
    milestone String,
    system String,
    source String,
    id String,
    occurred_at DateTime64(6, 'UTC'),
    recorded_at DateTime64(6, 'UTC'),
    sequence Int64,
    outcome String,
    reason String,
    trace_id String,
    carried_names Array(String),
    carried_values Array(String),
    objects Array(String),
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)
ORDER BY (anchor, process, event_key)
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS instances ON CLUSTER `main`
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
    milestone_times Map(LowCardinality(String), Array(DateTime64(6, 'UTC'))),
    attempt_times Map(LowCardinality(String), Array(DateTime64(6, 'UTC'))),
    removed UInt8 DEFAULT 0,
    change UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', change)
ORDER BY (environment, process, anchor)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS instance_changes ON CLUSTER `main`
(
    change UInt64,
    environment LowCardinality(String),
    process LowCardinality(String),
    anchor String
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY (change, environment, process, anchor)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS trace_objects ON CLUSTER `main`
(
    segment UInt64,
    environment LowCardinality(String),
    object_type LowCardinality(String),
    object_id String,
    object String,
    trace_id String,
    span_id String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY (object, trace_id, span_id)
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS conflicts ON CLUSTER `main`
(
    event_key String,
    source LowCardinality(String),
    id String,
    kept_hash String,
    other_hash String,
    kept_at DateTime64(6, 'UTC'),
    other_at DateTime64(6, 'UTC'),
    version UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)
ORDER BY (event_key, other_hash)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS reached_objects ON CLUSTER `main`
(
    process String,
    anchor String,
    object String,
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)
ORDER BY (anchor, process, object)
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS verdicts ON CLUSTER `main`
(
    environment LowCardinality(String),
    process LowCardinality(String),
    sla LowCardinality(String),
    sla_version UInt32,
    anchor String,
    state LowCardinality(String),
    reason String,
    started_at DateTime64(6, 'UTC'),
    deadline_at Nullable(DateTime64(6, 'UTC')),
    at_risk_at Nullable(DateTime64(6, 'UTC')),
    completed_at Nullable(DateTime64(6, 'UTC')),
    stopped_at Nullable(DateTime64(6, 'UTC')),
    elapsed_micros Int64,
    allowed_micros Int64,
    facets Map(LowCardinality(String), String),
    decided_at DateTime64(6, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY (environment, process, sla, anchor, decided_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS verdict_states ON CLUSTER `main`
(
    environment LowCardinality(String),
    process LowCardinality(String),
    sla LowCardinality(String),
    sla_version UInt32,
    anchor String,
    state LowCardinality(String),
    reason String,
    started_at DateTime64(6, 'UTC'),
    deadline_at Nullable(DateTime64(6, 'UTC')),
    at_risk_at Nullable(DateTime64(6, 'UTC')),
    completed_at Nullable(DateTime64(6, 'UTC')),
    stopped_at Nullable(DateTime64(6, 'UTC')),
    elapsed_micros Int64,
    allowed_micros Int64,
    facets Map(LowCardinality(String), String),
    decided_at DateTime64(6, 'UTC'),
    tick UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', tick)
ORDER BY (environment, process, sla, anchor)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS deadlines ON CLUSTER `main`
(
    due_at DateTime64(6, 'UTC'),
    environment LowCardinality(String),
    process LowCardinality(String),
    sla LowCardinality(String),
    anchor String
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY (due_at, environment, process, sla, anchor)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS verdict_changes ON CLUSTER `main`
(
    tick UInt64,
    environment LowCardinality(String),
    process LowCardinality(String),
    sla LowCardinality(String),
    anchor String
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY (tick, environment, process, anchor, sla)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS judged_rules ON CLUSTER `main`
(
    sla String,
    process String,
    fingerprint String,
    tick UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', tick)
ORDER BY (sla, process)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS alert_events ON CLUSTER `main`
(
    alert_id String,
    at DateTime64(6, 'UTC'),
    action LowCardinality(String),
    actor LowCardinality(String),
    environment LowCardinality(String),
    process LowCardinality(String),
    sla LowCardinality(String),
    anchor String,
    severity LowCardinality(String),
    owner LowCardinality(String),
    title String,
    assignee String DEFAULT '',
    comment String DEFAULT '',
    breached_at Nullable(DateTime64(6, 'UTC')),
    until Nullable(DateTime64(6, 'UTC')),
    over Bool DEFAULT false,
    notify Bool DEFAULT false,
    INDEX anchor_bloom anchor TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toYYYYMM(at)
ORDER BY (alert_id, at, action, actor)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS deliveries ON CLUSTER `main`
(
    queued_at DateTime64(6, 'UTC'),
    delivery_key String,
    attempt UInt32,
    alert_id String,
    kind LowCardinality(String),
    channel LowCardinality(String),
    state LowCardinality(String),
    at DateTime64(6, 'UTC'),
    next_at Nullable(DateTime64(6, 'UTC')),
    detail String DEFAULT '',
    body String DEFAULT ''
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', at)
PARTITION BY toYYYYMM(queued_at)
ORDER BY (queued_at, delivery_key, attempt)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;
