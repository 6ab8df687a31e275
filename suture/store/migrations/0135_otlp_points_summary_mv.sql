-- Stores summary points.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_points_summary_mv {{on_cluster}}
TO otel_metrics_summary
AS SELECT
    ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes,
    ScopeDroppedAttrCount, ScopeSchemaUrl, ServiceName, MetricName, MetricDescription,
    MetricUnit, Attributes, StartTimeUnix, TimeUnix, Flags, Count, Sum,
    `ValueAtQuantiles.Quantile`, `ValueAtQuantiles.Value`, WalSegment, ReceivedAt
FROM otlp_points
WHERE Kind = 'summary';
