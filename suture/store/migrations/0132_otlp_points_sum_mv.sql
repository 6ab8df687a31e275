-- Stores sum points.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_points_sum_mv {{on_cluster}}
TO otel_metrics_sum
AS SELECT
    ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes,
    ScopeDroppedAttrCount, ScopeSchemaUrl, ServiceName, MetricName, MetricDescription,
    MetricUnit, Attributes, StartTimeUnix, TimeUnix, Flags, `Exemplars.FilteredAttributes`,
    `Exemplars.TimeUnix`, `Exemplars.Value`, `Exemplars.SpanId`, `Exemplars.TraceId`, Value,
    AggregationTemporality, IsMonotonic, WalSegment, ReceivedAt
FROM otlp_points
WHERE Kind = 'sum';
