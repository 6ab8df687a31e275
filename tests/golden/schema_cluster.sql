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
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS dead_letters ON CLUSTER `main`
(
    segment UInt64 CODEC(DoubleDelta, ZSTD(1)),
    id String,
    received_at DateTime64(6, 'UTC'),
    action LowCardinality(String) DEFAULT 'refused',
    actor LowCardinality(String),
    comment String,
    environment LowCardinality(String),
    door LowCardinality(String),
    source String,
    event_id String,
    type LowCardinality(String),
    reason String,
    owner LowCardinality(String),
    payload_sha256 String,
    payload_bytes UInt64,
    preview String,
    INDEX segment_range segment TYPE minmax GRANULARITY 1,
    INDEX id_bloom id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toYYYYMM(received_at)
ORDER BY (received_at, id)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

CREATE FUNCTION IF NOT EXISTS suture_scalar_json ON CLUSTER `main` AS v -> multiIf(
    tupleElement(v, 'value') = 'string_value', toJSONString(tupleElement(v, 'string_value')),
    tupleElement(v, 'value') = 'int_value', toString(tupleElement(v, 'int_value')),
    tupleElement(v, 'value') = 'bool_value', if(tupleElement(v, 'bool_value'), 'true', 'false'),
    tupleElement(v, 'value') = 'double_value', multiIf(
        isFinite(tupleElement(v, 'double_value')), toString(tupleElement(v, 'double_value')),
        isNaN(tupleElement(v, 'double_value')), '"NaN"',
        tupleElement(v, 'double_value') > 0, '"Infinity"', '"-Infinity"'),
    tupleElement(v, 'value') = 'bytes_value', concat('"', base64Encode(tupleElement(v, 'bytes_value')), '"'),
    'null');

CREATE FUNCTION IF NOT EXISTS suture_attribute_text ON CLUSTER `main` AS v -> multiIf(
    tupleElement(v, 'value') = 'string_value', tupleElement(v, 'string_value'),
    tupleElement(v, 'value') = 'int_value', toString(tupleElement(v, 'int_value')),
    tupleElement(v, 'value') = 'bool_value', if(tupleElement(v, 'bool_value'), 'true', 'false'),
    tupleElement(v, 'value') = 'double_value', toString(tupleElement(v, 'double_value')),
    tupleElement(v, 'value') = 'bytes_value', base64Encode(tupleElement(v, 'bytes_value')),
    tupleElement(v, 'value') = 'array_value', concat('[', arrayStringConcat(
        arrayMap(item -> suture_scalar_json(item), tupleElement(tupleElement(v, 'array_value'), 'values')), ','), ']'),
    tupleElement(v, 'value') = 'kvlist_value', concat('{', arrayStringConcat(
        arrayMap(entry -> concat(toJSONString(tupleElement(entry, 'key')), ':',
                                 suture_scalar_json(tupleElement(entry, 'value'))),
                 tupleElement(tupleElement(v, 'kvlist_value'), 'values')), ','), '}'),
    '');

CREATE FUNCTION IF NOT EXISTS suture_attributes ON CLUSTER `main` AS pairs -> CAST(
    arrayMap(pair -> (tupleElement(pair, 'key'), suture_attribute_text(tupleElement(pair, 'value'))), pairs),
    'Map(LowCardinality(String), String)');

CREATE FUNCTION IF NOT EXISTS suture_instant ON CLUSTER `main` AS nanos ->
    fromUnixTimestamp64Nano(toInt64(least(nanos, 9223372036854775807)));

CREATE FUNCTION IF NOT EXISTS suture_trace_id ON CLUSTER `main` AS id ->
    if(length(id) = 16 AND id != unhex('00000000000000000000000000000000'), lower(hex(id)), '');

CREATE FUNCTION IF NOT EXISTS suture_span_id ON CLUSTER `main` AS id ->
    if(length(id) = 8 AND id != unhex('0000000000000000'), lower(hex(id)), '');

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
        resource Tuple(attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String)))))))),
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
                attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))),
                events Array(Tuple(
                    time_unix_nano UInt64,
                    name String,
                    attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))))),
                links Array(Tuple(
                    trace_id String,
                    span_id String,
                    trace_state String,
                    attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))))),
                status Tuple(message String, code Int32))))))))
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_traces_mv ON CLUSTER `main` TO otel_traces
AS SELECT
    suture_instant(tupleElement(span, 'start_time_unix_nano')) AS Timestamp,
    suture_trace_id(tupleElement(span, 'trace_id')) AS TraceId,
    suture_span_id(tupleElement(span, 'span_id')) AS SpanId,
    suture_span_id(tupleElement(span, 'parent_span_id')) AS ParentSpanId,
    tupleElement(span, 'trace_state') AS TraceState,
    tupleElement(span, 'name') AS SpanName,
    transform(tupleElement(span, 'kind'), [0, 1, 2, 3, 4, 5],
        ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'],
        toString(tupleElement(span, 'kind'))) AS SpanKind,
    resource_attributes['service.name'] AS ServiceName,
    resource_attributes AS ResourceAttributes,
    tupleElement(scope, 'name') AS ScopeName,
    tupleElement(scope, 'version') AS ScopeVersion,
    suture_attributes(tupleElement(span, 'attributes')) AS SpanAttributes,
    if(tupleElement(span, 'end_time_unix_nano') > tupleElement(span, 'start_time_unix_nano'),
        tupleElement(span, 'end_time_unix_nano') - tupleElement(span, 'start_time_unix_nano'), 0) AS Duration,
    transform(tupleElement(tupleElement(span, 'status'), 'code'), [0, 1, 2], ['Unset', 'Ok', 'Error'],
        toString(tupleElement(tupleElement(span, 'status'), 'code'))) AS StatusCode,
    tupleElement(tupleElement(span, 'status'), 'message') AS StatusMessage,
    arrayMap(e -> suture_instant(tupleElement(e, 'time_unix_nano')), tupleElement(span, 'events'))
        AS `Events.Timestamp`,
    arrayMap(e -> tupleElement(e, 'name'), tupleElement(span, 'events')) AS `Events.Name`,
    arrayMap(e -> suture_attributes(tupleElement(e, 'attributes')), tupleElement(span, 'events')) AS `Events.Attributes`,
    arrayMap(l -> suture_trace_id(tupleElement(l, 'trace_id')), tupleElement(span, 'links')) AS `Links.TraceId`,
    arrayMap(l -> suture_span_id(tupleElement(l, 'span_id')), tupleElement(span, 'links')) AS `Links.SpanId`,
    arrayMap(l -> tupleElement(l, 'trace_state'), tupleElement(span, 'links')) AS `Links.TraceState`,
    arrayMap(l -> suture_attributes(tupleElement(l, 'attributes')), tupleElement(span, 'links')) AS `Links.Attributes`,
    wal_segment AS WalSegment,
    suture_instant(received_unix_nano) AS ReceivedAt
