"""When the stages run."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from suture.app.schedule import Schedule, Step
from suture.clock import SystemClock
from suture.errors import StoreUnavailable

FAST = timedelta(milliseconds=20)
SOON = timedelta(seconds=10)


@contextmanager
def running(*lines: tuple[Step, ...], **options: object) -> Iterator[Schedule]:
    schedule = Schedule(SystemClock(), **options)  # type: ignore[arg-type]
    for number, steps in enumerate(lines):
        schedule.line(f"line-{number}", FAST, *steps)
    schedule.start()
    try:
        yield schedule
    finally:
        assert schedule.stop(SOON)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen within 20 s"
        time.sleep(0.005)


def test_steps_of_a_line_run_in_order_again_and_again() -> None:
    seen: list[str] = []
    times: list[datetime] = []

    def step(name: str) -> Step:
        def run(now: datetime) -> None:
            seen.append(name)
            times.append(now)

        return Step(name=name, run=run)

    with running((step("correlate"), step("judge"), step("alert"))):
        until(lambda: len(seen) >= 9)
    assert (
        seen
        == ["correlate", "judge", "alert"] * (len(seen) // 3)
        + [
            "correlate",
            "judge",
            "alert",
        ][: len(seen) % 3]
    )
    assert times == sorted(times)
    assert all(instant.utcoffset() == timedelta(0) for instant in times)


def test_a_line_never_overlaps_itself_and_lines_do_not_wait_for_each_other() -> None:
    inside, most, release = [0], [0], threading.Event()

    def slow(now: datetime) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        release.wait(10)
        inside[0] -= 1

    quick: list[datetime] = []
    with running((Step(name="slow", run=slow),), (Step(name="quick", run=quick.append),)):
        until(lambda: len(quick) >= 5)
        assert most == [1]
        release.set()
    assert most == [1]


def test_a_failing_step_is_counted_and_the_rest_goes_on() -> None:
    after: list[datetime] = []

    def broken(now: datetime) -> None:
        raise ValueError("no such thing")

    with running(
        (Step(name="broken", run=broken), Step(name="after", run=after.append))
    ) as schedule:
        until(lambda: len(after) >= 3)
        record = schedule.records()["broken"]
    assert record.failures == record.runs == record.failing >= 2
    assert (record.error, record.succeeded_at) == ("ValueError: no such thing", None)


def test_what_is_unavailable_holds_up_its_line_until_it_is_back() -> None:
    tries, after = [0], []
    observed: list[tuple[str, bool]] = []

    def store_is_away(now: datetime) -> None:
        tries[0] += 1
        if tries[0] <= 3:
            raise StoreUnavailable

    with running(
        (Step(name="judge", run=store_is_away), Step(name="alert", run=after.append)),
        observer=lambda name, seconds, error: observed.append((name, error is None)),
    ) as schedule:
        until(lambda: len(after) >= 1)
        record = schedule.records()["judge"]
    assert observed[:5] == [("judge", False)] * 3 + [("judge", True), ("alert", True)]
    assert (record.failures, record.failing, record.error) == (3, 0, "")
    assert record.succeeded_at is not None


def test_stopping_waits_for_what_runs_and_begins_nothing_more() -> None:
    entered, release = threading.Event(), threading.Event()
    finished: list[str] = []

    def long(now: datetime) -> None:
        entered.set()
        release.wait(10)
        finished.append("long")

    def after(now: datetime) -> None:
        finished.append("after")

    schedule = Schedule(SystemClock())
    schedule.line("line", FAST, Step(name="long", run=long), Step(name="after", run=after))
    schedule.start()
    assert entered.wait(10)
    assert not schedule.stop(timedelta(milliseconds=50))
    release.set()
    assert schedule.stop(SOON)
    assert finished == ["long"]


def test_a_schedule_that_never_started_stops_too() -> None:
    schedule = Schedule(SystemClock())
    schedule.line("line", FAST, Step(name="a", run=print))
    with pytest.raises(ValueError, match="a step 'a' already"):
        schedule.line("other", FAST, Step(name="a", run=print))
    assert schedule.stop(SOON)
