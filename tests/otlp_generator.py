"""OTLP requests with every field in use, made from a seed, and their JSON encoding.

Nothing here comes from the product: messages are the published ones, and JSON is protobuf's own,
with ids in hexadecimal digits, as OTLP has it.
"""

import base64
import json
from collections.abc import Callable
from random import Random
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TEXTS = ("", "plain", 'q"uo\\te', "a/b", "line\nbreak\ttab", "grün 漢字 🚑", "\x01", "[1]", "0")
DOUBLES = (0.0, 1.5, -0.1, 1e300, 5e-324, 123456789.0, float("nan"), float("inf"))
INTEGERS = (0, -1, 7, 2**53 + 1, 2**63 - 1, -(2**63))
_IDS = ("traceId", "spanId", "parentSpanId")


class Maker:
    """Makes requests around an instant, given in nanoseconds since 1970."""

    def __init__(self, seed: int, nanos: int) -> None:
        self.random = Random(seed)
        self.nanos = nanos

    def traces(self, count: int) -> ExportTraceServiceRequest:
        made = ExportTraceServiceRequest()
        for place in range(3):
            outer = made.resource_spans.add(schema_url=self.text())
            self.resource(outer.resource, place)
            for _ in range(2):
                inner = outer.scope_spans.add(schema_url=self.text())
                self.scope(inner.scope)
                for _ in range(count):
                    self.span(inner.spans.add())
        return made

    def logs(self, count: int) -> ExportLogsServiceRequest:
        made = ExportLogsServiceRequest()
        for place in range(3):
            outer = made.resource_logs.add(schema_url=self.text())
            self.resource(outer.resource, place)
            for _ in range(2):
                inner = outer.scope_logs.add(schema_url=self.text())
                self.scope(inner.scope)
                for _ in range(count):
                    self.record(inner.log_records.add())
        return made

    def metrics(self, count: int) -> ExportMetricsServiceRequest:
        made = ExportMetricsServiceRequest()
        for place in range(3):
            outer = made.resource_metrics.add(schema_url=self.text())
            self.resource(outer.resource, place)
            for _ in range(2):
                inner = outer.scope_metrics.add(schema_url=self.text())
                self.scope(inner.scope)
                for _ in range(count):
                    self.metric(inner.metrics.add())
        return made

    # -- parts ------------------------------------------------------------------------------------

    def resource(self, resource: Any, place: int) -> None:
        self.attributes(resource.attributes)
        if place:
            resource.attributes.add(key="service.name").value.string_value = f"service {place}"
        resource.dropped_attributes_count = 3

    def scope(self, scope: Any) -> None:
        scope.name, scope.version = self.text(), self.text()
        scope.dropped_attributes_count = self.random.randrange(5)
        self.attributes(scope.attributes)

    def span(self, span: Any) -> None:
        span.trace_id, span.span_id = self.id(16), self.id(8)
        span.parent_span_id = self.random.choice((b"", self.id(8)))
        span.trace_state, span.name = self.text(), self.text()
        span.kind = self.random.randrange(6)
        span.flags = self.random.randrange(1 << 32)
        span.start_time_unix_nano = self.time()
        span.end_time_unix_nano = span.start_time_unix_nano + self.random.randrange(-5, 10**12)
        self.attributes(span.attributes)
        for _ in range(self.random.randrange(3)):
            event = span.events.add(name=self.text(), time_unix_nano=self.time())
            self.attributes(event.attributes)
        for _ in range(self.random.randrange(3)):
            link = span.links.add(trace_state=self.text())
            link.trace_id, link.span_id = self.id(16), self.id(8)
            self.attributes(link.attributes)
        span.status.code = self.random.randrange(3)
        span.status.message = self.text()

    def record(self, record: Any) -> None:
        record.time_unix_nano = self.random.choice((0, self.time()))
        record.observed_time_unix_nano = self.random.choice((0, self.time()))
        record.severity_number = self.random.randrange(25)
        record.severity_text, record.event_name = self.text(), self.text()
        if self.random.randrange(5):
            self.value(record.body)
        self.attributes(record.attributes)
        record.flags = self.random.randrange(1 << 32)
        record.trace_id = self.random.choice((b"", self.id(16)))
        record.span_id = self.random.choice((b"", self.id(8)))

    def metric(self, metric: Any) -> None:
        metric.name, metric.description, metric.unit = self.text(), self.text(), self.text()
        kind = self.random.choice(
            ("gauge", "sum", "histogram", "exponential_histogram", "summary", "")
        )
        if not kind:
            return
        data = getattr(metric, kind)
        data.SetInParent()
        if kind in ("sum", "histogram", "exponential_histogram"):
            data.aggregation_temporality = self.random.randrange(3)
        if kind == "sum":
            data.is_monotonic = self.random.random() < 0.5
        for _ in range(self.random.randrange(4)):
            getattr(self, kind)(data.data_points.add())

    def gauge(self, point: Any) -> None:
        self.point(point)
        self.number(point)
        self.exemplars(point)

    sum = gauge

    def histogram(self, point: Any) -> None:
        self.point(point)
        self.exemplars(point)
        self.statistics(point)
        bounds = sorted(self.random.uniform(-9, 9) for _ in range(self.random.randrange(4)))
        point.explicit_bounds.extend(bounds)
        counts = (self.random.choice((0, 1, 2**63)) for _ in range(len(bounds) + 1))
        point.bucket_counts.extend(counts)

    def exponential_histogram(self, point: Any) -> None:
        self.point(point)
        self.exemplars(point)
        self.statistics(point)
        point.scale, point.zero_count = self.random.randrange(-10, 20), self.random.randrange(9)
        for buckets in (point.positive, point.negative):
            if self.random.random() < 0.7:
                buckets.offset = self.random.randrange(-9, 9)
                buckets.bucket_counts.extend(self.random.choices((0, 1, 2**63), k=3))

    def summary(self, point: Any) -> None:
        self.point(point)
        point.count, point.sum = self.random.randrange(9), self.random.choice(DOUBLES)
        for quantile in (0.0, 0.5, 1.0)[: self.random.randrange(4)]:
            point.quantile_values.add(quantile=quantile, value=self.random.choice(DOUBLES))

    def point(self, point: Any) -> None:
        self.attributes(point.attributes)
        point.start_time_unix_nano = self.random.choice((0, self.time()))
        point.time_unix_nano = self.random.choice((0, self.time(), self.time()))
        point.flags = self.random.randrange(2)

    def number(self, holder: Any) -> None:
        match self.random.randrange(5):
            case 0:
                return
            case 1 | 2:
                holder.as_int = self.random.choice(INTEGERS)
            case _:
                holder.as_double = self.random.choice(DOUBLES)

    def statistics(self, point: Any) -> None:
        point.count = self.random.choice((0, 5, 2**64 - 1))
        for name in ("sum", "min", "max"):
            if self.random.random() < 0.7:
                setattr(point, name, self.random.choice(DOUBLES))

    def exemplars(self, point: Any) -> None:
        for _ in range(self.random.randrange(3)):
            exemplar = point.exemplars.add(time_unix_nano=self.time())
            self.number(exemplar)
            exemplar.trace_id = self.random.choice((b"", self.id(16)))
            exemplar.span_id = self.random.choice((b"", self.id(8)))
            self.attributes(exemplar.filtered_attributes)

    def attributes(self, target: Any) -> None:
        for n in range(self.random.randrange(5)):
            self.value(target.add(key=f"key.{n}").value)

    def value(self, value: Any, depth: int = 0) -> None:
        kinds: list[Callable[[], Any]] = [
            lambda: None,
            lambda: setattr(value, "string_value", self.text()),
            lambda: setattr(value, "bool_value", self.random.random() < 0.5),
            lambda: setattr(value, "int_value", self.random.choice(INTEGERS)),
            lambda: setattr(value, "double_value", self.random.choice(DOUBLES)),
            lambda: setattr(value, "bytes_value", self.random.randbytes(3)),
        ]
        if depth < 3:
            kinds += [lambda: self.array(value, depth), lambda: self.map(value, depth)]
        self.random.choice(kinds)()

    def array(self, value: Any, depth: int) -> None:
        value.array_value.SetInParent()
        for _ in range(self.random.randrange(3)):
            self.value(value.array_value.values.add(), depth + 1)

    def map(self, value: Any, depth: int) -> None:
        value.kvlist_value.SetInParent()
        for n in range(self.random.randrange(3)):
            self.value(value.kvlist_value.values.add(key=f"k{n}").value, depth + 1)

    def text(self) -> str:
        return self.random.choice(TEXTS)

    def id(self, size: int) -> bytes:
        return self.random.randbytes(size)

    def time(self) -> int:
        return self.nanos - self.random.randrange(10**12)


def as_json(request: Any) -> bytes:
    """A request as OTLP/JSON."""
    content = json_format.MessageToDict(request)
    return json.dumps(_with_hex_ids(content), ensure_ascii=False).encode()


def _with_hex_ids(content: Any) -> Any:
    if isinstance(content, list):
        return [_with_hex_ids(item) for item in content]
    if not isinstance(content, dict):
        return content
    return {
        key: base64.b64decode(value).hex() if key in _IDS else _with_hex_ids(value)
        for key, value in content.items()
    }