FROM
(
    SELECT wal_segment, received_unix_nano, resource_attributes, tupleElement(scope_spans, 'scope') AS scope,
           arrayJoin(tupleElement(scope_spans, 'spans')) AS span
    FROM
    (
        SELECT wal_segment, received_unix_nano,
               suture_attributes(tupleElement(tupleElement(resource_spans, 'resource'), 'attributes')) AS resource_attributes,
               arrayJoin(tupleElement(resource_spans, 'scope_spans')) AS scope_spans
        FROM
        (
            SELECT wal_segment, received_unix_nano,
                   arrayJoin(tupleElement(request, 'resource_spans')) AS resource_spans
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
TTL greatest(toDate(TimestampTime), toDate(ReceivedAt)) + toIntervalDay(5)
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
TTL greatest(toDate(TimeUnix), toDate(ReceivedAt)) + toIntervalDay(3)
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
TTL greatest(toDate(TimeUnix), toDate(ReceivedAt)) + toIntervalDay(3)
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
TTL greatest(toDate(TimeUnix), toDate(ReceivedAt)) + toIntervalDay(3)
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
TTL greatest(toDate(TimeUnix), toDate(ReceivedAt)) + toIntervalDay(3)
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
TTL greatest(toDate(TimeUnix), toDate(ReceivedAt)) + toIntervalDay(3)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS otlp_logs_in ON CLUSTER `main`
(
    wal_segment UInt64,
    received_unix_nano UInt64,
    request Tuple(resource_logs Array(Tuple(
        resource Tuple(attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String)))))))),
        schema_url String,
        scope_logs Array(Tuple(
            scope Tuple(name String, version String, attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String)))))))),
            schema_url String,
            log_records Array(Tuple(
                time_unix_nano UInt64,
                observed_time_unix_nano UInt64,
                severity_number Int32,
                severity_text String,
                body Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))),
                attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))),
                flags UInt32,
                trace_id String,
                span_id String,
                event_name String)))))))
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_logs_mv ON CLUSTER `main` TO otel_logs
AS SELECT
    suture_instant(multiIf(tupleElement(record, 'time_unix_nano') != 0, tupleElement(record, 'time_unix_nano'),
        tupleElement(record, 'observed_time_unix_nano') != 0, tupleElement(record, 'observed_time_unix_nano'),
        received_unix_nano)) AS Timestamp,
    suture_trace_id(tupleElement(record, 'trace_id')) AS TraceId,
    suture_span_id(tupleElement(record, 'span_id')) AS SpanId,
    toUInt8(bitAnd(tupleElement(record, 'flags'), 255)) AS TraceFlags,
    tupleElement(record, 'severity_text') AS SeverityText,
    toUInt8(least(greatest(tupleElement(record, 'severity_number'), 0), 255)) AS SeverityNumber,
    resource_attributes['service.name'] AS ServiceName,
    suture_attribute_text(tupleElement(record, 'body')) AS Body,
    resource_schema_url AS ResourceSchemaUrl,
    resource_attributes AS ResourceAttributes,
    scope_schema_url AS ScopeSchemaUrl,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_attributes AS ScopeAttributes,
    suture_attributes(tupleElement(record, 'attributes')) AS LogAttributes,
    tupleElement(record, 'event_name') AS EventName,
    wal_segment AS WalSegment,
    suture_instant(received_unix_nano) AS ReceivedAt
