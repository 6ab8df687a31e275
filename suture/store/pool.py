"""A pool of the driver's clients: each serves one call at a time, so a call borrows one."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client

from suture.errors import StoreUnavailable, SutureError


@dataclass(slots=True, eq=False)
class _Waiter:
    """A call that waits. It is handed a client, or None: leave to open one."""

    ready: threading.Event = field(default_factory=threading.Event)
    client: Client | None = None
    refused: bool = False


class ClientPool:
    """Up to `size` clients, opened when first needed. Calls that wait are served in turn.

    Without turns, a loop that gives its client back and borrows again at once would keep everybody
    else out.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        *,
        size: int,
        wait_seconds: float,
        replace_failed: bool,
    ) -> None:
        """Open clients with `connect`; a call waits at most `wait_seconds` for a free one.

        With `replace_failed` a client whose call failed is not used again.
        """
        self._connect = connect
        self._size = size
        self._wait_seconds = wait_seconds
        self._replace_failed = replace_failed
        self._changed = threading.Condition()
        self._idle: list[Client] = []
        self._waiting: deque[_Waiter] = deque()
        self._opened = 0
        self._closed = False

    def adopt(self, client: Client) -> None:
        """Take over a client that is open already."""
        with self._changed:
            self._opened += 1
        self._give_back(client)

    @contextmanager
    def borrow(self) -> Iterator[Client]:
        """A client for one call; raises StoreUnavailable when closed, or none gets free in time."""
        client = self._take() or self._open()
        kept: Client | None = client
        try:
            yield client
        except BaseException:
            if self._replace_failed:
                kept = self._replacement(client)
            raise
        finally:
            self._give_back(kept)

    @property
    def closed(self) -> bool:
        """Whether no call can begin any more."""
        return self._closed

    def refuse(self) -> None:
        """From now on no call begins; those that wait for a client are told at once."""
        with self._changed:
            self._closed = True
            while self._waiting:
                waiter = self._waiting.popleft()
                waiter.refused = True
                waiter.ready.set()

    def close(self, *, within_seconds: float | None = None) -> bool:
        """Close all clients once the calls under way have ended.

        Returns False, with those clients still open, when that takes longer than `within_seconds`.
        """
        self.refuse()
        with self._changed:
            idle = self._changed.wait_for(
                lambda: len(self._idle) == self._opened, timeout=within_seconds
            )
            clients, self._idle = self._idle, []
            self._opened -= len(clients)
        for client in clients:
            client.close()
        return idle

    def _take(self) -> Client | None:
        """A free client, or None for leave to open one more."""
        with self._changed:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            if self._idle:
                return self._idle.pop()
            if self._opened < self._size:
                self._opened += 1
                return None
            waiter = _Waiter()
            self._waiting.append(waiter)
        if not waiter.ready.wait(self._wait_seconds):
            self._give_up(waiter)
        if waiter.refused:
            raise StoreUnavailable("the store is closed")
        return waiter.client

    def _give_up(self, waiter: _Waiter) -> None:
        with self._changed:
            if waiter not in self._waiting:
                return  # its turn has come after all
            self._waiting.remove(waiter)
        raise StoreUnavailable(
            f"all {self._size} connections to the store have been busy for {self._wait_seconds:g} s"
        )

    def _give_back(self, client: Client | None) -> None:
        """Hand a client, or the place of one that is gone, to whoever waits longest."""
        with self._changed:
            if self._waiting:
                waiter = self._waiting.popleft()
                waiter.client = client
                waiter.ready.set()
            elif client is None:
                self._opened -= 1
            else:
                self._idle.append(client)
            self._changed.notify_all()

    def _replacement(self, failed: Client) -> Client | None:
        """A new client for one that failed, opened first: the engine ends with its last client."""
        try:
            return self._connect()
        except SutureError:
            return None  # the failure at hand is the one to report; the next call tries again
        finally:
            failed.close()

    def _open(self) -> Client:
        try:
            return self._connect()
        except BaseException:
            self._give_back(None)
            raise
