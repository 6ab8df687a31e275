"""A second worker started by mistake: the same instances as one worker makes."""

import random
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_double import ClickHouseDouble

from correlator.job import Correlator
from correlator.rebuild import rebuild
from suture.app.leadership import Leadership, alone_on
from suture.clock import SystemClock
from suture.contracts.milestone import Milestone, Outcome
from suture.contracts.objects import ObjectRef
from suture.contracts.trace import Signal, segment_number
from suture.definitions.catalog import Catalog
from suture.definitions.process import ProcessDefinition
from suture.errors import LeaseLost, Unavailable
from suture.store.correlation import skip_change
from suture.store.engine import Store, StoreAddress
from suture.store.facts import finish_segment, milestone_table, new_stream
from suture.store.leases import Claim, Lease, StoredClaims

pytestmark = pytest.mark.store

T0 = datetime(2026, 3, 1, tzinfo=UTC)
CATALOG = Catalog(
    processes={
        "supply": ProcessDefinition.model_validate(
            {
                "process": "supply",
                "title": "Supply",
                "domain": "supply",
                "owner": "desk",
                "anchor": "requisition",
                "paths": [
                    {"from": "requisition", "to": "order"},
                    {"from": "order", "to": "invoice"},
                ],
                "milestones": [
                    {"name": n} for n in ("created", "ordered", "received", "billed", "paid")
                ],
                "starts_with": "created",
                "completes_with": "received",
                "facets": ["ward"],
            }
        )
    }
)


def agrees_with_one_worker_from_scratch(store: Store) -> bool:
    """Whether a rebuild, which is held against the rules elsewhere, finds the same instances."""
    sql = "SELECT * EXCEPT (change) FROM instances FINAL WHERE removed = 0 ORDER BY anchor"
    made = store.rows(sql)
    rebuild(store, CATALOG, now=T0)
    return bool(made) and made == store.rows(sql)


class Feed:
    """Segments of events about few objects, so that each tick touches what others touched."""

    def __init__(self, store: Store, seed: int) -> None:
        self._store, self._rng = store, random.Random(seed)
        self._stream, self._segments, self._events = new_stream(), 0, 0

    def segment(self, size: int = 5) -> None:
        rows = [self._event() for _ in range(size)]
        self._segments += 1
        segment = segment_number(self._stream, self._segments)
        table = milestone_table(rows, segment=segment, recorded_at=T0)
        self._store.insert_arrow("milestones", table)
        finish_segment(
            self._store, segment=segment, signal=Signal.MILESTONES, rows=size, finished_at=T0
        )

    def _event(self) -> Milestone:
        rng = self._rng
        self._events += 1
        known = [("requisition", f"R{n}") for n in range(4)]
        known += [("order", f"P{n}") for n in range(3)] + [("invoice", f"I{n}") for n in range(2)]
        return Milestone(
            source="/s",
            id=str(rng.randrange(self._events)),
            milestone=rng.choice(["created", "ordered", "received", "billed", "paid"]),
            occurred_at=T0 + timedelta(minutes=rng.randrange(12)),
            objects=tuple(
                ObjectRef(type=t, id=i) for t, i in rng.sample(known, rng.choice([1, 2]))
            ),
            environment="production",
            attributes={"ward": rng.choice("ab")},
            outcome=Outcome.OK,
        )


class Worker:
    """A correlator that writes while it holds the lease; its clock is a number."""

    def __init__(self, store: Store, name: str) -> None:
        self.now = 1000.0
        self.lease = Lease(StoredClaims(store), holder=name, monotonic=lambda: self.now)
        self.correlator = Correlator(store.guarded(self.lease.check), CATALOG)

    def take_over(self, store: Store) -> None:
        assert self.lease.beat()
        skip_change(store, T0)


def test_one_that_lost_its_lease_between_any_two_writes_leaves_no_trace(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other time the write it had begun reaches the store when its successor is done."""
    feed, inserted = Feed(store, 3), Store.insert_arrow
    one, other = Worker(store, "one"), Worker(store, "other")
    one.take_over(store)
    remaining = [-1]

    def insert_arrow(self: Store, table: str, content: Any, **options: Any) -> None:
        remaining[0] -= 1
        if remaining[0] == -1:
            # The clock of `one` ran on meanwhile, and its claim lapsed: it just does not know yet.
            gone = Claim(holder=one.lease.holder, token=0)
            StoredClaims(store).write(gone, beat=10**9, released=True)
            other.take_over(store)
            other.correlator.run(T0)
            if len(lost) % 2:
                inserted(store, table, content, **options)
            one.now += 1000
        inserted(self, table, content, **options)

    monkeypatch.setattr(Store, "insert_arrow", insert_arrow)
    lost: list[int] = []
    for number in (0, 3, 4, 5, 6, 7, 8):
        remaining[0] = -1000
        feed.segment()
        remaining[0] = number
        try:
            one.correlator.run(T0)
        except LeaseLost:
            lost.append(number)
            one, other = other, Worker(store, f"worker {len(lost)}")
    assert len(lost) >= 5
    remaining[0] = -1000
    one.correlator.run(T0)
    assert agrees_with_one_worker_from_scratch(store)


def test_two_workers_on_a_server_give_the_same_as_one(
    store: Store, http_double: ClickHouseDouble
) -> None:
    """Both run all the time; whoever leads is stopped dead, or gives the lease back, or stays."""
    url = StoreAddress.parse(http_double.url).with_database(store.database)
    feed = Feed(store, 7)
    ticks: dict[int, int] = {}

    def work(number: int, leadership: Leadership, stop: threading.Event) -> None:
        correlator = Correlator(leadership.store, CATALOG)
        while not stop.is_set():
            try:
                with leadership.work() as leads:
                    if leads and correlator.tick(T0).segments:
                        ticks[number] = ticks.get(number, 0) + 1
            except Unavailable:
                pass
            time.sleep(0.01)

    with Store(url) as server, ExitStack() as stack:
        workers = []
        for number in range(2):
            leadership = stack.enter_context(Leadership(server, SystemClock(), seconds=5))
            stop = threading.Event()
            thread = threading.Thread(target=work, args=(number, leadership, stop), daemon=True)
            stack.callback(thread.join)
            stack.callback(stop.set)
            thread.start()
            workers.append((leadership, stop, thread))
        feed.segment()
        until(lambda: bool(ticks))
        first = next(iter(ticks))
        feed.segment()
        feed.segment()
        workers[first][1].set()
        workers[first][2].join()
        workers[first][0].close()
        feed.segment()
        until(lambda: 1 - first in ticks)
        with alone_on(server, SystemClock(), wait_seconds=30) as owned:
            ticks.clear()
            feed.segment()
            Correlator(owned, CATALOG).run(T0)
        feed.segment()
        until(lambda: 1 - first in ticks)
    Correlator(store, CATALOG).run(T0)
    assert agrees_with_one_worker_from_scratch(store)


def until(condition: Any) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not happen within 60 s"
        time.sleep(0.02)