FROM
(
    SELECT wal_segment, received_unix_nano, resource_attributes, resource_schema_url,
           tupleElement(tupleElement(scope_logs, 'scope'), 'name') AS scope_name, tupleElement(tupleElement(scope_logs, 'scope'), 'version') AS scope_version,
           suture_attributes(tupleElement(tupleElement(scope_logs, 'scope'), 'attributes')) AS scope_attributes,
           tupleElement(scope_logs, 'schema_url') AS scope_schema_url,
           arrayJoin(tupleElement(scope_logs, 'log_records')) AS record
    FROM
    (
        SELECT wal_segment, received_unix_nano,
               suture_attributes(tupleElement(tupleElement(resource_logs, 'resource'), 'attributes')) AS resource_attributes,
               tupleElement(resource_logs, 'schema_url') AS resource_schema_url,
               arrayJoin(tupleElement(resource_logs, 'scope_logs')) AS scope_logs
        FROM
        (
            SELECT wal_segment, received_unix_nano,
                   arrayJoin(tupleElement(request, 'resource_logs')) AS resource_logs
            FROM otlp_logs_in
        )
    )
);

CREATE TABLE IF NOT EXISTS otlp_metrics_in ON CLUSTER `main`
(
    wal_segment UInt64,
    received_unix_nano UInt64,
    request Tuple(resource_metrics Array(Tuple(
        resource Tuple(attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String)))))))),
        schema_url String,
        scope_metrics Array(Tuple(
            scope Tuple(name String, version String, attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))),
                        dropped_attributes_count UInt32),
            schema_url String,
            metrics Array(Tuple(
                name String,
                description String,
                unit String,
                gauge Tuple(data_points Array(Tuple(
                    start_time_unix_nano UInt64,
                    time_unix_nano UInt64,
                    as_double Float64,
                    as_int Int64,
                    exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, span_id String, trace_id String, filtered_attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))))),
                    attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))),
                    flags UInt32))),
                sum Tuple(
                    data_points Array(Tuple(
                        start_time_unix_nano UInt64,
                        time_unix_nano UInt64,
                        as_double Float64,
                        as_int Int64,
                        exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, span_id String, trace_id String, filtered_attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))))),
                        attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))),
                        flags UInt32)),
                    aggregation_temporality Int32,
                    is_monotonic Bool),
                histogram Tuple(
                    data_points Array(Tuple(
                        start_time_unix_nano UInt64,
                        time_unix_nano UInt64,
                        count UInt64,
                        sum Float64,
                        bucket_counts Array(UInt64),
                        explicit_bounds Array(Float64),
                        exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, span_id String, trace_id String, filtered_attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))))),
                        attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))),
                        flags UInt32,
                        min Float64,
                        max Float64)),
                    aggregation_temporality Int32),
                exponential_histogram Tuple(
                    data_points Array(Tuple(
                        attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))),
                        start_time_unix_nano UInt64,
                        time_unix_nano UInt64,
                        count UInt64,
                        sum Float64,
                        scale Int32,
                        zero_count UInt64,
                        positive Tuple(offset Int32, bucket_counts Array(UInt64)),
                        negative Tuple(offset Int32, bucket_counts Array(UInt64)),
                        flags UInt32,
                        exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, span_id String, trace_id String, filtered_attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))))),
                        min Float64,
                        max Float64)),
                    aggregation_temporality Int32),
                summary Tuple(data_points Array(Tuple(
                    start_time_unix_nano UInt64,
                    time_unix_nano UInt64,
                    count UInt64,
                    sum Float64,
                    quantile_values Array(Tuple(quantile Float64, value Float64)),
                    attributes Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, array_value Tuple(values Array(Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String))))))),
                    flags UInt32))))))))))
)
ENGINE = Null;

