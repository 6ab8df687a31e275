-- Where OTLP metric requests enter, as the engine's Protobuf reader gives them; nothing stays here.
-- A metric has one kind of points; the others are empty. A value is a double or an integer; the one
-- that was not sent is 0.
CREATE TABLE IF NOT EXISTS otlp_metrics_in {{on_cluster}}
(
    wal_segment UInt64,
    received_unix_nano UInt64,
    request Tuple(resource_metrics Array(Tuple(
        resource Tuple(attributes {{otlp attributes}}),
        schema_url String,
        scope_metrics Array(Tuple(
            scope Tuple(name String, version String, attributes {{otlp attributes}},
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
                    exemplars {{otlp exemplars}},
                    attributes {{otlp attributes}},
                    flags UInt32))),
                sum Tuple(
                    data_points Array(Tuple(
                        start_time_unix_nano UInt64,
                        time_unix_nano UInt64,
                        as_double Float64,
                        as_int Int64,
                        exemplars {{otlp exemplars}},
                        attributes {{otlp attributes}},
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
                        exemplars {{otlp exemplars}},
                        attributes {{otlp attributes}},
                        flags UInt32,
                        min Float64,
                        max Float64)),
                    aggregation_temporality Int32),
                exponential_histogram Tuple(
                    data_points Array(Tuple(
                        attributes {{otlp attributes}},
                        start_time_unix_nano UInt64,
                        time_unix_nano UInt64,
                        count UInt64,
                        sum Float64,
                        scale Int32,
                        zero_count UInt64,
                        positive Tuple(offset Int32, bucket_counts Array(UInt64)),
                        negative Tuple(offset Int32, bucket_counts Array(UInt64)),
                        flags UInt32,
                        exemplars {{otlp exemplars}},
                        min Float64,
                        max Float64)),
                    aggregation_temporality Int32),
                summary Tuple(data_points Array(Tuple(
                    start_time_unix_nano UInt64,
                    time_unix_nano UInt64,
                    count UInt64,
                    sum Float64,
                    quantile_values Array(Tuple(quantile Float64, value Float64)),
                    attributes {{otlp attributes}},
                    flags UInt32))))))))))
)
ENGINE = Null;
