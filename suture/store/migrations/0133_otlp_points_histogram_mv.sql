-- Stores histogram points.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_points_histogram_mv {{on_cluster}}
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