CREATE TABLE IF NOT EXISTS otlp_points ON CLUSTER `main`
(
    Kind LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String),
    ResourceSchemaUrl String,
    ScopeName String,
    ScopeVersion String,
    ScopeAttributes Map(LowCardinality(String), String),
    ScopeDroppedAttrCount UInt32,
    ScopeSchemaUrl String,
    ServiceName LowCardinality(String),
    MetricName String,
    MetricDescription String,
    MetricUnit String,
    Attributes Map(LowCardinality(String), String),
    StartTimeUnix DateTime64(9),
    TimeUnix DateTime64(9),
    Flags UInt32,
    `Exemplars.FilteredAttributes` Array(Map(LowCardinality(String), String)),
    `Exemplars.TimeUnix` Array(DateTime64(9)),
    `Exemplars.Value` Array(Float64),
    `Exemplars.SpanId` Array(String),
    `Exemplars.TraceId` Array(String),
    Value Float64,
    Count UInt64,
    Sum Float64,
    BucketCounts Array(UInt64),
    ExplicitBounds Array(Float64),
    Scale Int32,
    ZeroCount UInt64,
    PositiveOffset Int32,
    PositiveBucketCounts Array(UInt64),
    NegativeOffset Int32,
    NegativeBucketCounts Array(UInt64),
    Min Float64,
    Max Float64,
    `ValueAtQuantiles.Quantile` Array(Float64),
    `ValueAtQuantiles.Value` Array(Float64),
    AggregationTemporality Int32,
    IsMonotonic Bool,
    WalSegment UInt64,
    ReceivedAt DateTime64(6, 'UTC')
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_mv ON CLUSTER `main` TO otlp_points
AS SELECT
    point.1 AS Kind,
    resource_attributes AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    tupleElement(scope, 'name') AS ScopeName,
    tupleElement(scope, 'version') AS ScopeVersion,
    scope_attributes AS ScopeAttributes,
    tupleElement(scope, 'dropped_attributes_count') AS ScopeDroppedAttrCount,
    scope_schema_url AS ScopeSchemaUrl,
    resource_attributes['service.name'] AS ServiceName,
    metric_name AS MetricName,
    metric_description AS MetricDescription,
    metric_unit AS MetricUnit,
    suture_attributes(point.2) AS Attributes,
    suture_instant(point.3) AS StartTimeUnix,
    suture_instant(if(point.4 != 0, point.4, received_unix_nano)) AS TimeUnix,
    point.5 AS Flags,
    arrayMap(e -> suture_attributes(tupleElement(e, 'filtered_attributes')), point.6)
        AS `Exemplars.FilteredAttributes`,
    arrayMap(e -> suture_instant(tupleElement(e, 'time_unix_nano')), point.6) AS `Exemplars.TimeUnix`,
    arrayMap(e -> if(tupleElement(e, 'as_int') != 0, toFloat64(tupleElement(e, 'as_int')), tupleElement(e, 'as_double')), point.6)
        AS `Exemplars.Value`,
    arrayMap(e -> suture_span_id(tupleElement(e, 'span_id')), point.6) AS `Exemplars.SpanId`,
    arrayMap(e -> suture_trace_id(tupleElement(e, 'trace_id')), point.6) AS `Exemplars.TraceId`,
    point.7 AS Value,
    point.8 AS Count,
    point.9 AS Sum,
    point.10 AS BucketCounts,
    point.11 AS ExplicitBounds,
    point.12 AS Scale,
    point.13 AS ZeroCount,
    point.14 AS PositiveOffset,
    point.15 AS PositiveBucketCounts,
    point.16 AS NegativeOffset,
    point.17 AS NegativeBucketCounts,
    point.18 AS Min,
    point.19 AS Max,
    point.20 AS `ValueAtQuantiles.Quantile`,
    point.21 AS `ValueAtQuantiles.Value`,
    point.22 AS AggregationTemporality,
    point.23 AS IsMonotonic,
    wal_segment AS WalSegment,
    suture_instant(received_unix_nano) AS ReceivedAt
