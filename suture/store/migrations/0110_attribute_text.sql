-- An OTLP attribute value as text, as the OpenTelemetry Collector's ClickHouse exporter stores it:
-- text verbatim, numbers and booleans as JSON writes them, bytes as base64, lists and maps as JSON
-- (in which numbers that JSON does not have are text).
-- One level of nesting is read; what lies deeper reached the spool as JSON text already.
CREATE FUNCTION IF NOT EXISTS suture_scalar_json {{on_cluster}} AS v -> multiIf(
    {{v.value}} = 'string_value', toJSONString({{v.string_value}}),
    {{v.value}} = 'int_value', toString({{v.int_value}}),
    {{v.value}} = 'bool_value', if({{v.bool_value}}, 'true', 'false'),
    {{v.value}} = 'double_value', multiIf(
        isFinite({{v.double_value}}), toString({{v.double_value}}),
        isNaN({{v.double_value}}), '"NaN"',
        {{v.double_value}} > 0, '"Infinity"', '"-Infinity"'),
    {{v.value}} = 'bytes_value', concat('"', base64Encode({{v.bytes_value}}), '"'),
    'null');

CREATE FUNCTION IF NOT EXISTS suture_attribute_text {{on_cluster}} AS v -> multiIf(
    {{v.value}} = 'string_value', {{v.string_value}},
    {{v.value}} = 'int_value', toString({{v.int_value}}),
    {{v.value}} = 'bool_value', if({{v.bool_value}}, 'true', 'false'),
    {{v.value}} = 'double_value', toString({{v.double_value}}),
    {{v.value}} = 'bytes_value', base64Encode({{v.bytes_value}}),
    {{v.value}} = 'array_value', concat('[', arrayStringConcat(
        arrayMap(item -> suture_scalar_json(item), {{v.array_value.values}}), ','), ']'),
    {{v.value}} = 'kvlist_value', concat('{', arrayStringConcat(
        arrayMap(entry -> concat(toJSONString({{entry.key}}), ':',
                                 suture_scalar_json({{entry.value}})),
                 {{v.kvlist_value.values}}), ','), '}'),
    '');

CREATE FUNCTION IF NOT EXISTS suture_attributes {{on_cluster}} AS pairs -> CAST(
    arrayMap(pair -> ({{pair.key}}, suture_attribute_text({{pair.value}})), pairs),
    'Map(LowCardinality(String), String)');

-- Nanoseconds since 1970 as an instant; what lies beyond 2262 becomes the last one there is.
CREATE FUNCTION IF NOT EXISTS suture_instant {{on_cluster}} AS nanos ->
    fromUnixTimestamp64Nano(toInt64(least(nanos, 9223372036854775807)));

-- Trace and span ids in hexadecimal digits; nothing for what is none: another length, or all zero.
CREATE FUNCTION IF NOT EXISTS suture_trace_id {{on_cluster}} AS id ->
    if(length(id) = 16 AND id != unhex('00000000000000000000000000000000'), lower(hex(id)), '');

CREATE FUNCTION IF NOT EXISTS suture_span_id {{on_cluster}} AS id ->
    if(length(id) = 8 AND id != unhex('0000000000000000'), lower(hex(id)), '');
