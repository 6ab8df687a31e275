"""OTLP bytes received to queryable spans. A request is received when its body is there: what the
servers before it cost is in the bench of milestones, which come in over HTTP.

Held against INSERT SELECT of the same rows in the engine, and against writers that decode in Python
(`decoding`). They take turns, round by round, so that a machine that is slow for a while is slow
for all; processor time is told beside the time that passed, since machines are shared. All have to
end with the same rows.
"""

import logging
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.loader import Loader
from collector.otlp import check_request
from collector.otlp_signals import TRACES
from collector.redaction import Redactor
from collector.spool import Entry, Spool
from suture.app.logs import configure_logs
from suture.clock import SystemClock
from suture.contracts.trace import Signal
from suture.definitions.catalog import Catalog
from suture.store.engine import Store
from suture.store.migrate import migrate
from tests.bench.decoding import COLUMNS, ArrowWriter, RowWriter
from tests.bench.report import report

SPANS_PER_REQUEST, SEGMENT = 2_000, 100_000
ROUNDS, SEGMENTS = 3, 6
"""Several segments a round, since it is about what can be sustained: while the first one comes in
there is nothing to load yet."""
DECODED = 50_000
"""How many spans of a round the writers in Python get; their time is linear in it."""
SPANS_PER_TRACE = 5


@dataclass(kw_only=True)
class Spent:
    """Time that passed and processor time of all threads, in seconds, for so many spans."""

    spans: int = 0
    elapsed: float = 0.0
    processor: float = 0.0

    def run(self, spans: int, work: Callable[[], None]) -> None:
        """Do something and add what it took."""
        elapsed, processor = time.perf_counter(), _processor_seconds()
        work()
        self.elapsed += time.perf_counter() - elapsed
        self.processor += _processor_seconds() - processor
        self.spans += spans

    @property
    def rate(self) -> float:
        """Spans a second."""
        return self.spans / self.elapsed

    def times(self, other: "Spent") -> float:
        """How many times as long as `other` a span takes here."""
        return other.rate / self.rate

    def processor_times(self, other: "Spent") -> float:
        """The same in processor time."""
        return (self.processor / self.spans) / (other.processor / other.spans)


def make_request(chance: random.Random) -> bytes:
    """A trace request of spans with eight attributes each; every tenth has an event and a link."""
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    of_resource.resource.attributes.add(key="service.name").value.string_value = "bench"
    of_scope = of_resource.scope_spans.add()
    of_scope.scope.name, of_scope.scope.version = "bench", "1"
    now, trace = time.time_ns(), b""
    for number in range(SPANS_PER_REQUEST):
        begin = now - chance.randrange(10**12)
        trace = trace if number % SPANS_PER_TRACE else chance.randbytes(16)
        span = of_scope.spans.add(
            trace_id=trace,
            span_id=chance.randbytes(8),
            name=f"operation {chance.randrange(50)}",
            kind=chance.choice(Span.SpanKind.values()),
            start_time_unix_nano=begin,
            end_time_unix_nano=begin + chance.randrange(10**9),
        )
        for n in range(6):
            span.attributes.add(key=f"app.key{n}").value.string_value = f"v{chance.randrange(1000)}"
        span.attributes.add(key="http.response.status_code").value.int_value = 200
        # Every writer spells such fractions alike, so that rows can be compared.
        span.attributes.add(key="app.ratio").value.double_value = chance.randrange(1, 10**4) / 10**4
        if number % 10 == 0:
            event = span.events.add(time_unix_nano=begin, name="exception")
            event.attributes.add(key="exception.type").value.string_value = "Timeout"
            link = span.links.add(trace_id=chance.randbytes(16), span_id=chance.randbytes(8))
            link.attributes.add(key="retry").value.bool_value = True
    return request.SerializeToString()


def receive(path: Path, bodies: Sequence[bytes]) -> None:
    """Check requests and keep them, as the doors do."""
    spool = Spool(path)
    clock = SystemClock()
    for body in bodies:
        checked = check_request(TRACES, body, now=clock.now())
        entry = Entry(
            signal=Signal.TRACES,
            received_at=clock.now(),
            items=checked.items,
            payload=checked.payload,
        )
        spool.append([entry])
    spool.close()


class Receiver:
    """A process that receives requests when it is told to, as the platform has one.

    `processor` is what it took, in seconds, once it is done.
    """

    def __init__(self, path: Path, bodies: Sequence[bytes]) -> None:
        """Return when it is ready."""
        self.path, self.processor = path, 0.0
        context = multiprocessing.get_context("spawn")
        self._talk, theirs = context.Pipe()
        self._process = context.Process(target=_receive_when_told, args=(theirs, path))
        self._process.start()
        self._talk.send(bodies)
        self._talk.recv()

    def begin(self) -> None:
        """Let it receive."""
        self._talk.send(None)

    def wait(self) -> None:
        """Return when all is durable."""
        self.processor = float(self._talk.recv())
        self._process.join()
        self._talk.close()


