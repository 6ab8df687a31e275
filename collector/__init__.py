"""The collector: takes telemetry and milestone events in, durably, and loads them exactly once.

Reads: OTLP over gRPC and HTTP, CloudEvents over HTTP; the catalogue's contracts.
Writes: the spool (SQLite); from it `otel_traces`, `milestones`, `trace_objects`, `dead_letters`,
`segments`.
Runs as: a receiver process of its own (`receiver`, started by `service`) that writes only the spool
and answers, and loader threads (`loader`) beside the store.
Next: the correlator reads the finished segments.

The way of a request: `receiver_http` or `receiver_grpc` → `otlp` or `cloudevents` and
`event_contracts` (pure) → `spool_writer` → acknowledged. The way of a record: `spool` → `loader` →
`segment_loading` → tables, and from loaded spans through `span_milestones` (pure) to milestones.
"""
