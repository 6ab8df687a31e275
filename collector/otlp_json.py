"""OTLP/JSON trace requests as protobuf messages, so that one format lies behind the doors. Pure.

The mapping is OTLP's own: keys in lowerCamelCase (protobuf's snake_case names are taken too), trace
and span ids in hex, 64-bit integers as text or number, enumerations as number or name, bytes in
base64; unknown keys are ignored. An id that is no hex becomes an invalid id, so that only its span
is refused.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from suture.errors import MalformedInput

_decode = msgspec.json.Decoder().decode

Build = Callable[[Any, str], None]


def read_trace_json(body: bytes) -> ExportTraceServiceRequest:
    """The request in an OTLP/JSON body; raises MalformedInput naming the place that is wrong."""
    try:
        content = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedInput(f"the body is not JSON: {error}") from error
    request = ExportTraceServiceRequest()
    try:
        for path, item in _items(_object(content, "the body"), "resourceSpans", ""):
            _resource_spans(request.resource_spans.add(), item, path)
    except RecursionError as error:
        raise MalformedInput("attribute values are nested too deeply") from error
    return request


def _resource_spans(target: Any, content: Any, path: str) -> None:
    fields = _object(content, path)
    resource = _object(_get(fields, "resource") or {}, f"{path}.resource")
    _attributes(target.resource.attributes, resource, f"{path}.resource")
    target.schema_url = _text(fields, "schemaUrl", path)
    for place, item in _items(fields, "scopeSpans", path):
        _scope_spans(target.scope_spans.add(), item, place)


def _scope_spans(target: Any, content: Any, path: str) -> None:
    fields = _object(content, path)
    scope = _object(_get(fields, "scope") or {}, f"{path}.scope")
    target.scope.name = _text(scope, "name", f"{path}.scope")
    target.scope.version = _text(scope, "version", f"{path}.scope")
    _attributes(target.scope.attributes, scope, f"{path}.scope")
    target.schema_url = _text(fields, "schemaUrl", path)
    for place, item in _items(fields, "spans", path):
        _span(target.spans.add(), item, place)


def _span(target: Span, content: Any, path: str) -> None:
    fields = _object(content, path)
    target.trace_id = _hex(fields, "traceId")
    target.span_id = _hex(fields, "spanId")
    target.parent_span_id = _hex(fields, "parentSpanId")
    target.trace_state = _text(fields, "traceState", path)
    target.name = _text(fields, "name", path)
    target.kind = _enum(fields, "kind", Span.SpanKind, "SPAN_KIND_", path)  # type: ignore[assignment]
    target.start_time_unix_nano = _unsigned(fields, "startTimeUnixNano", 64, path)
    target.end_time_unix_nano = _unsigned(fields, "endTimeUnixNano", 64, path)
    target.flags = _unsigned(fields, "flags", 32, path)
    _attributes(target.attributes, fields, path)
    for place, item in _items(fields, "events", path):
        event, of_event = target.events.add(), _object(item, place)
        event.time_unix_nano = _unsigned(of_event, "timeUnixNano", 64, place)
        event.name = _text(of_event, "name", place)
        _attributes(event.attributes, of_event, place)
    for place, item in _items(fields, "links", path):
        link, of_link = target.links.add(), _object(item, place)
        link.trace_id = _hex(of_link, "traceId")
        link.span_id = _hex(of_link, "spanId")
        link.trace_state = _text(of_link, "traceState", place)
        _attributes(link.attributes, of_link, place)
    status = _object(_get(fields, "status") or {}, f"{path}.status")
    target.status.message = _text(status, "message", f"{path}.status")
    code = _enum(status, "code", Status.StatusCode, "STATUS_CODE_", f"{path}.status")
    target.status.code = code  # type: ignore[assignment]


def _attributes(target: Any, fields: Mapping[str, Any], path: str) -> None:
    for place, item in _items(fields, "attributes", path):
        _pair(target.add(), item, place)


def _pair(target: KeyValue, content: Any, path: str) -> None:
    fields = _object(content, path)
    target.key = _text(fields, "key", path)
    value = fields.get("value")
    if value is not None:
        _any_value(target.value, value, f"{path}.value")


def _any_value(target: AnyValue, content: Any, path: str) -> None:
    for key, value in _object(content, path).items():
        build = _VALUES.get(key)
        if build is not None and value is not None:
            build(target, value, f"{path}.{key}")
            return


def _string_value(target: AnyValue, value: Any, path: str) -> None:
    target.string_value = _require(value, str, "text", path)


def _bool_value(target: AnyValue, value: Any, path: str) -> None:
    target.bool_value = _require(value, bool, "true or false", path)


def _int_value(target: AnyValue, value: Any, path: str) -> None:
    number = _integer(value, path)
    if not -(2**63) <= number < 2**63:
        raise MalformedInput(f"{path}: does not fit 64 bits")
    target.int_value = number


def _double_value(target: AnyValue, value: Any, path: str) -> None:
    try:
        target.double_value = float(value)
    except (TypeError, ValueError) as error:
        raise MalformedInput(f"{path}: is not a number") from error


def _bytes_value(target: AnyValue, value: Any, path: str) -> None:
    text = _require(value, str, "base64 text", path)
    try:
        target.bytes_value = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise MalformedInput(f"{path}: is not base64") from error


def _array_value(target: AnyValue, value: Any, path: str) -> None:
    target.array_value.SetInParent()
    for place, item in _items(_object(value, path), "values", path):
        _any_value(target.array_value.values.add(), item, place)


def _kvlist_value(target: AnyValue, value: Any, path: str) -> None:
    target.kvlist_value.SetInParent()
    for place, item in _items(_object(value, path), "values", path):
        _pair(target.kvlist_value.values.add(), item, place)


_VALUES: dict[str, Callable[[AnyValue, Any, str], None]] = {
    name: build
    for names, build in (
        (("stringValue", "string_value"), _string_value),
        (("boolValue", "bool_value"), _bool_value),
        (("intValue", "int_value"), _int_value),
        (("doubleValue", "double_value"), _double_value),
        (("bytesValue", "bytes_value"), _bytes_value),
        (("arrayValue", "array_value"), _array_value),
        (("kvlistValue", "kvlist_value"), _kvlist_value),
    )
    for name in names
}


# -- fields ---------------------------------------------------------------------------------------


def _get(fields: Mapping[str, Any], name: str) -> Any:
    value = fields.get(name)
    return fields.get(_SNAKE[name]) if value is None and name in _SNAKE else value


_SNAKE = {
    "resourceSpans": "resource_spans",
    "scopeSpans": "scope_spans",
    "schemaUrl": "schema_url",
    "traceId": "trace_id",
    "spanId": "span_id",
    "parentSpanId": "parent_span_id",
    "traceState": "trace_state",
    "startTimeUnixNano": "start_time_unix_nano",
    "endTimeUnixNano": "end_time_unix_nano",
    "timeUnixNano": "time_unix_nano",
}


def _object(content: Any, path: str) -> Any:
    return _require(content, dict, "an object", path)


def _items(fields: Mapping[str, Any], name: str, path: str) -> list[tuple[str, Any]]:
    where = f"{path}.{name}" if path else name
    found = _require(_get(fields, name) or [], list, "a list", where)
    return [(f"{where}[{place}]", item) for place, item in enumerate(found)]


def _text(fields: Mapping[str, Any], name: str, path: str) -> str:
    value = _get(fields, name)
    return "" if value is None else _require(value, str, "text", f"{path}.{name}")


def _hex(fields: Mapping[str, Any], name: str) -> bytes:
    value = _get(fields, name)
    try:
        return bytes.fromhex(value or "")
    except (TypeError, ValueError):
        return b""


def _unsigned(fields: Mapping[str, Any], name: str, bits: int, path: str) -> int:
    value = _get(fields, name)
    number = 0 if value is None else _integer(value, f"{path}.{name}")
    if not 0 <= number < 1 << bits:
        raise MalformedInput(f"{path}.{name}: does not fit {bits} bits without a sign")
    return number


def _integer(value: Any, path: str) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise MalformedInput(f"{path}: is not an integer")
    try:
        return int(value)
    except ValueError as error:
        raise MalformedInput(f"{path}: is not an integer") from error


def _enum(fields: Mapping[str, Any], name: str, kind: Any, prefix: str, path: str) -> int:
    value = _get(fields, name)
    if value is None:
        return 0
    if isinstance(value, str) and not value.lstrip("-").isdigit():
        try:
            return int(kind.Value(value))
        except ValueError as error:
            raise MalformedInput(f"{path}.{name}: {value!r} is not one of {prefix}…") from error
    number = _integer(value, f"{path}.{name}")
    if not -(2**31) <= number < 2**31:
        raise MalformedInput(f"{path}.{name}: does not fit 32 bits")
    return number


def _require(value: Any, kind: type, what: str, path: str) -> Any:
    if not isinstance(value, kind):
        raise MalformedInput(f"{path}: is not {what}")
    return value
