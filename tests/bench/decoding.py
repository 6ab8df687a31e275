"""What the loading of spans is held against: writers that look at every span in Python.

Both read a request with the generated classes and fill the product's own table of spans with the
same rows that the product makes of it. `RowWriter` makes a tuple of each span and hands them to the
driver; that is what the budget speaks of. `ArrowWriter` makes columns of these tuples, and spares
the driver to look at them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from suture.store.clients import Connector
from suture.store.engine import Store

_ATTRIBUTES = pa.map_(pa.string(), pa.string())
_TIME = pa.timestamp("ns", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("Timestamp", _TIME),
        ("TraceId", pa.string()),
        ("SpanId", pa.string()),
        ("ParentSpanId", pa.string()),
        ("TraceState", pa.string()),
        ("SpanName", pa.string()),
        ("SpanKind", pa.string()),
        ("ServiceName", pa.string()),
        ("ResourceAttributes", _ATTRIBUTES),
        ("ScopeName", pa.string()),
        ("ScopeVersion", pa.string()),
        ("SpanAttributes", _ATTRIBUTES),
        ("Duration", pa.uint64()),
        ("StatusCode", pa.string()),
        ("StatusMessage", pa.string()),
        ("Events.Timestamp", pa.list_(_TIME)),
        ("Events.Name", pa.list_(pa.string())),
        ("Events.Attributes", pa.list_(_ATTRIBUTES)),
        ("Links.TraceId", pa.list_(pa.string())),
        ("Links.SpanId", pa.list_(pa.string())),
        ("Links.TraceState", pa.list_(pa.string())),
        ("Links.Attributes", pa.list_(_ATTRIBUTES)),
    ]
)
COLUMNS: Sequence[str] = _SCHEMA.names

_KINDS = {number: name.removeprefix("SPAN_KIND_").title() for name, number in Span.SpanKind.items()}
_STATUSES = {
    number: name.removeprefix("STATUS_CODE_").title() for name, number in Status.StatusCode.items()
}


class RowWriter:
    """Inserts a row for each span with the driver's own `insert`."""

    def __init__(self, store: Store) -> None:
        """Open a client of the driver beside those of `store`."""
        self._client = Connector(
            address=store.address,
            engine_options={},
            timeout_seconds=300,
            connect_timeout_seconds=10,
        ).writer()

    def write(self, bodies: Iterable[bytes]) -> None:
        """Insert the spans of these requests at once."""
        rows = [row for body in bodies for row in _rows(body)]
        self._client.insert("otel_traces", rows, column_names=list(COLUMNS))

    def close(self) -> None:
        """Close the client."""
        self._client.close()


class ArrowWriter:
    """Inserts an Arrow table."""

    def __init__(self, store: Store) -> None:
        """Insert into `store`."""
        self._store = store

    def close(self) -> None:
        """Leave the store to whoever opened it."""

    def write(self, bodies: Iterable[bytes]) -> None:
        """Insert the spans of these requests at once."""
        columns = list(zip(*(row for body in bodies for row in _rows(body)), strict=True))
        for place, field in enumerate(_SCHEMA):
            if field.type == _ATTRIBUTES:
                columns[place] = tuple([*pairs.items()] for pairs in columns[place])
            elif field.type == pa.list_(_ATTRIBUTES):
                columns[place] = tuple([[*m.items()] for m in maps] for maps in columns[place])
        arrays = [pa.array(c, f.type) for c, f in zip(columns, _SCHEMA, strict=True)]
        self._store.insert_arrow("otel_traces", pa.table(arrays, schema=_SCHEMA))


def _rows(body: bytes) -> Iterator[tuple[Any, ...]]:
    for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        service = resource.get("service.name", "")
        for of_scope in of_resource.scope_spans:
            scope = of_scope.scope
            for span in of_scope.spans:
                yield (
                    span.start_time_unix_nano,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.trace_state,
                    span.name,
                    _KINDS[span.kind],
                    service,
                    resource,
                    scope.name,
                    scope.version,
                    _attributes(span.attributes),
                    max(span.end_time_unix_nano - span.start_time_unix_nano, 0),
                    _STATUSES[span.status.code],
                    span.status.message,
                    [event.time_unix_nano for event in span.events],
                    [event.name for event in span.events],
                    [_attributes(event.attributes) for event in span.events],
                    [link.trace_id.hex() for link in span.links],
                    [link.span_id.hex() for link in span.links],
                    [link.trace_state for link in span.links],
                    [_attributes(link.attributes) for link in span.links],
                )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, str]:
    return {pair.key: _text(pair.value) for pair in pairs}


def _text(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    return "" if kind is None else str(getattr(value, kind))
