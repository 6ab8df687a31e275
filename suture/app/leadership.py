"""The one worker of a store: who is it, and what only it may do.

An embedded store belongs to one process anyway. On a server any number of workers may be started:
one works, the others stand by and take over when it stops or is not heard of any more.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Self

import structlog

from suture.clock import Clock
from suture.errors import InstallationError, StoreError, Unavailable
from suture.store.correlation import skip_change
from suture.store.engine import Store
from suture.store.leases import SECONDS, Lease, StoredClaims
from suture.store.rebuilding import finish_swap

_BEATS_PER_LEASE = 5

_log = structlog.get_logger(__name__)


class Leadership:
    """Claims the work on a store in a thread of its own; `close` gives it up."""

    def __init__(
        self, store: Store, clock: Clock, *, urgent: bool = False, seconds: float = SECONDS
    ) -> None:
        """Claim nothing before `start`; an `urgent` one is given way to."""
        self._lease = Lease(StoredClaims(store), urgent=urgent, seconds=seconds)
        self._clock = clock
        self._every = seconds / _BEATS_PER_LEASE
        self._ready = False
        self._under_way = 0
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self.store = store.guarded(self._lease.check)
        """The store, for writes that only the one worker may do."""

    @property
    def leads(self) -> bool:
        """Whether this process is the one that works."""
        return self._ready and self._lease.held

    def start(self) -> Self:
        """Claim at once, and go on claiming."""
        self._beat()
        self._thread.start()
        return self

    def close(self) -> None:
        """Claim no more, and let somebody else have it."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self.release()

    def release(self) -> None:
        """Give the work up; it is claimed again with the next beat."""
        try:
            self._lease.release()
        except (Unavailable, StoreError) as error:
            _log.warning("lease_not_released", reason=error.message)

    def wait(self, seconds: float) -> bool:
        """Wait until this process leads, for so long at most; whether it does."""
        with self._changed:
            return self._changed.wait_for(lambda: self.leads, seconds)

    def only_leading(self, run: Callable[[datetime], object]) -> Callable[[datetime], object]:
        """What does `run` where this process leads, and nothing where it stands by."""

        def guarded(now: datetime) -> object:
            with self.work() as leads:
                return run(now) if leads else None

        return guarded

    @contextmanager
    def work(self) -> Iterator[bool]:
        """Do what only the one worker may; gives whether this process is the one.

        Where the lease is lost meanwhile, writes fail, and it is not claimed again before the end:
        what began in one reign must not go on in the next.
        """
        with self._changed:
            leads = self.leads
            self._under_way += leads
        try:
            yield leads
        finally:
            with self._changed:
                self._under_way -= leads

    def __enter__(self) -> Self:
        """Start claiming."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it up."""
        self.close()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._beat()

    def _beat(self) -> None:
        with self._changed:
            if self._under_way and not self._lease.held:
                self._ready = False
                return
        try:
            held = self._lease.beat()
            if held and not self._ready and not self._lease.wanted:
                finish_swap(self.store)
                skipped = skip_change(self.store, self._clock.now())
                _log.info("working", holder=self._lease.holder, skipped_change=skipped)
        except (Unavailable, StoreError) as error:
            _log.warning("lease_not_renewed", reason=error.message)
            held = self._lease.held and self._ready
        if self._ready and not held:
            _log.warning("standing_by", holder=self._lease.holder)
        with self._changed:
            self._ready = held and not self._lease.wanted
            give_way = held and not self._ready and not self._under_way
            self._changed.notify_all()
        if give_way:
            self.release()


@contextmanager
def alone_on(store: Store, clock: Clock, *, wait_seconds: float = 60.0) -> Iterator[Store]:
    """The store for a command that must work on it alone: a running worker steps aside meanwhile.

    Raises InstallationError where none does within `wait_seconds`.
    """
    if store.embedded:
        yield store
        return
    with Leadership(store, clock, urgent=True) as leadership:
        leadership.wait(wait_seconds)
        with leadership.work() as leads:
            if not leads:
                raise InstallationError(
                    "another process works on this store and does not step aside: stop its worker"
                )
            yield leadership.store
