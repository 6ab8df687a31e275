"""The loader: threads that take segments from the spool and load them, for as long as it takes.

Two threads, telemetry and business, so that a milestone never queues behind a load of spans. When
the store does not answer they wait and try again; the spool grows meanwhile, and at its cap the
receiver tells producers to wait.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import structlog

from collector.log_milestones import LogReader
from collector.redaction import Redactor
from collector.segment_loading import (
    MEMORY_LIMIT,
    DeadLettersLane,
    Lane,
    Loaded,
    MilestonesLane,
    ObjectKeyFunction,
    SegmentLimits,
)
from collector.span_milestones import SpanReader
from collector.spool import Spool
from collector.spool_file import Pending, pending_of
from collector.telemetry_lanes import LogsLane, MetricsLane, TracesLane
from suture.clock import Clock
from suture.contracts.trace import Signal
from suture.definitions.catalog import Catalog
from suture.definitions.ownership import Ownership
from suture.errors import StoreUnavailable, SutureError, Unavailable
from suture.garbage import collect_seldom
from suture.store.engine import Store
from suture.store.redaction import Landing

_log = structlog.get_logger(__name__)

AnyLane = TypeVar("AnyLane", bound=Lane)

POLL_SECONDS = 0.02
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0
MEMORY_RETRIES = 5
"""After so many refusals for want of memory, three seconds, a segment is tried in halves."""
TIDY_SECONDS = 1.0
"""How long a thread has nothing to do before it gives back what the spool no longer needs."""
EXPIRY_INTERVAL = timedelta(hours=1)
DEAD_LETTERS_PER_SEGMENT = 1_000


@dataclass(kw_only=True)
class _Turn:
    """When a lane is due again (monotonic seconds), and how often it failed in a row."""

    due: float = 0.0
    failures: int = 0


class Loader:
    """Moves what was accepted from the spool into the store. `start` it once, `stop` it once."""

    def __init__(
        self,
        store: Store,
        spool_path: Path,
        catalog: Catalog,
        clock: Clock,
        object_key: ObjectKeyFunction,
        *,
        redactor: Redactor | None = None,
        max_spans: int = 50_000,
        max_milestones: int = 10_000,
    ) -> None:
        """Load into `store` what lies in the spool at `spool_path`.

        `object_key(environment, type, attributes, id)` gives the normalised key of an object that a
        span carries. `max_spans` and `max_milestones` bound a segment. Without a `redactor` all is
        loaded as it came.
        """
        self._spool_path = spool_path
        self._clock = clock
        self._stopping = threading.Event()
        self._errors: dict[Signal, str] = {}
        self._threads: list[threading.Thread] = []
        self._housekeeping = threading.Lock()
        self._expire_at = clock.now()
        owners = Ownership(catalog)
        redactor = redactor or Redactor.none()
        landing = Landing(store=store, rules=redactor.rules, key=redactor.key)

        def lane(kind: Callable[..., AnyLane], most: int, **own: Any) -> AnyLane:
            return kind(
                limits=SegmentLimits(max_items=most),
                store=store,
                clock=clock,
                retry=self._until_answered,
                owners=owners,
                redactor=redactor,
                **own,
            )

        self._traces = lane(
            TracesLane, max_spans, landing=landing, spans=SpanReader(catalog), object_key=object_key
        )
        self._logs = lane(LogsLane, max_spans, landing=landing, logs=LogReader(catalog))
        self._metrics = lane(MetricsLane, max_spans, landing=landing)
        self._milestones = lane(MilestonesLane, max_milestones)
        self._dead_letters = lane(DeadLettersLane, DEAD_LETTERS_PER_SEGMENT)

    def start(self) -> None:
        """Begin to load in two threads.

        Makes this process look for cycles more rarely: a segment of milestones is a hundred
        thousand objects without any, and looking took half of its time.
        """
        collect_seldom()
        business = (self._milestones, self._dead_letters)
        telemetry = (self._traces, self._logs, self._metrics)
        for name, lanes in (("telemetry", telemetry), ("business", business)):
            thread = threading.Thread(target=self._run, args=(lanes,), name=f"loader-{name}")
            self._threads.append(thread)
            thread.start()

    def stop(self, *, drain: bool = True, timeout_seconds: float = 30.0) -> None:
        """Stop and join the threads, by default once the spool is empty or the time is over.

        The segment under way is finished in any case, unless the store does not answer.
        """
        if drain and self._threads:
            self.drain(timeout_seconds=timeout_seconds)
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if drain and self._threads:
            self._tidy()
        self._threads.clear()

    def drain(self, *, timeout_seconds: float = 30.0) -> bool:
        """Wait until nothing accepted waits to be loaded; False when time is over first."""
        deadline = time.monotonic() + timeout_seconds
        while self._is_behind():
            if time.monotonic() > deadline or self._stopping.wait(POLL_SECONDS):
                return False
        return True

    def _is_behind(self) -> bool:
        try:
            return any(waiting.records for waiting in self.pending().values())
        except Unavailable as error:
            _log.warning("the spool does not answer", reason=error.message)
            return True

    def run_once(self) -> list[Loaded]:
        """Load all that waits, in this thread, and return what was loaded. Not beside `start`."""
        done: list[Loaded] = []
        spool = Spool(self._spool_path)
        try:
            for lane in (
                self._traces,
                self._logs,
                self._metrics,
                self._milestones,
                self._dead_letters,
            ):
                while loaded := lane.load_next(spool):
                    done.append(loaded)
            spool.tidy()
        finally:
            spool.close()
        return done

    def pending(self) -> dict[Signal, Pending]:
        """What waits to be loaded, by signal; may be asked from any thread."""
        return pending_of(self._spool_path)

    @property
    def errors(self) -> Mapping[Signal, str]:
        """Why a signal is not being loaded at the moment; empty when all is well."""
        return dict(self._errors)

    def _run(self, lanes: Sequence[Lane]) -> None:
        spool = self._open_spool()
        if spool is None:
            return
        turns = {lane.signal: _Turn() for lane in lanes}
        tidy_at = time.monotonic() + TIDY_SECONDS
        try:
            while not self._stopping.is_set():
                busy = [self._take_turn(lane, spool, turns[lane.signal]) for lane in lanes]
                if any(busy):
                    tidy_at = time.monotonic() + TIDY_SECONDS
                    continue
                if time.monotonic() >= tidy_at:
                    self._keep_house(spool)
                    tidy_at = time.monotonic() + TIDY_SECONDS
                self._stopping.wait(POLL_SECONDS)
        finally:
            spool.close()

    def _open_spool(self) -> Spool | None:
        """Open the spool, however long that takes; None when stopping."""
        failures = 0
        while not self._stopping.is_set():
            try:
                return Spool(self._spool_path)
            except Unavailable as error:
                _log.warning("the spool does not open", reason=error.message)
                self._stopping.wait(_pause(failures))
                failures += 1
        return None

    def _keep_house(self, spool: Spool) -> None:
        """Do what can wait until there is nothing to load; its failure ends nothing."""
        try:
            with self._housekeeping:
                if self._clock.now() >= self._expire_at:
                    spool.expire_payloads(self._clock.now())
                    self._expire_at = self._clock.now() + EXPIRY_INTERVAL
                spool.tidy()
        except Unavailable as error:
            _log.warning("the spool is not tidied", reason=error.message)

    def _tidy(self) -> None:
        try:
            spool = Spool(self._spool_path)
        except Unavailable as error:
            _log.warning("the spool is not tidied", reason=error.message)
            return
        self._keep_house(spool)
        spool.close()

    def _take_turn(self, lane: Lane, spool: Spool, turn: _Turn) -> bool:
        """Load a segment if the lane is due; says whether there may be more at once."""
        started = time.monotonic()
        if started < turn.due:
            return False
        try:
            loaded = lane.load_next(spool)
            if loaded is not None:
                spool.trim()
        except SutureError as error:
            self._note_failure(lane, turn, error)
            return False
        except Exception as error:  # noqa: BLE001 - the thread's outermost frame
            # A mistake of ours about one segment: said loudly, while the other lanes go on.
            _log.exception("loading failed", signal=lane.signal.value)
            self._note_failure(lane, turn, error)
            return False
        turn.failures = 0
        self._errors.pop(lane.signal, None)
        if loaded is None:
            return False
        if loaded.items < lane.limits.max_items // 2:
            turn.due = started + lane.spacing_seconds
        return True

    def _note_failure(self, lane: Lane, turn: _Turn, error: Exception) -> None:
        turn.due = time.monotonic() + _pause(turn.failures)
        turn.failures += 1
        if not self._stopping.is_set():
            self._errors[lane.signal] = str(error)
            _log.warning("loading waits", signal=lane.signal.value, reason=str(error))

    def _until_answered(self, action: Callable[[], None]) -> bool:
        """Repeat `action` until the store answers, and say if it had to be repeated.

        Raises StoreUnavailable when stopping, or when the store keeps having no memory for it.
        """
        failures = 0
        while True:
            try:
                action()
            except StoreUnavailable as error:
                _log.warning("the store does not answer", reason=str(error))
                if error.code == MEMORY_LIMIT and failures >= MEMORY_RETRIES:
                    raise
                if self._stopping.wait(_pause(failures)):
                    raise
                failures += 1
            else:
                return failures > 0


def _pause(failures: int) -> float:
    return min(FIRST_WAIT_SECONDS * 2.0 ** min(failures, 20), LONGEST_WAIT_SECONDS)
