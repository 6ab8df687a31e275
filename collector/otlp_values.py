"""Attribute values that nest more deeply than the store's reader follows become JSON text. Pure.

The reader follows one list or map; lists and maps inside those are rare. They are found by
comparing sizes (see `otlp`), not by looking at every attribute. What lies inside more than
`MAX_DEPTH` lists and maps is cut: a mark stands in its place, and the sender is told.
"""

import base64
import json
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from opentelemetry.proto.common.v1 import common_pb2

from collector.otlp_types import raw
from suture.contracts.trace import Signal

MAX_DEPTH = 16
CUT = "[nested too deeply]"

_list_type = raw(common_pb2.ArrayValue)
_map_type = raw(common_pb2.KeyValueList)
_CONTAINERS = ("array_value", "kvlist_value")


def flatten_deep_values(signal: Signal, request: Any) -> int:
    """Replace deep values in a request of the `raw` type by their JSON text.

    Says how many values were cut. Raises DecodeError where nested bytes are no value.
    """
    flattener = _Flattener()
    for value in _VALUES[signal](request):
        flattener.flatten(value)
    return flattener.cuts


class _Flattener:
    def __init__(self) -> None:
        self.cuts = 0

    def flatten(self, value: Any) -> None:
        """Make text of a value that holds lists or maps inside its list or map."""
        kind = value.WhichOneof("value")
        if kind == "array_value":
            inner = value.array_value.values
        elif kind == "kvlist_value":
            inner = [pair.value for pair in value.kvlist_value.values]
        else:
            return
        if any(item.WhichOneof("value") in _CONTAINERS for item in inner):
            plain = self._plain(value, depth=0)
            value.Clear()
            value.string_value = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))

    def _plain(self, value: Any, depth: int) -> Any:
        kind = value.WhichOneof("value")
        if kind not in _CONTAINERS:
            read = _SCALARS.get(kind)
            return None if read is None else read(value)
        if depth > MAX_DEPTH:
            self.cuts += 1
            return CUT
        content = getattr(value, kind)
        if kind == "array_value":
            items = _list_type.FromString(content) if isinstance(content, bytes) else content
            return [self._plain(item, depth + 1) for item in items.values]
        pairs = _map_type.FromString(content) if isinstance(content, bytes) else content
        return {pair.key: self._plain(pair.value, depth + 1) for pair in pairs.values}


def _number(value: float) -> float | str:
    """A number that JSON does not have is text, spelled as in the JSON of protobuf."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


_SCALARS: dict[str | None, Callable[[Any], Any]] = {
    "string_value": lambda value: value.string_value,
    "bool_value": lambda value: value.bool_value,
    "int_value": lambda value: value.int_value,
    "double_value": lambda value: _number(value.double_value),
    "bytes_value": lambda value: base64.b64encode(value.bytes_value).decode(),
}


# -- where values stand ---------------------------------------------------------------------------


def _of_spans(request: Any) -> Iterator[Any]:
    for resource_spans in request.resource_spans:
        yield from _of(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            yield from _of(scope_spans.scope.attributes)
            for span in scope_spans.spans:
                yield from _of(span.attributes)
                for part in (*span.events, *span.links):
                    yield from _of(part.attributes)


def _of_logs(request: Any) -> Iterator[Any]:
    for resource_logs in request.resource_logs:
        yield from _of(resource_logs.resource.attributes)
        for scope_logs in resource_logs.scope_logs:
            yield from _of(scope_logs.scope.attributes)
            for record in scope_logs.log_records:
                yield record.body
                yield from _of(record.attributes)


def _of_metrics(request: Any) -> Iterator[Any]:
    for resource_metrics in request.resource_metrics:
        yield from _of(resource_metrics.resource.attributes)
        for scope_metrics in resource_metrics.scope_metrics:
            yield from _of(scope_metrics.scope.attributes)
            for metric in scope_metrics.metrics:
                yield from _of(metric.metadata)
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points if kind else ():
                    yield from _of(point.attributes)
                    for exemplar in () if kind == "summary" else point.exemplars:
                        yield from _of(exemplar.filtered_attributes)


def _of(attributes: Iterable[Any]) -> Iterator[Any]:
    return (attribute.value for attribute in attributes)


_VALUES: dict[Signal, Callable[[Any], Iterator[Any]]] = {
    Signal.TRACES: _of_spans,
    Signal.LOGS: _of_logs,
    Signal.METRICS: _of_metrics,
}