def _receive_when_told(talk: Connection, path: Path) -> None:
    bodies = talk.recv()
    talk.send(None)
    talk.recv()
    before = time.process_time()
    receive(path, bodies)
    talk.send(time.process_time() - before)


def receive_and_load(store: Store, receiver: Receiver, redactor: Redactor | None = None) -> None:
    """Receive and load side by side; done when all is queryable."""
    path = receiver.path
    Spool(path).close()
    loader = Loader(
        store,
        path,
        Catalog(),
        SystemClock(),
        lambda environment, type_, attributes, id_: id_,
        redactor=redactor,
        max_spans=SEGMENT,
    )
    receiver.begin()
    loader.start()
    receiver.wait()
    loader.stop(drain=True, timeout_seconds=300)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run_round(store: Store, folder: Path, spent: dict[str, Spent], bodies: Sequence[bytes]) -> None:
    """One turn of everybody."""
    part = bodies[: DECODED // SPANS_PER_REQUEST]
    made = {}
    for name, writer in (("rows", RowWriter(store)), ("Arrow", ArrowWriter(store))):
        spent[name].run(DECODED, partial(writer.write, part))
        made[name] = take_out(store)
        writer.close()
    receive_and_load(store, Receiver(folder / "part.db", part))
    require_equal(made | {"ours": take_out(store)}, DECODED)

    count = SEGMENT * SEGMENTS
    receiver = Receiver(folder / "spool.db", bodies)
    spent["ours"].run(count, lambda: receive_and_load(store, receiver))
    spent["ours"].processor += receiver.processor
    store.execute("CREATE TABLE copied AS otel_traces")
    copy = "INSERT INTO copied SELECT * FROM otel_traces"
    spent["INSERT SELECT"].run(count, lambda: store.execute(copy))
    require_equal({"copied": content_of(store, "copied"), "ours": take_out(store)}, count)
    store.execute("DROP TABLE copied")


def content_of(store: Store, table: str) -> dict[str, int]:
    """The number of rows of a table, and a sum over what is in all columns but our own two."""
    columns = ", ".join(f"`{name}`" for name in COLUMNS)
    return store.rows(f"SELECT count() AS n, sum(cityHash64({columns})) AS content FROM {table}")[0]


def take_out(store: Store) -> dict[str, int]:
    """The content of the table of spans, which is empty afterwards, as what derives from it is."""
    found = content_of(store, "otel_traces")
    for table in ("otel_traces", "otel_traces_trace_id_ts"):
        store.execute(f"TRUNCATE TABLE {table}")
    return found


def require_equal(found: Mapping[str, Mapping[str, int]], spans: int) -> None:
    """End the run where somebody did not make the same rows, or not all of them."""
    contents = {content["content"] for content in found.values()}
    if len(contents) > 1 or any(content["n"] != spans for content in found.values()):
        sys.exit(f"not the same {spans} rows: {found}")


def main() -> None:
    """Run the rounds and report."""
    spent = {name: Spent() for name in ("ours", "rows", "Arrow", "INSERT SELECT")}
    chance = random.Random(3)
    bodies = [make_request(chance) for _ in range(SEGMENT * SEGMENTS // SPANS_PER_REQUEST)]
    with tempfile.TemporaryDirectory() as folder, Store(f"chdb://{folder}/store") as store:
        migrate(store)
        for number in range(ROUNDS):
            place = Path(folder) / str(number)
            place.mkdir()
            run_round(store, place, spent, bodies)
    ours, rows, arrow = spent["ours"], spent["rows"], spent["Arrow"]
    for metric, other, budget in (
        ("otlp_ingest_over_python", rows, 3),
        ("otlp_ingest_over_python_arrow", arrow, None),
    ):
        report(
            metric,
            ours.rate,
            "spans/s",
            reference=other.rate,
            ratio=other.times(ours),
            at_least=budget,
            processor_ratio=round(other.processor_times(ours), 3),
        )
    copied = spent["INSERT SELECT"]
    report(
        "otlp_ingest",
        ours.rate,
        "spans/s",
        reference=copied.rate,
        ratio=ours.times(copied),
        at_most=5,
        processor_ratio=round(ours.processor_times(copied), 3),
    )


if __name__ == "__main__":
    configure_logs("console", level=logging.WARNING)
    main()
