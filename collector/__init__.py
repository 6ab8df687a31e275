"""The collector: takes telemetry and milestone events in, durably, and loads them exactly once.

Reads: OTLP over gRPC and HTTP, CloudEvents over HTTP; the catalogue's contracts.
Writes: the spool (SQLite); from it `otel_traces`, `otel_logs`, `otel_metrics_*`, `milestones`,
`trace_objects`, `dead_letters`, `segments`.
Runs as: a receiver process of its own (`receiver`, started by `service`) that writes only the spool
and answers, and loader threads (`loader`) beside the store.
Next: the correlator reads the finished segments.

The way of a request: `receiver_http` or `receiver_grpc` → `otlp` or `cloudevents` and
`event_contracts` (pure) → `spool_writer` → acknowledged. The way of a record: `spool` → `loader` →
`segment_loading` and `telemetry_lanes` → tables, and from loaded spans and log records through
`span_milestones` and `log_milestones` (pure) to milestones.

Beside them `coverage` counts what each source sent, off finished segments, and has `clocks` (pure)
estimate how far the clocks of services are apart.
"""
