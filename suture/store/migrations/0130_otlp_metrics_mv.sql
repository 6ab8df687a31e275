-- Turns metric requests into points. A point without a time has that of its arrival. Of a value's
-- two forms the one that was not sent is 0. The points of all kinds are given one form, in this order:
-- kind, attributes, start, time, flags, exemplars, value; count, sum, buckets and their bounds; scale,
-- zeros, offset and buckets of positive and of negative values; min, max; quantiles and their values;
-- temporality, monotonic.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_mv {{on_cluster}} TO otlp_points
AS SELECT
    point.1 AS Kind,
    resource_attributes AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    {{scope.name}} AS ScopeName,
    {{scope.version}} AS ScopeVersion,
    scope_attributes AS ScopeAttributes,
    {{scope.dropped_attributes_count}} AS ScopeDroppedAttrCount,
    scope_schema_url AS ScopeSchemaUrl,
    resource_attributes['service.name'] AS ServiceName,
    metric_name AS MetricName,
    metric_description AS MetricDescription,
    metric_unit AS MetricUnit,
    suture_attributes(point.2) AS Attributes,
    suture_instant(point.3) AS StartTimeUnix,
    suture_instant(if(point.4 != 0, point.4, received_unix_nano)) AS TimeUnix,
    point.5 AS Flags,
    arrayMap(e -> suture_attributes({{e.filtered_attributes}}), point.6)
        AS `Exemplars.FilteredAttributes`,
    arrayMap(e -> suture_instant({{e.time_unix_nano}}), point.6) AS `Exemplars.TimeUnix`,
    arrayMap(e -> if({{e.as_int}} != 0, toFloat64({{e.as_int}}), {{e.as_double}}), point.6)
        AS `Exemplars.Value`,
    arrayMap(e -> suture_span_id({{e.span_id}}), point.6) AS `Exemplars.SpanId`,
    arrayMap(e -> suture_trace_id({{e.trace_id}}), point.6) AS `Exemplars.TraceId`,
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
           scope_attributes, scope_schema_url, {{metric.name}} AS metric_name,
           {{metric.description}} AS metric_description, {{metric.unit}} AS metric_unit,
           arrayJoin(arrayConcat(
                arrayMap(p -> ('gauge', {{p.attributes}}, {{p.start_time_unix_nano}}, {{p.time_unix_nano}},
                     {{p.flags}}, {{p.exemplars}},
                     if({{p.as_int}} != 0, toFloat64({{p.as_int}}), {{p.as_double}}),
                     0, 0, [], [],
                     0, 0, 0, [], 0, [],
                     0, 0, [], [],
                     0, false),
                     {{metric.gauge.data_points}}),
                arrayMap(p -> ('sum', {{p.attributes}}, {{p.start_time_unix_nano}}, {{p.time_unix_nano}},
                     {{p.flags}}, {{p.exemplars}},
                     if({{p.as_int}} != 0, toFloat64({{p.as_int}}), {{p.as_double}}),
                     0, 0, [], [],
                     0, 0, 0, [], 0, [],
                     0, 0, [], [],
                     {{metric.sum.aggregation_temporality}}, {{metric.sum.is_monotonic}}),
                     {{metric.sum.data_points}}),
                arrayMap(p -> ('histogram', {{p.attributes}}, {{p.start_time_unix_nano}},
                     {{p.time_unix_nano}},
                     {{p.flags}}, {{p.exemplars}}, 0,
                     {{p.count}}, {{p.sum}}, {{p.bucket_counts}}, {{p.explicit_bounds}},
                     0, 0, 0, [], 0, [],
                     {{p.min}}, {{p.max}}, [], [],
                     {{metric.histogram.aggregation_temporality}}, false),
                     {{metric.histogram.data_points}}),
                arrayMap(p -> ('exponential_histogram', {{p.attributes}}, {{p.start_time_unix_nano}},
                     {{p.time_unix_nano}}, {{p.flags}}, {{p.exemplars}}, 0,
                     {{p.count}}, {{p.sum}}, [], [],
                     {{p.scale}}, {{p.zero_count}}, {{p.positive.offset}}, {{p.positive.bucket_counts}},
                     {{p.negative.offset}}, {{p.negative.bucket_counts}},
                     {{p.min}}, {{p.max}}, [], [],
                     {{metric.exponential_histogram.aggregation_temporality}}, false),
                     {{metric.exponential_histogram.data_points}}),
                arrayMap(p -> ('summary', {{p.attributes}}, {{p.start_time_unix_nano}}, {{p.time_unix_nano}},
                     {{p.flags}}, [], 0,
                     {{p.count}}, {{p.sum}}, [], [],
                     0, 0, 0, [], 0, [],
                     0, 0,
                     {{p.quantile_values.quantile}}, {{p.quantile_values.value}},
                     0, false),
                     {{metric.summary.data_points}}))) AS point
    FROM
    (
        SELECT wal_segment, received_unix_nano, resource_attributes, resource_schema_url,
               {{scope_metrics.scope}} AS scope,
               suture_attributes({{scope_metrics.scope.attributes}}) AS scope_attributes,
               {{scope_metrics.schema_url}} AS scope_schema_url,
               arrayJoin({{scope_metrics.metrics}}) AS metric
        FROM
        (
            SELECT wal_segment, received_unix_nano,
                   suture_attributes({{resource_metrics.resource.attributes}}) AS resource_attributes,
                   {{resource_metrics.schema_url}} AS resource_schema_url,
                   arrayJoin({{resource_metrics.scope_metrics}}) AS scope_metrics
            FROM
            (
                SELECT wal_segment, received_unix_nano,
                       arrayJoin({{request.resource_metrics}}) AS resource_metrics
                FROM otlp_metrics_in
            )
        )
    )
);
