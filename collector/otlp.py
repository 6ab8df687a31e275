"""OTLP trace requests: checked and brought into the one form that the spool holds. Pure.

A request is parsed once, to validate it and to write it out again without unknown fields, some of
which protobuf tolerates and the store's reader does not. Attributes are left alone, with one
exception: values nested more deeply than the store's reader unrolls become JSON text here. Such
values are rare, and found by comparing sizes, not by looking at every attribute.

What is refused, span by span, while the rest of the request is taken: a trace id that is not 16
bytes or all zero, a span id that is not 8 bytes or all zero, a start before the year 2000 or more
than a day ahead of the platform's clock (each day is a partition of the store). A span that has
only an end starts there; one that ends before it starts lasts no time.
"""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from suture.clock import to_micros
from suture.errors import MalformedInput

EARLIEST_START = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_START_AHEAD = timedelta(days=1)

_identity = attrgetter("trace_id", "span_id", "start_time_unix_nano")
_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTraces:
    """A request ready for the spool: `spans` of it are in `payload`, `rejected` are not.

    `message` says why some were rejected; it is empty where none was.
    """

    payload: bytes
    spans: int
    rejected: int
    message: str


def check_traces(body: bytes, *, now: datetime) -> CheckedTraces:
    """Check a serialized ExportTraceServiceRequest; raises MalformedInput if it is none."""
    try:
        request = _shallow_request.FromString(body)
        request.DiscardUnknownFields()
        payload = request.SerializeToString()
        if len(payload) != len(body):
            # Something was dropped or respelled: unknown fields, or values nested too deeply.
            whole = ExportTraceServiceRequest.FromString(body)
            whole.DiscardUnknownFields()
            if whole.ByteSize() != len(payload):
                flatten_deep_values(whole)
            request, payload = whole, whole.SerializeToString()
    except DecodeError as error:
        raise MalformedInput("the body is not an OTLP ExportTraceServiceRequest") from error
    return _checked(request, payload, now)


def check_trace_message(request: ExportTraceServiceRequest, *, now: datetime) -> CheckedTraces:
    """Check a request that was read from JSON."""
    flatten_deep_values(request)
    return _checked(request, request.SerializeToString(), now)


def _checked(request: Any, payload: bytes, now: datetime) -> CheckedTraces:
    earliest = to_micros(EARLIEST_START) * 1000
    latest = to_micros(now + LATEST_START_AHEAD) * 1000
    spans = 0
    reasons: Counter[str] = Counter()
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            found = scope_spans.spans
            spans += len(found)
            suspicious = [
                place
                for place, (trace_id, span_id, start) in enumerate(map(_identity, found))
                if len(trace_id) != 16
                or len(span_id) != 8
                or not earliest <= start <= latest
                or span_id == _NO_SPAN
                or trace_id == _NO_TRACE
            ]
            if suspicious:
                reasons += _repair(found, suspicious, earliest, latest)
                payload = b""
    rejected = reasons.total()
    return CheckedTraces(
        payload=payload or request.SerializeToString(),
        spans=spans - rejected,
        rejected=rejected,
        message=_rejection_message(reasons),
    )


def _repair(spans: Any, places: Iterable[int], earliest: int, latest: int) -> Counter[str]:
    """Give spans without a start their end as one, drop what stays bad, and say why."""
    reasons: Counter[str] = Counter()
    for place in sorted(places, reverse=True):
        span = spans[place]
        if not span.start_time_unix_nano:
            span.start_time_unix_nano = span.end_time_unix_nano
        if reason := _fault(span, earliest, latest):
            reasons[reason] += 1
            del spans[place]
    return reasons


def _fault(span: Span, earliest: int, latest: int) -> str:
    if len(span.trace_id) != 16 or span.trace_id == _NO_TRACE:
        return "the trace id is not 16 bytes, or all zero"
    if len(span.span_id) != 8 or span.span_id == _NO_SPAN:
        return "the span id is not 8 bytes, or all zero"
    if span.start_time_unix_nano < earliest:
        return f"the start is missing or before {EARLIEST_START.year}"
    if span.start_time_unix_nano > latest:
        return "the start is more than a day in the future"
    return ""


def _rejection_message(reasons: Counter[str]) -> str:
    if not reasons:
        return ""
    parts = ", ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))
    return f"{reasons.total()} spans rejected: {parts}"


# -- values nested too deeply ---------------------------------------------------------------------


def flatten_deep_values(request: ExportTraceServiceRequest) -> None:
    """Replace attribute values with more than one level of nesting by their JSON text."""
    for resource_spans in request.resource_spans:
        _flatten(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            _flatten(scope_spans.scope.attributes)
            for span in scope_spans.spans:
                _flatten(span.attributes)
                for event in span.events:
                    _flatten(event.attributes)
                for link in span.links:
                    _flatten(link.attributes)


def _flatten(attributes: Iterable[KeyValue]) -> None:
    for attribute in attributes:
        value = attribute.value
        inner: Iterable[AnyValue] = (
            *value.array_value.values,
            *(pair.value for pair in value.kvlist_value.values),
        )
        if any(item.WhichOneof("value") in ("array_value", "kvlist_value") for item in inner):
            text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))
            attribute.value.Clear()
            attribute.value.string_value = text


_SCALARS: dict[str | None, Callable[[AnyValue], Any]] = {
    None: lambda value: None,
    "string_value": lambda value: value.string_value,
    "bool_value": lambda value: value.bool_value,
    "int_value": lambda value: value.int_value,
    "double_value": lambda value: value.double_value,
    "bytes_value": lambda value: base64.b64encode(value.bytes_value).decode(),
}


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
    return _SCALARS.get(kind, _SCALARS[None])(value)


def _make_shallow_request() -> type[Message]:
    """The request's type with attribute values that nest once, as the store's reader has them.

    To it, what lies deeper is an unknown field; that costs nothing, and shows in the size.
    """
    pool = descriptor_pool.DescriptorPool()
    for module in (common_pb2, resource_pb2, trace_pb2, trace_service_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        if module is common_pb2:
            _make_shallow(file)
        pool.Add(file)
    name = ExportTraceServiceRequest.DESCRIPTOR.full_name
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def _make_shallow(file: descriptor_pb2.FileDescriptorProto) -> None:
    messages = {message.name: message for message in file.message_type}
    scalar, pair = file.message_type.add(), file.message_type.add()
    scalar.CopyFrom(messages["AnyValue"])
    pair.CopyFrom(messages["KeyValue"])
    scalar.name, pair.name = "ScalarValue", "ScalarPair"
    for place in reversed(range(len(scalar.field))):
        if scalar.field[place].name in ("array_value", "kvlist_value"):
            del scalar.field[place]
    for holder, item in (("ArrayValue", scalar.name), ("KeyValueList", pair.name)):
        messages[holder].field[0].type_name = f".{file.package}.{item}"
    for field in pair.field:
        if field.name == "value":
            field.type_name = f".{file.package}.{scalar.name}"


_shallow_request: Any = _make_shallow_request()
