"""An instance knows its traces, by its events, by what spans carry and by span links; and back."""

from datetime import UTC, datetime, timedelta

import pytest

from correlator.job import Correlator
from suture.contracts.milestone import Milestone
from suture.contracts.objects import ObjectKey, ObjectRef
from suture.contracts.trace import Signal, segment_number
from suture.definitions.catalog import Catalog
from suture.definitions.process import ProcessDefinition
from suture.store.engine import Store
from suture.store.facts import (
    TraceObject,
    finish_segment,
    insert_trace_objects,
    milestone_table,
    new_stream,
)
from suture.store.reading.instances import InstanceReader
from suture.store.reading.traces import MOST_TRACES, TraceReader

pytestmark = pytest.mark.store

T0 = datetime(2026, 3, 1, tzinfo=UTC)
BUYING = ProcessDefinition.model_validate(
    {
        "process": "buying",
        "title": "Buying",
        "domain": "supply",
        "owner": "desk",
        "anchor": "requisition",
        "paths": [{"from": "requisition", "to": "order"}],
        "milestones": [{"name": "created"}, {"name": "ordered"}],
        "starts_with": "created",
        "completes_with": "ordered",
    }
)


def _trace(name: str) -> str:
    return name.encode().hex().ljust(32, "0")


class Feed:
    """Loads events and spans as finished segments, and stitches them."""

    def __init__(self, store: Store) -> None:
        self.store, self.stream, self.sequence = store, new_stream(), 0
        self.correlator = Correlator(store, Catalog(processes={"buying": BUYING}))

    def events(self, *named: tuple[str, str]) -> None:
        """One event about each set of objects, in a trace or none."""
        rows = [
            Milestone(
                source="/s",
                id=f"{self.sequence}-{number}",
                milestone="created",
                occurred_at=T0 + timedelta(minutes=number),
                objects=tuple(
                    ObjectRef(type=t, id=i) for t, i in (o.split(":") for o in objects.split())
                ),
                trace_id=_trace(trace) if trace else "",
            )
            for number, (objects, trace) in enumerate(named)
        ]
        segment = self._next()
        table = milestone_table(rows, segment=segment, recorded_at=T0)
        self.store.insert_arrow("milestones", table)
        self._finish(segment, Signal.MILESTONES, len(rows))

    def spans(self, *spans: tuple[str, str, str]) -> None:
        """A span in each trace that carries objects and is linked to other traces."""
        segment = self._next()
        rows, carried = [], []
        for trace, objects, linked in spans:
            links = [_trace(name) for name in linked.split()]
            rows.append(
                {
                    "Timestamp": T0,
                    "TraceId": _trace(trace),
                    "SpanId": "1" * 16,
                    "Links.TraceId": links,
                    "Links.SpanId": ["2" * 16] * len(links),
                    "Links.TraceState": [""] * len(links),
                    "Links.Attributes": [{}] * len(links),
                    "WalSegment": segment,
                }
            )
            for name in objects.split():
                type_, id_ = name.split(":")
                key = ObjectKey(environment="production", type=type_, scope="", id=id_).encode()
                carried.append(
                    TraceObject(
                        environment="production",
                        object_type=type_,
                        object_id=id_,
                        object=key,
                        trace_id=_trace(trace),
                        span_id="1" * 16,
                        occurred_at=T0,
                    )
                )
        self.store.insert("otel_traces", rows, token=str(segment))
        insert_trace_objects(self.store, carried, segment=segment)
        self._finish(segment, Signal.TRACES, len(rows))

    def traces(self, id_: str) -> set[str]:
        """The traces of a requisition's instance."""
        anchor = ObjectKey(environment="production", type="requisition", scope="", id=id_)
        reader = InstanceReader(self.store, ["buying"])
        found = reader.one(anchor=anchor, versions=[BUYING], now=T0)
        assert found is not None
        return set(found.trace_ids)

    def instances(self, trace: str) -> list[str]:
        """The anchors of the instances of a trace."""
        found = TraceReader(self.store).instances_of(_trace(trace), environment="production")
        return [anchor.id for _, anchor in found]

    def _next(self) -> int:
        self.sequence += 1
        return segment_number(self.stream, self.sequence)

    def _finish(self, segment: int, signal: Signal, rows: int) -> None:
        finish_segment(self.store, segment=segment, signal=signal, rows=rows, finished_at=T0)
        self.correlator.run(T0)


def test_traces_are_found_by_events_by_carried_objects_and_by_links(store: Store) -> None:
    feed = Feed(store)
    feed.events(("requisition:R1 order:P1", "event"), ("requisition:R2 order:P2", ""))
    feed.spans(
        ("carries", "order:P1", ""),
        ("follows", "", "carries"),
        ("further", "", "follows"),
        ("foreign", "order:P2", "carries"),
        ("both", "order:P1 order:P2", "foreign"),
        ("elsewhere", "ward:W1", ""),
    )
    own = {_trace(name) for name in ("event", "carries", "follows", "further", "both")}
    assert feed.traces("R1") == own
    # What carries an order of its own is followed from its side, where it is at home.
    assert _trace("foreign") in feed.traces("R2")
    assert _trace("event") not in feed.traces("R2")
    assert feed.instances("event") == ["R1"]
    assert feed.instances("carries") == ["R1"]
    assert feed.instances("both") == ["R1", "R2"]
    assert feed.instances("elsewhere") == []


def test_no_more_traces_are_shown_than_can_be_looked_at(store: Store) -> None:
    feed = Feed(store)
    feed.events(("requisition:R1", "event"))
    feed.spans(*((f"t{number}", "requisition:R1", "") for number in range(MOST_TRACES + 10)))
    found = feed.traces("R1")
    assert len(found) == MOST_TRACES
    assert _trace("event") in found
