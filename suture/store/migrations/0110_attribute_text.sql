-- An OTLP attribute value as text, as the OpenTelemetry Collector's ClickHouse exporter stores it:
-- text verbatim, numbers and booleans as JSON writes them, bytes as base64, lists and maps as JSON.
-- One level of nesting is read; what lies deeper reached the spool as JSON text already.
-- tupleElement instead of a dot, since a function's parameter is only replaced where it stands alone.
CREATE FUNCTION IF NOT EXISTS suture_scalar_json {{on_cluster}} AS v -> multiIf(
    tupleElement(v, 'value') = 'string_value', toJSONString(tupleElement(v, 'string_value')),
    tupleElement(v, 'value') = 'int_value', toString(tupleElement(v, 'int_value')),
    tupleElement(v, 'value') = 'bool_value', if(tupleElement(v, 'bool_value'), 'true', 'false'),
    tupleElement(v, 'value') = 'double_value', toString(tupleElement(v, 'double_value')),
    tupleElement(v, 'value') = 'bytes_value',
        concat('"', base64Encode(tupleElement(v, 'bytes_value')), '"'),
    'null');

CREATE FUNCTION IF NOT EXISTS suture_attribute_text {{on_cluster}} AS v -> multiIf(
    tupleElement(v, 'value') = 'string_value', tupleElement(v, 'string_value'),
    tupleElement(v, 'value') = 'int_value', toString(tupleElement(v, 'int_value')),
    tupleElement(v, 'value') = 'bool_value', if(tupleElement(v, 'bool_value'), 'true', 'false'),
    tupleElement(v, 'value') = 'double_value', toString(tupleElement(v, 'double_value')),
    tupleElement(v, 'value') = 'bytes_value', base64Encode(tupleElement(v, 'bytes_value')),
    tupleElement(v, 'value') = 'array_value', concat('[', arrayStringConcat(
        arrayMap(item -> suture_scalar_json(item),
                 tupleElement(tupleElement(v, 'array_value'), 'values')), ','), ']'),
    tupleElement(v, 'value') = 'kvlist_value', concat('{', arrayStringConcat(
        arrayMap(entry -> concat(toJSONString(tupleElement(entry, 'key')), ':',
                                 suture_scalar_json(tupleElement(entry, 'value'))),
                 tupleElement(tupleElement(v, 'kvlist_value'), 'values')), ','), '}'),
    '');

CREATE FUNCTION IF NOT EXISTS suture_attributes {{on_cluster}} AS pairs -> CAST(
    arrayMap(pair -> (tupleElement(pair, 'key'),
                      suture_attribute_text(tupleElement(pair, 'value'))), pairs),
    'Map(LowCardinality(String), String)');
