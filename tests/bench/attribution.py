"""Attribution of a thousand instances with fifty spans each: read, compute, write.

`truth` instead scores the demonstration: how often the largest part is the injected one, with the
confusion matrix of classes, and that nothing is guessed where spans are withheld.
"""

import logging
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from correlator.attribution.job import AttributionJob
from suture.app.logs import configure_logs
from suture.clock import to_micros
from suture.contracts.attribution import parts_between
from suture.contracts.trace import Signal, segment_number
from suture.definitions.catalog import load_catalog
from suture.garbage import collect_seldom
from suture.store.engine import Store
from suture.store.facts import finish_segment
from suture.store.migrate import migrate
from suture.store.reading.attribution import AttributionReader
from tests.attribution_demo import HEALTHCARE, confusion, score
from tests.bench.report import report
from tests.table_writer import Writer, key

INSTANCES, TRACES, SPANS = 1_000, 5, 10
BUDGET_SECONDS = 5.0
PROCESS = "requisition_to_fulfilment"
STEPS = ("requisition_created", "requisition_approved", "purchase_order_created",
         "purchase_order_sent", "order_confirmed", "goods_received")  # fmt: skip
SERVICES = ("supply-portal", "mw-intake", "erp-api", "mw-dispatch", "erp-worker")
START = datetime(2026, 11, 1, tzinfo=UTC)
SEGMENT = segment_number(1, 1)


def main() -> None:
    """Attribute everything once; the time of the cores stands beside what elapsed."""
    with tempfile.TemporaryDirectory() as folder, Store(f"chdb://{folder}/store") as store:
        migrate(store)
        _fill(store)
        collect_seldom()  # as a process that serves does
        job = AttributionJob(store, load_catalog(HEALTHCARE))
        began, begun = time.perf_counter(), time.process_time()
        count = job.run(datetime.now(UTC))
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - begun
        if count != INSTANCES:
            raise SystemExit(f"{count} instances were attributed, not {INSTANCES}")
        found = AttributionReader(store).one(
            environment="production", process=PROCESS, anchor=key("requisition", "R-7")
        )
        parts = parts_between(found, to_micros(_begun(7)), to_micros(_begun(7)) + 5 * 3_600_000_000)
        if sum(part.micros for part in parts) != 5 * 3_600_000_000 or len(parts) < 3:
            raise SystemExit(f"R-7 does not add up: {parts}")
    report(
        "attribution_of_1000_instances_with_50_spans",
        seconds,
        "s",
        at_most=BUDGET_SECONDS,
        spans=INSTANCES * TRACES * SPANS,
        cpu_seconds=round(cpu_seconds, 3),
        cores=len(os.sched_getaffinity(0)),
    )


def _begun(number: int) -> datetime:
    return START + timedelta(minutes=number)


def _fill(store: Store) -> None:
    write, changes = Writer(store), []
    held: dict[str, list[dict[str, Any]]] = {}

    class Holding:
        """Takes rows instead of the store, to insert them at once."""

        def insert(self, table: str, rows: list[dict[str, Any]]) -> None:
            held.setdefault(table, []).extend(rows)

    write.store = Holding()  # type: ignore[assignment]
    dice = random.Random(5)
    for number in range(INSTANCES):
        anchor, begun = key("requisition", f"R-{number}"), _begun(number)
        traces = [f"{number:028x}{index:04x}" for index in range(TRACES)]
        ended = begun + timedelta(hours=5)
        more = {"status": "completed", "ended_at": ended, "trace_ids": traces}
        write.instance(PROCESS, anchor, begun, **more, facets={"facility": f"f{number % 7}"})
        for index, name in enumerate(STEPS):
            trace = traces[min(index, TRACES - 1)]
            write.member(PROCESS, anchor, name, begun + timedelta(hours=index), trace_id=trace)
        for index, trace in enumerate(traces):
            for span in _trace(dice, trace, begun + timedelta(hours=index)):
                write.span(**span)
        row = {"change": 1, "environment": "production", "process": PROCESS, "anchor": anchor}
        changes.append(row)
    for table, rows in held.items():
        store.insert(table, rows)
    store.insert("instance_changes", changes)
    cursor = {"stage": "correlator-change", "stream": 0, "position": 1, "updated_at": START}
    store.insert("cursors", [cursor])
    spans = INSTANCES * TRACES * SPANS
    finish_segment(store, segment=SEGMENT, signal=Signal.TRACES, rows=spans, finished_at=START)


def _trace(dice: random.Random, trace: str, at: datetime) -> Iterator[dict[str, Any]]:
    ids = [f"{dice.getrandbits(64):016x}" for _ in range(SPANS)]
    for index, id_ in enumerate(ids):
        parent = ids[(index - 1) // 2] if index else ""
        client = index % 2 == 1
        attributes = {"http.request.method": "POST", "server.address": "erp-api.example"}
        attributes |= {"http.response.status_code": "503" if dice.random() < 0.1 else "200"}
        yield {
            "trace": trace,
            "span": id_,
            "name": f"step {index}",
            "at": at + timedelta(seconds=20 * index),
            "ParentSpanId": parent,
            "Duration": (50 - index * 3) * 60_000_000_000,
            "SpanKind": "Client" if client else "Server",
            "ServiceName": SERVICES[index % len(SERVICES)],
            "SpanAttributes": attributes | {f"other.{n}": "x" * 20 for n in range(4)},
            "WalSegment": SEGMENT,
        }


def truth() -> None:
    """Score the demonstration."""
    scored = list(score(weeks=4))
    right = sum(one.right for one in scored)
    matrix: dict[str, dict[str, int]] = {}
    for (injected, found), count in sorted(confusion(scored).items()):
        matrix.setdefault(injected, {})[found] = count
    share = right / len(scored)
    report("injected_cause_and_step_named", share, "share", at_least=0.9,
           instances=len(scored), confusion=matrix)  # fmt: skip
    withheld = list(score(weeks=4, withhold=True))
    # Who waits for a person or a partner is told by milestones: no span is needed.
    technical = [one for one in withheld if one.cause not in ("business_rule", "external")]
    found = Counter(one.found for one in technical)
    share = found["unobserved"] / len(technical)
    report("unobserved_where_spans_are_withheld", share, "share", at_least=1.0,
           instances=len(technical), found=dict(found))  # fmt: skip


if __name__ == "__main__":
    configure_logs("console", level=logging.WARNING)
    truth() if sys.argv[1:] == ["truth"] else main()
