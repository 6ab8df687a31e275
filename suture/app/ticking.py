"""The chain of ticks: stitch, judge, alert, in this order, again and again.

One chain runs at a time. While a stage says that more waits, the chain begins again at once, so a
backlog is worked off without a pause; a stage that cannot reach the store is tried again with the
next tick, and nothing is lost, since every stage goes on from its own cursor.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from suture.app.telemetry import Telemetry
from suture.clock import Clock
from suture.errors import Unavailable

_log = structlog.get_logger(__name__)

_LONGEST_CHAIN_SECONDS = 5.0
"""After this long a chain pauses, so that a stop is noticed in the middle of a backlog."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A stage's tick: does what is due at the given time and says whether more waits."""

    name: str
    tick: Callable[[datetime], bool]


class Ticker:
    """Runs a chain of stages, and stages beside it, on a schedule."""

    def __init__(
        self, chain: Sequence[Stage], beside: Sequence[Stage], *, clock: Clock, telemetry: Telemetry
    ) -> None:
        """`chain` runs in order, each of `beside` on its own."""
        self._chain = list(chain)
        self._beside = list(beside)
        self._clock = clock
        self._telemetry = telemetry
        self._stopping = threading.Event()
        self._scheduler = BackgroundScheduler(timezone=UTC)

    def start(self, *, every_seconds: float) -> None:
        """Begin; `every_seconds` is the pause between ticks when nothing waits."""
        common = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler.add_job(
            self.run_chain, "interval", seconds=every_seconds, id="chain", **common
        )
        for stage in self._beside:
            self._scheduler.add_job(
                self._run, "interval", seconds=every_seconds, args=[stage], id=stage.name, **common
            )
        self._scheduler.start()

    def stop(self) -> None:
        """Let the tick under way finish, then work in what still waits, once."""
        self._stopping.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
        for _ in range(1000):
            more = [self._run(stage) for stage in self._chain]
            if not any(more):
                break
        for stage in self._beside:
            self._run(stage)

    def run_chain(self) -> None:
        """One pass over the chain, and further ones while more waits."""
        until = time.monotonic() + _LONGEST_CHAIN_SECONDS
        while not self._stopping.is_set():
            more = [self._run(stage) for stage in self._chain]
            if not any(more) or time.monotonic() > until:
                return

    def _run(self, stage: Stage) -> bool:
        try:
            with self._telemetry.tick(stage.name):
                return stage.tick(self._clock.now())
        except Unavailable as error:
            _log.warning("stage waits for the store", stage=stage.name, reason=error.message)
        except Exception:  # noqa: BLE001
            # The outermost frame of a scheduled run: said loudly, and tried again with the next.
            _log.exception("stage failed", stage=stage.name)
        return False
