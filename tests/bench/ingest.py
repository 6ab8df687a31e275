"""OTLP bytes received to queryable spans.

Held against INSERT SELECT of the same rows in the engine, and against decoding in Python: the
generated classes, columns of Python values, one Arrow table a segment.
"""

import logging
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.loader import Loader
from collector.otlp import check_request
from collector.otlp_signals import TRACES
from collector.spool import Entry, Spool
from suture.app.logs import configure_logs
from suture.clock import SystemClock
from suture.contracts.trace import Signal
from suture.definitions.catalog import Catalog
from suture.store.engine import Store
from suture.store.migrate import migrate
from tests.bench.report import report

TEXTS = pa.map_(pa.string(), pa.string())
DECODED = pa.schema(
    [
        ("Timestamp", pa.timestamp("ns", tz="UTC")),
        ("TraceId", pa.string()),
        ("SpanId", pa.string()),
        ("ParentSpanId", pa.string()),
        ("SpanName", pa.string()),
        ("SpanKind", pa.string()),
        ("ServiceName", pa.string()),
        ("ResourceAttributes", TEXTS),
        ("SpanAttributes", TEXTS),
        ("Duration", pa.uint64()),
    ]
)
SPANS_PER_REQUEST, SEGMENT, SEGMENTS = 2_000, 100_000, 6


def make_request(chance: random.Random) -> bytes:
    """A trace request of spans with eight attributes each."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "bench"
    spans = resource.scope_spans.add().spans
    now = time.time_ns()
    for _ in range(SPANS_PER_REQUEST):
        begin = now - chance.randrange(10**12)
        span = spans.add(
            trace_id=chance.randbytes(16),
            span_id=chance.randbytes(8),
            name=f"operation {chance.randrange(50)}",
            kind=chance.randrange(1, 6),
            start_time_unix_nano=begin,
            end_time_unix_nano=begin + chance.randrange(10**9),
        )
        for n in range(6):
            span.attributes.add(key=f"app.key{n}").value.string_value = f"v{chance.randrange(1000)}"
        span.attributes.add(key="http.response.status_code").value.int_value = 200
        span.attributes.add(key="app.ratio").value.double_value = chance.random()
    return request.SerializeToString()


def receive(path: Path, bodies: list[bytes]) -> None:
    """Check requests and keep them, as the doors do."""
    spool = Spool(path)
    clock = SystemClock()
    for body in bodies:
        checked = check_request(TRACES, body, now=clock.now())
        spool.append(
            [
                Entry(
                    signal=Signal.TRACES,
                    received_at=clock.now(),
                    items=SPANS_PER_REQUEST,
                    payload=checked.payload,
                )
            ]
        )
    spool.close()


def decode_in_python(store: Store, bodies: list[bytes]) -> None:
    """Load requests as a writer does that looks at every attribute."""
    columns: dict[str, list[Any]] = {name: [] for name in DECODED.names}
    for body in bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            of_resource = [(a.key, _text(a.value)) for a in resource.resource.attributes]
            for scope in resource.scope_spans:
                for span in scope.spans:
                    values = (
                        span.start_time_unix_nano,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        span.name,
                        Span.SpanKind.Name(span.kind),
                        dict(of_resource).get("service.name", ""),
                        of_resource,
                        [(a.key, _text(a.value)) for a in span.attributes],
                        span.end_time_unix_nano - span.start_time_unix_nano,
                    )
                    for column, value in zip(columns.values(), values, strict=True):
                        column.append(value)
    store.insert_arrow("decoded", pa.table(columns, schema=DECODED))


def _text(value: AnyValue) -> str:
    return str(getattr(value, value.WhichOneof("value") or "string_value"))


def main() -> None:
    """Receive and load side by side, then copy the same rows inside the engine."""
    chance = random.Random(3)
    bodies = [make_request(chance) for _ in range(SEGMENT * SEGMENTS // SPANS_PER_REQUEST)]
    spans = SEGMENT * SEGMENTS
    with tempfile.TemporaryDirectory() as folder, Store(f"chdb://{folder}/store") as store:
        migrate(store)
        path = Path(folder) / "spool.db"
        Spool(path).close()
        loader = Loader(
            store,
            path,
            Catalog(),
            SystemClock(),
            lambda environment, type_, attributes, id_: id_,
            max_spans=SEGMENT,
        )
        began = time.perf_counter()
        receiving = threading.Thread(target=receive, args=(path, bodies))
        receiving.start()
        loader.start()
        receiving.join()
        loader.stop(drain=True, timeout_seconds=300)
        ours = time.perf_counter() - began
        found = store.rows("SELECT count() AS found FROM otel_traces")[0]["found"]
        if found != spans:
            sys.exit(f"{found} spans of {spans} arrived")
        store.execute("CREATE TABLE copied AS otel_traces")
        began = time.perf_counter()
        store.execute("INSERT INTO copied SELECT * FROM otel_traces")
        theirs = time.perf_counter() - began
        store.execute("CREATE TABLE decoded AS otel_traces")
        began = time.perf_counter()
        decode_in_python(store, bodies[: SEGMENT // SPANS_PER_REQUEST])
        decoding = (time.perf_counter() - began) * SEGMENTS
    report(
        "otlp_ingest_over_python",
        spans / ours,
        "spans/s",
        reference=spans / decoding,
        ratio=decoding / ours,
        at_least=3,
    )
    report(
        "otlp_ingest",
        spans / ours,
        "spans/s",
        reference=spans / theirs,
        ratio=ours / theirs,
        at_most=5,
    )


if __name__ == "__main__":
    configure_logs("console", level=logging.WARNING)
    main()
