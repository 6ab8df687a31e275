"""Facts as the loader leaves them behind, and calls between services, for tests of coverage."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from suture.contracts.milestone import Milestone, Outcome
from suture.contracts.objects import ObjectRef
from suture.contracts.trace import Signal, segment_number
from suture.store.engine import Store
from suture.store.facts import finish_segment, milestone_table

# The present, because counts and spans expire by themselves.
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
STREAMS = {Signal.MILESTONES: 7, Signal.TRACES: 8, Signal.LOGS: 9, Signal.METRICS: 10}


class Feed:
    """Writes facts as the loader does, segment by segment."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.sequences = dict.fromkeys(Signal, 0)
        self.names = 0

    @contextmanager
    def segment(self, signal: Signal) -> Iterator[int]:
        self.sequences[signal] += 1
        number = segment_number(STREAMS[signal], self.sequences[signal])
        yield number
        finish_segment(self.store, segment=number, signal=signal, rows=1, finished_at=NOW)

    def events(self, *times: tuple[datetime, timedelta], **given: Any) -> None:
        """Milestones that came at a time, and how long before that they had happened."""
        fields = {"source": "/erp", "system": "erp", "milestone": "billed", "outcome": Outcome.OK}
        made = []
        for seen, late in times:
            self.names += 1
            values = {**fields, "id": f"e{self.names}", **given}
            objects = (ObjectRef(type="invoice", id="I-1"),)
            made.append(Milestone(occurred_at=seen - late, objects=objects, **values))
        with self.segment(Signal.MILESTONES) as number:
            rows = milestone_table(made, segment=number, recorded_at=[seen for seen, _ in times])
            self.store.insert_arrow("milestones", rows)

    def spans(self, *spans: dict[str, Any], seen: datetime = NOW) -> None:
        with self.segment(Signal.TRACES) as number:
            self.store.insert(
                "otel_traces", [{**one, "WalSegment": number, "ReceivedAt": seen} for one in spans]
            )

    def direct(self, *spans: dict[str, Any], seen: datetime) -> None:
        """Spans that another Collector writes into the table."""
        self.store.insert("otel_traces", [{**one, "ReceivedAt": seen} for one in spans])


def span(service: str, start: datetime, length: timedelta = SECOND, **given: Any) -> dict[str, Any]:
    return {
        "Timestamp": start,
        "TraceId": f"{random.getrandbits(128):032x}",
        "SpanId": f"{random.getrandbits(64):016x}",
        "ParentSpanId": "",
        "SpanName": "sign of life",
        "SpanKind": "Internal",
        "ServiceName": service,
        "ResourceAttributes": {"service.name": service},
        "Duration": int(length / timedelta(microseconds=1)) * 1000,
    } | given


def call(client: str, server: str, start: datetime, ahead: timedelta) -> list[dict[str, Any]]:
    """Both sides of a call; the server's clock is `ahead` of the client's."""
    there, work, back = (timedelta(milliseconds=random.randint(1, 40)) for _ in range(3))
    asking = span(client, start, there + work + back, SpanKind="Client")
    answering = span(
        server,
        start + there + ahead,
        work,
        SpanKind="Server",
        TraceId=asking["TraceId"],
        ParentSpanId=asking["SpanId"],
    )
    return [asking, answering]
