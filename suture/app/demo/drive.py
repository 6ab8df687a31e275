"""Paces the simulation: first the history, at once or as a fast replay, then live.

The history goes out as telemetry first, then as events, case by case and latest first within a
case: so no instance is ever known to have begun before the platform has been told how it went on,
and a back-fill raises no alarm about business that was long finished.
"""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from suture.app.demo.emit import EVENTS_PER_BATCH, Emitter
from suture.app.demo.signals import Case, Delivery, EventOut, SpanOut
from suture.app.demo.simulate import Simulation
from suture.app.demo.truth import TruthFile
from suture.clock import Clock

_TURN_S = 0.5
_SETTLE_S = 2.0
"""Between telemetry and events of a back-fill: time for the platform to load what it took."""

_SINGLY_EVERY = 40
"""One case in so many sends its back-filled events one by one, each in its system's own mode."""

Moment = Callable[[], datetime]


class Driver:
    """Feeds one simulation to the platform."""

    def __init__(
        self,
        simulation: Simulation,
        *,
        emitter: Emitter,
        truth: TruthFile,
        clock: Clock,
        stop: threading.Event,
    ) -> None:
        """Nothing happens before `backfill`, `replay` or `live`."""
        self._simulation = simulation
        self._emitter = emitter
        self._truth = truth
        self._clock = clock
        self._stop = stop
        self._cases: Iterator[Case] = simulation.cases()
        self._next: Case | None = None
        self._waiting: list[tuple[datetime, int, Delivery]] = []
        self._order = itertools.count()

    def backfill(self) -> bool:
        """Send everything up to the run's start; False if told to stop meanwhile."""
        until = self._simulation.run.start
        told: list[list[EventOut]] = []
        repeated: list[EventOut] = []
        for case in self._begun_by(until):
            if self._stop.is_set():
                return False
            if events := self._send_telemetry(case, until, repeated):
                told.append(events)
        self._emitter.flush()
        if not self._emitter.wait() or self._stop.wait(_SETTLE_S):
            return False
        self._send_events(told)
        if repeated:
            self._emitter.batch(repeated)
        self._emitter.flush()
        return self._emitter.wait()

    def replay(self, speed: float) -> bool:
        """Send the history at `speed` times real time until it has caught up with the clock.

        False if told to stop meanwhile.
        """
        begun = self._clock.now()

        def simulated() -> datetime:
            now = self._clock.now()
            return min(now, self._simulation.begin + (now - begun) * speed)

        self._run(simulated, until=lambda: simulated() >= self._clock.now())
        return self._emitter.wait() and not self._stop.is_set()

    def live(self) -> None:
        """Send everything when it happens, until told to stop."""
        self._run(self._clock.now, until=lambda: False)

    def _run(self, moment: Moment, *, until: Callable[[], bool]) -> None:
        while not self._stop.is_set():
            now = moment()
            for case in self._begun_by(now):
                self._wait_for(case.deliveries)
            while self._waiting and self._waiting[0][0] <= now:
                self._hand_over(heapq.heappop(self._waiting)[2])
            self._emitter.flush()
            if until():
                return
            self._stop.wait(_TURN_S)

    def _begun_by(self, moment: datetime) -> Iterator[Case]:
        """The cases that have begun and were not yielded before."""
        while True:
            case = self._next or next(self._cases)
            if case.start > moment:
                self._next = case
                return
            self._next = None
            yield case

    def _wait_for(self, deliveries: tuple[Delivery, ...] | list[Delivery]) -> None:
        for delivery in deliveries:
            heapq.heappush(self._waiting, (delivery.at, next(self._order), delivery))

    def _hand_over(self, delivery: Delivery) -> None:
        if isinstance(delivery.item, SpanOut):
            self._emitter.span(delivery.item)
        elif isinstance(delivery.item, EventOut):
            self._emitter.event(delivery.item)
        else:
            self._truth.write(delivery.item)

    def _send_telemetry(
        self, case: Case, until: datetime, repeated: list[EventOut]
    ) -> list[EventOut]:
        """Send spans and truth of a case; return its events, latest first."""
        events: list[tuple[datetime, EventOut]] = []
        later: list[Delivery] = []
        for delivery in case.deliveries:
            if delivery.at > until:
                later.append(delivery)
            elif not isinstance(delivery.item, EventOut):
                self._hand_over(delivery)
            elif delivery.again:
                repeated.append(delivery.item)
            else:
                events.append((delivery.item.at, delivery.item))
        self._wait_for(later)
        return [event for _, event in sorted(events, key=lambda pair: pair[0], reverse=True)]

    def _send_events(self, told: list[list[EventOut]]) -> None:
        """Send the events case by case, whole cases to a request."""
        pending: list[EventOut] = []
        for number, events in enumerate(told):
            if self._stop.is_set():
                return
            if number % _SINGLY_EVERY == 0:
                for event in events:
                    self._emitter.event(event, in_order=True)
                continue
            pending += events
            if len(pending) >= EVENTS_PER_BATCH:
                self._emitter.batch(pending)
                pending = []
        if pending:
            self._emitter.batch(pending)


def span_of_history(history: timedelta, speed: float | None) -> timedelta:
    """How far after the beginning of a replay the clock is caught up with, less `history`.

    Zero without a speed: then the history is sent at once. Raises ValueError for a speed that
    never catches up.
    """
    if speed is None:
        return timedelta(0)
    if speed <= 1:
        raise ValueError(f"speed {speed:g} never catches up with the clock: it must be above 1")
    return history / (speed - 1)
