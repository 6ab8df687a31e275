-- Where OTLP trace requests enter, as the engine's Protobuf reader gives them; nothing stays here.
-- One row per accepted request, in the envelope that names its segment and arrival.
CREATE TABLE IF NOT EXISTS otlp_traces_in {{on_cluster}}
(
    wal_segment UInt64,
    received_unix_nano UInt64,
    request Tuple(resource_spans Array(Tuple(
        resource Tuple(attributes {{otlp attributes}}),
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
                attributes {{otlp attributes}},
                events Array(Tuple(
                    time_unix_nano UInt64,
                    name String,
                    attributes {{otlp attributes}})),
                links Array(Tuple(
                    trace_id String,
                    span_id String,
                    trace_state String,
                    attributes {{otlp attributes}})),
                status Tuple(message String, code Int32))))))))
)
ENGINE = Null;
