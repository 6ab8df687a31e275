"""What redaction costs: spans received to queryable with the shipped rules, against without any.

Some spans in every thousand have something to hide. Both are measured in turns, and the best turn
of each counts, so that what else the machine does matters less.
"""

import logging
import random
import sys
import tempfile
import time
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.redaction import Redactor
from suture.app.config_dir import config_dir
from suture.app.logs import configure_logs
from suture.definitions.catalog import load_catalog
from suture.store.engine import Store
from suture.store.migrate import migrate
from tests.bench.ingest import (
    SEGMENT,
    SPANS_PER_REQUEST,
    Receiver,
    make_request,
    receive_and_load,
)
from tests.bench.report import report

TURNS, SEGMENTS = 3, 2
HIDDEN_PER_REQUEST = SPANS_PER_REQUEST // 100
SECRETS = {
    "patient.name": "Erika Mustermann",
    "business.object.patient": "P-10044",
    "note": "call 216-555-0123 about MRN 1234567",
}


def _with_secrets(body: bytes, chance: random.Random) -> bytes:
    request = ExportTraceServiceRequest.FromString(body)
    for span in chance.sample(request.resource_spans[0].scope_spans[0].spans, HIDDEN_PER_REQUEST):
        for key, value in SECRETS.items():
            span.attributes.add(key=key).value.string_value = value
    return request.SerializeToString()


def _turn(
    store: Store, folder: Path, bodies: list[bytes], redactor: Redactor
) -> tuple[float, float]:
    """Wall-clock and processor seconds from the first request to the last row."""
    receiver = Receiver(folder / f"spool-{time.monotonic_ns()}.db", bodies)
    began, worked = time.perf_counter(), time.process_time()
    receive_and_load(store, receiver, redactor)
    took = time.process_time() - worked + receiver.processor
    return time.perf_counter() - began, took


def main() -> None:
    """Take turns with and without rules."""
    chance = random.Random(3)
    count = SEGMENT * SEGMENTS // SPANS_PER_REQUEST
    bodies = [_with_secrets(make_request(chance), chance) for _ in range(count)]
    redactors = [Redactor.none(), Redactor.of(load_catalog(config_dir(None)), b"bench")]
    walls: list[list[float]] = [[], []]
    works: list[list[float]] = [[], []]
    with tempfile.TemporaryDirectory() as folder, Store(f"chdb://{folder}/store") as store:
        migrate(store)
        for _ in range(TURNS):
            for place, redactor in enumerate(redactors):
                wall, work = _turn(store, Path(folder), bodies, redactor)
                walls[place].append(wall)
                works[place].append(work)
        sql = "SELECT countIf(SpanAttributes['note'] LIKE '%555%') AS found FROM otel_traces"
        expected = TURNS * count * HIDDEN_PER_REQUEST
        if store.rows(sql)[0]["found"] != expected:
            sys.exit("what was to be redacted is there, or the rest is not")
    plain, redacted = (count * SPANS_PER_REQUEST / min(turns) for turns in walls)
    report(
        "redaction",
        redacted,
        "spans/s",
        reference=plain,
        ratio=redacted / plain,
        at_least=0.8,
        processor_ratio=round(min(works[0]) / min(works[1]), 3),
    )


if __name__ == "__main__":
    configure_logs("console", level=logging.WARNING)
    main()
