"""OTLP bytes received to queryable spans, against INSERT SELECT of the same rows in the engine."""

import logging
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

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

SPANS_PER_REQUEST, SEGMENT, SEGMENTS = 2_000, 100_000, 3


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
