-- Where OTLP log requests enter, as the engine's Protobuf reader gives them; nothing stays here.
CREATE TABLE IF NOT EXISTS otlp_logs_in {{on_cluster}}
(
    wal_segment UInt64,
    received_unix_nano UInt64,
    request Tuple(resource_logs Array(Tuple(
        resource Tuple(attributes {{otlp attributes}}),
        schema_url String,
        scope_logs Array(Tuple(
            scope Tuple(name String, version String, attributes {{otlp attributes}}),
            schema_url String,
            log_records Array(Tuple(
                time_unix_nano UInt64,
                observed_time_unix_nano UInt64,
                severity_number Int32,
                severity_text String,
                body {{otlp value}},
                attributes {{otlp attributes}},
                flags UInt32,
                trace_id String,
                span_id String,
                event_name String)))))))
)
ENGINE = Null;
