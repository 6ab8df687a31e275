"""What the tables have to hold for an OTLP request, worked out in plain Python.

It follows the columns of the OpenTelemetry Collector's ClickHouse exporter, and shares no code with
the product. Times are nanoseconds since 1970. Values of lists and maps are compared as JSON, others
as the text they are.
"""

import base64
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
STATUS = ("Unset", "Ok", "Error")

Row = dict[str, Any]


def spans(request: Any) -> Iterator[Row]:
    """Rows of `otel_traces`."""
    for outer in request.resource_spans:
        for inner in outer.scope_spans:
            for span in inner.spans:
                resource = attributes(outer.resource.attributes)
                start, end = span.start_time_unix_nano, span.end_time_unix_nano
                yield {
                    "Timestamp": start,
                    "TraceId": span.trace_id.hex(),
                    "SpanId": span.span_id.hex(),
                    "ParentSpanId": span.parent_span_id.hex(),
                    "TraceState": span.trace_state,
                    "SpanName": span.name,
                    "SpanKind": KINDS[span.kind],
                    "ServiceName": resource.get("service.name", ""),
                    "ResourceAttributes": resource,
                    "ScopeName": inner.scope.name,
                    "ScopeVersion": inner.scope.version,
                    "SpanAttributes": attributes(span.attributes),
                    "Duration": max(0, end - start),
                    "StatusCode": STATUS[span.status.code],
                    "StatusMessage": span.status.message,
                    "Events.Timestamp": [e.time_unix_nano for e in span.events],
                    "Events.Name": [e.name for e in span.events],
                    "Events.Attributes": [attributes(e.attributes) for e in span.events],
                    "Links.TraceId": [link.trace_id.hex() for link in span.links],
                    "Links.SpanId": [link.span_id.hex() for link in span.links],
                    "Links.TraceState": [link.trace_state for link in span.links],
                    "Links.Attributes": [attributes(link.attributes) for link in span.links],
                }


def log_records(request: Any, received: int) -> Iterator[Row]:
    """Rows of `otel_logs`."""
    for outer in request.resource_logs:
        for inner in outer.scope_logs:
            for record in inner.log_records:
                resource = attributes(outer.resource.attributes)
                time = record.time_unix_nano or record.observed_time_unix_nano or received
                yield {
                    "Timestamp": time,
                    "TimestampTime": time // 10**9,
                    "TraceId": record.trace_id.hex(),
                    "SpanId": record.span_id.hex(),
                    "TraceFlags": record.flags % 256,
                    "SeverityText": record.severity_text,
                    "SeverityNumber": record.severity_number,
                    "ServiceName": resource.get("service.name", ""),
                    "Body": text(record.body),
                    "ResourceSchemaUrl": outer.schema_url,
                    "ResourceAttributes": resource,
                    "ScopeSchemaUrl": inner.schema_url,
                    "ScopeName": inner.scope.name,
                    "ScopeVersion": inner.scope.version,
                    "ScopeAttributes": attributes(inner.scope.attributes),
                    "LogAttributes": attributes(record.attributes),
                    "EventName": record.event_name,
                }


def points(request: Any, kind: str, received: int) -> Iterator[Row]:
    """Rows of `otel_metrics_<kind>`."""
    own = {
        "gauge": _number,
        "sum": _number,
        "histogram": _histogram,
        "exponential_histogram": _exponential,
        "summary": _summary,
    }[kind]
    for outer in request.resource_metrics:
        for inner in outer.scope_metrics:
            for metric in inner.metrics:
                if metric.WhichOneof("data") != kind:
                    continue
                data = getattr(metric, kind)
                for point in data.data_points:
                    row = _common(outer, inner, metric, point, received) | own(point)
                    if kind in ("sum", "histogram", "exponential_histogram"):
                        row["AggregationTemporality"] = data.aggregation_temporality
                    if kind == "sum":
                        row["IsMonotonic"] = data.is_monotonic
                    yield row


