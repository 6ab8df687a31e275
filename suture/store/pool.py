"""A pool of the driver's clients: each serves one call at a time, so a call borrows one."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.client import Client

from suture.errors import StoreUnavailable, SutureError


class ClientPool:
    """Up to `size` clients, opened when first needed and used last in, first out."""

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
        self._opened = 0
        self._closed = False

    def adopt(self, client: Client) -> None:
        """Take over a client that is open already."""
        with self._changed:
            self._opened += 1
            self._idle.append(client)

    @contextmanager
    def borrow(self) -> Iterator[Client]:
        """A client for one call; raises StoreUnavailable when closed, or none gets free in time."""
        client: Client | None = self._take() or self._open()
        try:
            yield client
        except BaseException:
            if self._replace_failed:
                client = self._replacement(client)
            raise
        finally:
            with self._changed:
                if client is None:
                    self._opened -= 1
                else:
                    self._idle.append(client)
                self._changed.notify_all()

    def refuse(self) -> None:
        """From now on no call begins; those that wait for a client are told at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

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
        """An idle client, or None for permission to open one more."""
        give_up = time.monotonic() + self._wait_seconds
        with self._changed:
            while True:
                if self._closed:
                    raise StoreUnavailable("the store is closed")
                if self._idle:
                    return self._idle.pop()
                if self._opened < self._size:
                    self._opened += 1
                    return None
                left = give_up - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise StoreUnavailable(
                        f"all {self._size} connections to the store have been busy"
                        f" for {self._wait_seconds:g} s"
                    )

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
            with self._changed:
                self._opened -= 1
                self._changed.notify_all()
            raise
