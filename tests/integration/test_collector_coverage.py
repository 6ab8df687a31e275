"""The coverage stage: what it counts, that it counts once, and what it says of clocks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from coverage_feed import HOUR, MINUTE, NOW, SECOND, STREAMS, Feed, call, span

from collector.coverage import Coverage
from suture.contracts.trace import Signal, segment_number
from suture.store.engine import Store
from suture.store.facts import finish_segment
from suture.store.sources import last_heard

pytestmark = pytest.mark.store

TABLES = (
    "sources",
    "source_minutes",
    "source_arrivals",
    "clock_pairs",
    "clock_edges",
    "clock_offsets",
)


def rows(store: Store, table: str) -> list[dict[str, Any]]:
    """What a table says, without the numbers of the ticks that wrote it."""
    sketch = "arrayMap(x -> round(x, 3), finalizeAggregation(lateness)) AS lateness"
    left_out = {
        "source_arrivals": f"* EXCEPT (lateness, tick), {sketch}",
        "clock_pairs": "* EXCEPT (tick, paired_at)",
        "clock_offsets": "* EXCEPT (tick)",
    }.get(table, "*")
    found = store.rows("SELECT " + left_out + f" FROM {table} FINAL")
    return sorted(found, key=repr)


@pytest.fixture
def feed(store: Store) -> Feed:
    return Feed(store)


def test_sources_of_every_kind_on_each_backend(any_store: Store) -> None:
    feed = Feed(any_store)
    feed.events((NOW, HOUR), (NOW - 10 * MINUTE, 2 * HOUR))
    feed.events((NOW, -MINUTE), source="/ahead", environment="test", system="")
    feed.spans(span("api", NOW - 5 * SECOND), span("api", NOW - HOUR, 2 * MINUTE))
    named = {"deployment.environment.name": "test", "deployment.environment": "old"}
    feed.spans(span("worker", NOW - 5 * SECOND, ResourceAttributes=named))
    with feed.segment(Signal.LOGS) as number:
        log = {"ServiceName": "api", "WalSegment": number, "ReceivedAt": NOW}
        any_store.insert("otel_logs", [{**log, "Timestamp": NOW - MINUTE}])
        any_store.insert("otel_logs", [{**log, "Timestamp": datetime(1970, 1, 1, tzinfo=UTC)}])
    with feed.segment(Signal.METRICS) as number:
        for type_ in ("gauge", "sum", "histogram", "exponential_histogram", "summary"):
            point = {"ServiceName": "api", "MetricName": "m", "TimeUnix": NOW - MINUTE}
            came = {"WalSegment": number, "ReceivedAt": NOW}
            any_store.insert(f"otel_metrics_{type_}", [point | came])
    tick = Coverage(any_store).tick(NOW)
    assert tick.segments == 6
    found = {
        (r["environment"], r["kind"], r["source"], r["system"]): (
            r["first_heard_at"],
            r["last_heard_at"],
            r["last_seen_at"],
        )
        for r in rows(any_store, "sources")
    }
    assert found == {
        ("production", "events", "/erp", "erp"): (NOW - 130 * MINUTE, NOW - HOUR, NOW),
        ("test", "events", "/ahead", ""): (NOW, NOW, NOW),
        ("production", "spans", "api", ""): (NOW - 58 * MINUTE, NOW - 4 * SECOND, NOW),
        ("test", "spans", "worker", ""): (NOW - 4 * SECOND, NOW - 4 * SECOND, NOW),
        ("production", "logs", "api", ""): (NOW - MINUTE, NOW, NOW),
        ("production", "metrics", "api", ""): (NOW - MINUTE, NOW - MINUTE, NOW),
    }
    arrived = {
        (r["kind"], r["source"], r["minute"]): (r["arrived"], r["lateness_max"])
        for r in rows(any_store, "source_arrivals")
    }
    assert arrived["events", "/erp", NOW] == (1, 3600)
    assert arrived["events", "/ahead", NOW] == (1, -60)
    assert arrived["spans", "api", NOW] == (2, 58 * 60)
    assert arrived["metrics", "api", NOW] == (5, 60)


class Killed(BaseException):
    """The process is gone."""


def die_after(writes: int, store: Store, patch: pytest.MonkeyPatch) -> None:
    """Let the store take so many more writes, and then none."""
    left = iter(range(writes))

    def guarded(write: Any) -> Any:
        def run(*args: Any, **given: Any) -> None:
            if next(left, None) is None:
                raise Killed
            write(*args, **given)

        return run

    patch.setattr(store, "execute", guarded(store.execute))
    patch.setattr(store, "insert", guarded(store.insert))


def test_counting_again_changes_nothing(feed: Feed) -> None:
    """A tick is killed after so many of its eleven writes, and repeated with more behind it."""
    store = feed.store
    for number in range(6):
        feed.events(*[(NOW - number * MINUTE, SECOND * n) for n in range(5)])
        calls = [call("portal", "erp-api", NOW - n * SECOND, 3 * SECOND) for n in range(3)]
        feed.spans(*[side for one in calls for side in one])
    Coverage(store).run(NOW)
    expected = {table: rows(store, table) for table in TABLES}
    assert arrived_by_minute(expected["source_arrivals"])[NOW] == 5 + 36
    for killed_before in (1, 2, 4, 6, 8, 10):
        for table in (*TABLES, "cursors", "source_batches", "clock_spans"):
            store.execute(f"TRUNCATE TABLE {table}")
        with pytest.MonkeyPatch.context() as patch:
            die_after(killed_before, store, patch)
            with pytest.raises(Killed):
                Coverage(store, segments=9).tick(NOW)
        Coverage(store).run(NOW)
        found = {table: rows(store, table) for table in TABLES}
        arrivals = found.pop("source_arrivals")
        assert arrived_by_minute(arrivals) == arrived_by_minute(expected["source_arrivals"])
        assert found == {table: expected[table] for table in found}, killed_before


def arrived_by_minute(arrivals: list[dict[str, Any]]) -> dict[datetime, int]:
    totals: dict[datetime, int] = {}
    for row in arrivals:
        totals[row["minute"]] = totals.get(row["minute"], 0) + row["arrived"]
    return totals


def test_a_segment_behind_a_gap_waits(feed: Feed) -> None:
    feed.events((NOW, SECOND))
    feed.sequences[Signal.MILESTONES] += 1  # not loaded yet
    feed.events((NOW, SECOND))
    coverage = Coverage(feed.store)
    assert coverage.run(NOW) == 1
    number = segment_number(STREAMS[Signal.MILESTONES], 2)
    finish_segment(feed.store, segment=number, signal=Signal.MILESTONES, rows=0, finished_at=NOW)
    assert coverage.run(NOW) == 2
    assert sum(r["arrived"] for r in rows(feed.store, "source_arrivals")) == 2


def test_what_another_collector_writes_is_counted_once(any_store: Store) -> None:
    feed, coverage = Feed(any_store), Coverage(any_store, direct=True, direct_delay=SECOND)
    for number in range(3):
        seen = NOW + number * MINUTE
        feed.direct(span("foreign", seen - SECOND), span("foreign", seen - SECOND), seen=seen)
        coverage.tick(seen + 30 * SECOND)
        coverage.tick(seen + 31 * SECOND)
    assert sum(r["arrived"] for r in rows(any_store, "source_arrivals")) == 6


def test_clock_offsets_of_both_sides_whenever_they_come(any_store: Store) -> None:
    feed, coverage = Feed(any_store), Coverage(any_store)
    ahead = timedelta(seconds=-42, milliseconds=500)
    waiting = []
    for number in range(3):
        spans = []
        for second in range(5):
            at = NOW - MINUTE + SECOND * (5 * number + second)
            asking, answering = call("portal", "mw", at, ahead)
            spans += [asking, *call("mw", "erp", at + ahead, -ahead)]
            waiting.append(answering)
        feed.spans(*spans)
        coverage.run(NOW)
    feed.spans(*waiting)
    feed.spans(*call("portal", "erp", NOW, timedelta(0)), *call("portal", "portal", NOW, HOUR))
    coverage.run(NOW)
    found = [r for r in rows(any_store, "clock_offsets") if r["service"] == "mw"]
    hours = {r["hour"]: r for r in found}
    latest = hours[max(hours)]
    assert latest["reference"] in ("portal", "erp")
    off = ahead / timedelta(microseconds=1) - latest["offset_micros"]
    assert abs(off) <= latest["uncertainty_micros"] <= 200_000
    assert sum(r["pairs"] for r in rows(any_store, "clock_edges") if r["server"] == "mw") == 15


def test_when_systems_were_last_heard_from_at_any_time(any_store: Store) -> None:
    feed = Feed(any_store)
    feed.events((NOW, 3 * 24 * HOUR), (NOW, 2 * HOUR), (NOW, 30 * SECOND))
    feed.spans(span("api", NOW - HOUR, SECOND), span("other", NOW))
    Coverage(any_store).run(NOW)

    def heard(at: datetime, environment: str = "production") -> dict[str, datetime]:
        services = {"api": "erp-web"}
        return last_heard(any_store, environment=environment, services=services, at=at)

    assert heard(NOW) == {"erp": NOW - 30 * SECOND, "erp-web": NOW - HOUR + SECOND}
    assert heard(NOW - 31 * SECOND)["erp"] == NOW - 2 * HOUR
    assert heard(NOW - HOUR) == {"erp": NOW - 2 * HOUR}
    assert heard(NOW - 3 * HOUR) == {"erp": NOW - 3 * 24 * HOUR}
    assert heard(NOW - 4 * 24 * HOUR) == {}
    assert heard(NOW, "test") == {}
