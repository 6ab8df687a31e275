"""Lanes: threads that hand requests to the platform one after the other until they are taken.

A busy or absent platform makes a lane wait and its queue fill, which in turn slows down whoever
fills it; nothing is thrown away for being early.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)

_QUEUE_LENGTH = 16
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0
_PATIENCE_S = 600.0
"""After so long without any success a request is given up, counted and logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The platform has the request; it refused `refused` of its items for good."""

    refused: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """Not now: again after `after_seconds`, or after a growing pause where None."""

    after_seconds: float | None = None
    reason: str = ""


Attempt = Callable[[], Taken | Later]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`items` spans or events and the way to send them, which may be tried many times."""

    attempt: Attempt
    items: int


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of the items of a lane."""

    delivered: int = 0
    refused: int = 0
    given_up: int = 0
    retries: int = 0


class Lane:
    """One thread, one queue, one request at a time, in order."""

    def __init__(self, name: str, stop: threading.Event, *, patience: float = _PATIENCE_S) -> None:
        """Start the lane; it ends soon after `abandon`, or with the process."""
        self.name = name
        self.tally = Tally()
        self._stop = stop
        self._patience = patience
        self._abandoned = threading.Event()
        self._requests: queue.Queue[Request] = queue.Queue(maxsize=_QUEUE_LENGTH)
        self._thread = threading.Thread(target=self._run, name=f"lane-{name}", daemon=True)
        self._thread.start()

    def put(self, request: Request) -> bool:
        """Queue a request, waiting for room; False if everything was told to stop meanwhile."""
        while not self._abandoned.is_set():
            try:
                self._requests.put(request, timeout=0.2)
                return True
            except queue.Full:
                if self._stop.is_set():
                    return False
        return False

    def drained(self) -> bool:
        """Whether everything that was put has been settled."""
        return self._requests.unfinished_tasks == 0

    def abandon(self) -> None:
        """Give up what is left."""
        self._abandoned.set()

    def join(self, timeout: float) -> None:
        """Wait for the thread after `abandon`."""
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._abandoned.is_set():
            try:
                request = self._requests.get(timeout=0.2)
            except queue.Empty:
                continue
            try:
                self._settle(request)
            finally:
                self._requests.task_done()

    def _settle(self, request: Request) -> None:
        pause = _FIRST_PAUSE_S
        give_up_at = time.monotonic() + self._patience
        while True:
            answer = request.attempt()
            if isinstance(answer, Taken):
                self.tally.delivered += request.items - answer.refused
                self.tally.refused += answer.refused
                if answer.refused:
                    log.warning("%s: %d refused: %s", self.name, answer.refused, answer.reason)
                return
            self.tally.retries += 1
            if time.monotonic() > give_up_at:
                self.tally.given_up += request.items
                log.error("%s: %d given up: %s", self.name, request.items, answer.reason)
                return
            wait = pause if answer.after_seconds is None else answer.after_seconds
            log.info("%s: again in %.1f s: %s", self.name, wait, answer.reason)
            pause = min(pause * 2, _LONGEST_PAUSE_S)
            if self._abandoned.wait(wait):
                self.tally.given_up += request.items
                return


def wait_until_drained(
    lanes: tuple[Lane, ...], stop: threading.Event, *, deadline: float | None = None
) -> bool:
    """Wait until all lanes are drained; False if told to stop or past `deadline` (monotonic)."""
    while not all(lane.drained() for lane in lanes):
        if deadline is None:
            if stop.wait(0.02):
                return False
        elif time.monotonic() >= deadline:
            return False
        else:
            time.sleep(0.02)
    return True
