"""When the stages run: at fixed intervals in UTC, each after the one it depends on.

A line is one or more steps that run in order as one tick: stitch, judge, alert. Lines run beside
each other, and no line overlaps itself: while a tick runs longer than its interval, the next ones
are left out, not queued. What a step is, this module does not know.

A step that fails is logged and counted, and the next tick tries again. When it says that something
is not available right now, the rest of its line is left for the next tick too, since it would only
find the same; after any other failure the rest goes on without it.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from suture.clock import Clock
from suture.errors import Unavailable

MISFIRE_GRACE_SECONDS = 3_600
"""A tick that could not begin in time (the machine slept) still runs, once, up to this late."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something to do at `now`; its result is not looked at."""

    name: str
    run: Callable[[datetime], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """How a step has fared since the start. `failing` counts failures since its last success."""

    runs: int = 0
    failures: int = 0
    failing: int = 0
    succeeded_at: datetime | None = None
    seconds: float = 0.0
    error: str = ""


Observer = Callable[[str, float, BaseException | None], None]
"""Told of every run of a step: its name, how many seconds it took, what it raised."""


class Schedule:
    """Runs lines of steps in threads of its own. Add lines, start once, stop once."""

    def __init__(self, clock: Clock, *, threads: int = 4, observer: Observer | None = None) -> None:
        """Hand each step the present instant of `clock`; run up to `threads` lines at a time."""
        self._clock = clock
        self._observer = observer
        self._records: dict[str, StepRecord] = {}
        self._idle = threading.Condition()
        self._running = 0
        self._stopping = False
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(threads)},
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": MISFIRE_GRACE_SECONDS,
            },
        )

    def line(self, name: str, interval: timedelta, *steps: Step) -> None:
        """Run `steps` in order every `interval`, beginning at once when the schedule starts.

        Raises ValueError for a step whose name is taken.
        """
        for step in steps:
            if step.name in self._records:
                raise ValueError(f"there is a step {step.name!r} already")
            self._records[step.name] = StepRecord()
        self._scheduler.add_job(
            self._tick,
            IntervalTrigger(seconds=interval.total_seconds(), timezone=UTC),
            args=[steps],
            id=name,
            next_run_time=datetime.now(UTC),
        )

    def start(self) -> None:
        """Begin to run; returns at once."""
        # It warns whenever a tick is left out because the last one still runs, which is meant.
        for noisy in ("apscheduler.scheduler", "apscheduler.executors.default"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        self._scheduler.start()

    def stop(self, within: timedelta) -> bool:
        """Begin nothing more and wait for what runs; False where some still runs after `within`."""
        with self._idle:
            self._stopping = True
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        with self._idle:
            return self._idle.wait_for(
                lambda: self._running == 0, timeout=max(0.0, within.total_seconds())
            )

    def records(self) -> Mapping[str, StepRecord]:
        """How each step has fared, by name."""
        with self._idle:
            return dict(self._records)

    def _tick(self, steps: tuple[Step, ...]) -> None:
        with self._idle:
            if self._stopping:
                return
            self._running += 1
        try:
            for step in steps:
                if self._stopping or not self._run(step):
                    break
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _run(self, step: Step) -> bool:
        """Run one step; False where the rest of its line has to wait."""
        began = time.monotonic()
        error: Exception | None = None
        try:
            step.run(self._clock.now())
        except Exception as caught:  # noqa: BLE001 - a failing step must not end the schedule
            error = caught
        seconds = time.monotonic() - began
        before = self._note(step.name, seconds, error)
        if error is not None:
            _report(step.name, error, again=before.failing)
        elif before.failing:
            _log.info("step_recovered", step=step.name, after_failures=before.failing)
        if self._observer is not None:
            self._observer(step.name, seconds, error)
        return not isinstance(error, Unavailable)

    def _note(self, name: str, seconds: float, error: Exception | None) -> StepRecord:
        """Count a run; returns the record before it."""
        with self._idle:
            before = self._records[name]
            changes: dict[str, Any] = {"runs": before.runs + 1, "seconds": seconds}
            if error is None:
                changes |= {"failing": 0, "succeeded_at": self._clock.now(), "error": ""}
            else:
                changes |= {
                    "failures": before.failures + 1,
                    "failing": before.failing + 1,
                    "error": f"{type(error).__name__}: {error}",
                }
            self._records[name] = replace(before, **changes)
            return before


def _report(name: str, error: Exception, *, again: int) -> None:
    """Log a failure: in full when it begins, then each time the count of repeats doubles."""
    if again & (again - 1):
        return
    if isinstance(error, Unavailable):
        _log.warning("step_unavailable", step=name, detail=error.message, failures=again + 1)
    else:
        _log.error("step_failed", step=name, failures=again + 1, exc_info=error)
