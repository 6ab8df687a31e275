-- Stores exponential histogram points.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_points_exponential_histogram_mv {{on_cluster}}
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