def _common(outer: Any, inner: Any, metric: Any, point: Any, received: int) -> Row:
    resource = attributes(outer.resource.attributes)
    return {
        "ResourceAttributes": resource,
        "ResourceSchemaUrl": outer.schema_url,
        "ScopeName": inner.scope.name,
        "ScopeVersion": inner.scope.version,
        "ScopeAttributes": attributes(inner.scope.attributes),
        "ScopeDroppedAttrCount": inner.scope.dropped_attributes_count,
        "ScopeSchemaUrl": inner.schema_url,
        "ServiceName": resource.get("service.name", ""),
        "MetricName": metric.name,
        "MetricDescription": metric.description,
        "MetricUnit": metric.unit,
        "Attributes": attributes(point.attributes),
        "StartTimeUnix": point.start_time_unix_nano,
        "TimeUnix": point.time_unix_nano or received,
        "Flags": point.flags,
    }


def _number(point: Any) -> Row:
    return {"Value": value_of(point), **_exemplars(point)}


def _histogram(point: Any) -> Row:
    return {
        "Count": point.count,
        "Sum": point.sum,
        "BucketCounts": list(point.bucket_counts),
        "ExplicitBounds": list(point.explicit_bounds),
        "Min": point.min,
        "Max": point.max,
        **_exemplars(point),
    }


def _exponential(point: Any) -> Row:
    return {
        "Count": point.count,
        "Sum": point.sum,
        "Scale": point.scale,
        "ZeroCount": point.zero_count,
        "PositiveOffset": point.positive.offset,
        "PositiveBucketCounts": list(point.positive.bucket_counts),
        "NegativeOffset": point.negative.offset,
        "NegativeBucketCounts": list(point.negative.bucket_counts),
        "Min": point.min,
        "Max": point.max,
        **_exemplars(point),
    }


def _summary(point: Any) -> Row:
    return {
        "Count": point.count,
        "Sum": point.sum,
        "ValueAtQuantiles.Quantile": [q.quantile for q in point.quantile_values],
        "ValueAtQuantiles.Value": [q.value for q in point.quantile_values],
    }


def _exemplars(point: Any) -> Row:
    return {
        "Exemplars.FilteredAttributes": [
            attributes(e.filtered_attributes) for e in point.exemplars
        ],
        "Exemplars.TimeUnix": [e.time_unix_nano for e in point.exemplars],
        "Exemplars.Value": [value_of(e) for e in point.exemplars],
        "Exemplars.SpanId": [e.span_id.hex() for e in point.exemplars],
        "Exemplars.TraceId": [e.trace_id.hex() for e in point.exemplars],
    }


def value_of(holder: Any) -> float:
    """A number that came as an integer or a double, or not at all."""
    kind = holder.WhichOneof("value")
    return float(getattr(holder, kind)) if kind else 0.0


def attributes(pairs: Any) -> dict[str, Any]:
    """Attributes as a map of texts."""
    return {pair.key: text(pair.value) for pair in pairs}


def text(value: Any) -> Any:
    """A value as its column has it."""
    match value.WhichOneof("value"):
        case None:
            return ""
        case "string_value":
            return value.string_value
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "double_value":
            return Number(value.double_value)
        case "array_value" | "kvlist_value":
            return Structure(plain(value))
        case _:
            return json.dumps(plain(value))


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    kind = value.WhichOneof("value")
    match kind:
        case None:
            return None
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "array_value":
            return [plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return {pair.key: plain(pair.value) for pair in value.kvlist_value.values}
        case "double_value" if not math.isfinite(value.double_value):
            return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value.double_value)]
        case _:
            return getattr(value, kind)


class Number:
    """Equal to any text that reads as this number."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        with suppress(TypeError, ValueError):
            return same(float(other), self.value)  # type: ignore[arg-type]
        return False

    def __repr__(self) -> str:
        return f"text of {self.value}"


class Structure:
    """Equal to any JSON text that says the same."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def __eq__(self, other: object) -> bool:
        with suppress(TypeError, ValueError):
            return same(json.loads(other), self.content)  # type: ignore[arg-type]
        return False

    def __repr__(self) -> str:
        return f"JSON of {self.content}"


def same(one: Any, other: Any) -> bool:
    """Equality in which NaN equals itself, deep inside too."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)