FROM
(
    SELECT wal_segment, received_unix_nano, resource_attributes, resource_schema_url, scope,
           scope_attributes, scope_schema_url, tupleElement(metric, 'name') AS metric_name,
           tupleElement(metric, 'description') AS metric_description, tupleElement(metric, 'unit') AS metric_unit,
           arrayJoin(arrayConcat(
                arrayMap(p -> ('gauge', tupleElement(p, 'attributes'), tupleElement(p, 'start_time_unix_nano'), tupleElement(p, 'time_unix_nano'),
                     tupleElement(p, 'flags'), tupleElement(p, 'exemplars'),
                     if(tupleElement(p, 'as_int') != 0, toFloat64(tupleElement(p, 'as_int')), tupleElement(p, 'as_double')),
                     0, 0, [], [],
                     0, 0, 0, [], 0, [],
                     0, 0, [], [],
                     0, false),
                     tupleElement(tupleElement(metric, 'gauge'), 'data_points')),
                arrayMap(p -> ('sum', tupleElement(p, 'attributes'), tupleElement(p, 'start_time_unix_nano'), tupleElement(p, 'time_unix_nano'),
                     tupleElement(p, 'flags'), tupleElement(p, 'exemplars'),
                     if(tupleElement(p, 'as_int') != 0, toFloat64(tupleElement(p, 'as_int')), tupleElement(p, 'as_double')),
                     0, 0, [], [],
                     0, 0, 0, [], 0, [],
                     0, 0, [], [],
                     tupleElement(tupleElement(metric, 'sum'), 'aggregation_temporality'), tupleElement(tupleElement(metric, 'sum'), 'is_monotonic')),
                     tupleElement(tupleElement(metric, 'sum'), 'data_points')),
                arrayMap(p -> ('histogram', tupleElement(p, 'attributes'), tupleElement(p, 'start_time_unix_nano'),
                     tupleElement(p, 'time_unix_nano'),
                     tupleElement(p, 'flags'), tupleElement(p, 'exemplars'), 0,
                     tupleElement(p, 'count'), tupleElement(p, 'sum'), tupleElement(p, 'bucket_counts'), tupleElement(p, 'explicit_bounds'),
                     0, 0, 0, [], 0, [],
                     tupleElement(p, 'min'), tupleElement(p, 'max'), [], [],
                     tupleElement(tupleElement(metric, 'histogram'), 'aggregation_temporality'), false),
                     tupleElement(tupleElement(metric, 'histogram'), 'data_points')),
                arrayMap(p -> ('exponential_histogram', tupleElement(p, 'attributes'), tupleElement(p, 'start_time_unix_nano'),
                     tupleElement(p, 'time_unix_nano'), tupleElement(p, 'flags'), tupleElement(p, 'exemplars'), 0,
                     tupleElement(p, 'count'), tupleElement(p, 'sum'), [], [],
                     tupleElement(p, 'scale'), tupleElement(p, 'zero_count'), tupleElement(tupleElement(p, 'positive'), 'offset'), tupleElement(tupleElement(p, 'positive'), 'bucket_counts'),
                     tupleElement(tupleElement(p, 'negative'), 'offset'), tupleElement(tupleElement(p, 'negative'), 'bucket_counts'),
                     tupleElement(p, 'min'), tupleElement(p, 'max'), [], [],
                     tupleElement(tupleElement(metric, 'exponential_histogram'), 'aggregation_temporality'), false),
                     tupleElement(tupleElement(metric, 'exponential_histogram'), 'data_points')),
                arrayMap(p -> ('summary', tupleElement(p, 'attributes'), tupleElement(p, 'start_time_unix_nano'), tupleElement(p, 'time_unix_nano'),
                     tupleElement(p, 'flags'), [], 0,
                     tupleElement(p, 'count'), tupleElement(p, 'sum'), [], [],
                     0, 0, 0, [], 0, [],
                     0, 0,
                     tupleElement(tupleElement(p, 'quantile_values'), 'quantile'), tupleElement(tupleElement(p, 'quantile_values'), 'value'),
                     0, false),
                     tupleElement(tupleElement(metric, 'summary'), 'data_points')))) AS point
    FROM
    (
        SELECT wal_segment, received_unix_nano, resource_attributes, resource_schema_url,
               tupleElement(scope_metrics, 'scope') AS scope,
               suture_attributes(tupleElement(tupleElement(scope_metrics, 'scope'), 'attributes')) AS scope_attributes,
               tupleElement(scope_metrics, 'schema_url') AS scope_schema_url,
               arrayJoin(tupleElement(scope_metrics, 'metrics')) AS metric
        FROM
        (
            SELECT wal_segment, received_unix_nano,
                   suture_attributes(tupleElement(tupleElement(resource_metrics, 'resource'), 'attributes')) AS resource_attributes,
                   tupleElement(resource_metrics, 'schema_url') AS resource_schema_url,
                   arrayJoin(tupleElement(resource_metrics, 'scope_metrics')) AS scope_metrics
            FROM
            (
                SELECT wal_segment, received_unix_nano,
                       arrayJoin(tupleElement(request, 'resource_metrics')) AS resource_metrics
                FROM otlp_metrics_in
            )
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_points_gauge_mv ON CLUSTER `main`
TO otel_metrics_gauge
AS SELECT
    ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes,
    ScopeDroppedAttrCount, ScopeSchemaUrl, ServiceName, MetricName, MetricDescription,
    MetricUnit, Attributes, StartTimeUnix, TimeUnix, Flags, `Exemplars.FilteredAttributes`,
    `Exemplars.TimeUnix`, `Exemplars.Value`, `Exemplars.SpanId`, `Exemplars.TraceId`, Value,
    WalSegment, ReceivedAt
FROM otlp_points
WHERE Kind = 'gauge';

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_points_sum_mv ON CLUSTER `main`
TO otel_metrics_sum
AS SELECT
    ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes,
    ScopeDroppedAttrCount, ScopeSchemaUrl, ServiceName, MetricName, MetricDescription,
    MetricUnit, Attributes, StartTimeUnix, TimeUnix, Flags, `Exemplars.FilteredAttributes`,
    `Exemplars.TimeUnix`, `Exemplars.Value`, `Exemplars.SpanId`, `Exemplars.TraceId`, Value,
    AggregationTemporality, IsMonotonic, WalSegment, ReceivedAt
FROM otlp_points
WHERE Kind = 'sum';

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_points_histogram_mv ON CLUSTER `main`
TO otel_metrics_histogram
AS SELECT
    ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes,
    ScopeDroppedAttrCount, ScopeSchemaUrl, ServiceName, MetricName, MetricDescription,
    MetricUnit, Attributes, StartTimeUnix, TimeUnix, Flags, `Exemplars.FilteredAttributes`,
    `Exemplars.TimeUnix`, `Exemplars.Value`, `Exemplars.SpanId`, `Exemplars.TraceId`, Count,
    Sum, BucketCounts, ExplicitBounds, Min, Max, AggregationTemporality, WalSegment,
    ReceivedAt
FROM otlp_points
WHERE Kind = 'histogram';

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_points_exponential_histogram_mv ON CLUSTER `main`
TO otel_metrics_exponential_histogram
AS SELECT
    ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes,
    ScopeDroppedAttrCount, ScopeSchemaUrl, ServiceName, MetricName, MetricDescription,
    MetricUnit, Attributes, StartTimeUnix, TimeUnix, Flags, `Exemplars.FilteredAttributes`,
    `Exemplars.TimeUnix`, `Exemplars.Value`, `Exemplars.SpanId`, `Exemplars.TraceId`, Count,
    Sum, Scale, ZeroCount, PositiveOffset, PositiveBucketCounts, NegativeOffset,
    NegativeBucketCounts, Min, Max, AggregationTemporality, WalSegment, ReceivedAt
FROM otlp_points
WHERE Kind = 'exponential_histogram';

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_points_summary_mv ON CLUSTER `main`
TO otel_metrics_summary
AS SELECT
    ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes,
    ScopeDroppedAttrCount, ScopeSchemaUrl, ServiceName, MetricName, MetricDescription,
    MetricUnit, Attributes, StartTimeUnix, TimeUnix, Flags, Count, Sum,
    `ValueAtQuantiles.Quantile`, `ValueAtQuantiles.Value`, WalSegment, ReceivedAt
FROM otlp_points
WHERE Kind = 'summary';

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
    sampled_at DateTime('UTC'),
    INDEX idx_tick tick TYPE minmax GRANULARITY 1
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
    paired_at DateTime('UTC'),
    INDEX idx_tick tick TYPE minmax GRANULARITY 1
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
    used UInt32,
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
    segment UInt64,
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)
ORDER BY (object, event_key)
SETTINGS index_granularity = 256, fsync_after_insert = 1, fsync_part_directory = 1;

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
    unsure UInt8 DEFAULT 0,
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
    environment LowCardinality(String),
    source LowCardinality(String),
    id String,
    kept_hash String,
    other_hash String,
    kept_at DateTime64(6, 'UTC'),
    other_at DateTime64(6, 'UTC'),
    kept_segment UInt64,
    other_segment UInt64,
    kept_recorded_at DateTime64(6, 'UTC'),
    other_recorded_at DateTime64(6, 'UTC'),
    objects Array(String),
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

CREATE TABLE IF NOT EXISTS attributions ON CLUSTER `main`
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)
ORDER BY (environment, process, anchor)
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS instance_traces ON CLUSTER `main`
(
    trace_id String,
    environment LowCardinality(String),
    process LowCardinality(String),
    anchor String,
    version UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)
ORDER BY (trace_id, environment, process, anchor)
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS trace_links ON CLUSTER `main`
(
    linked_trace_id String,
    trace_id String,
    received_at DateTime('UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', received_at)
ORDER BY (linked_trace_id, trace_id)
TTL received_at + toIntervalDay(7)
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS links_to ON CLUSTER `main`
(
    process String,
    from_object String,
    to_object String,
    kind String,
    event_key String,
    source String,
    id String,
    occurred_at DateTime64(6, 'UTC'),
    unsure UInt8 DEFAULT 0,
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)
ORDER BY (to_object, process, from_object, kind, event_key)
SETTINGS index_granularity = 256, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ambiguous_links ON CLUSTER `main`
(
    process String,
    from_object String,
    to_object String,
    state LowCardinality(String),
    version UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)
ORDER BY (from_object, process, to_object)
SETTINGS index_granularity = 256, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS link_decisions ON CLUSTER `main`
(
    id String,
    at DateTime64(6, 'UTC'),
    actor String,
    action LowCardinality(String),
    environment LowCardinality(String),
    process String,
    from_objects Array(String),
    to_objects Array(String),
    undoes String DEFAULT '',
    reason String DEFAULT ''
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY (id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS trace_carriers ON CLUSTER `main`
(
    trace_id String,
    span_id String,
    event_key String,
    object String,
    occurred_at DateTime64(6, 'UTC'),
    removed UInt8 DEFAULT 0,
    version UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)
ORDER BY (trace_id, span_id, event_key, object)
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS trace_pairs ON CLUSTER `main`
(
    trace_id String,
    process String,
    from_object String,
    to_object String,
    occurred_at DateTime64(6, 'UTC'),
    unsure UInt8,
    removed UInt8,
    version UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)
ORDER BY (trace_id, process, from_object, to_object)
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS linked_traces ON CLUSTER `main`
(
    trace_id String,
    other String
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY (trace_id, other)
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS worker_leases ON CLUSTER `main`
(
    name LowCardinality(String),
    holder String,
    token UInt64,
    choosing UInt8,
    urgent UInt8,
    released UInt8,
    beat UInt64,
    renewed_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', beat)
ORDER BY (name, holder)
TTL toDateTime(renewed_at) + toIntervalDay(7)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

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
