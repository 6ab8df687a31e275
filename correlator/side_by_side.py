"""Calls of the store that need not wait for each other.

A tick spends most of its time waiting for the engine. Reads that do not depend on each other run in
threads, and so do writes whose order does not matter; `settle` is where an order begins to matter.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Self, TypeVar

_AT_ONCE = 3
"""As many as a store has clients to write with; more would queue for them."""

_Found = TypeVar("_Found")


class SideBySide:
    """A few threads, and the calls that were begun in them and are not settled."""

    def __init__(self) -> None:
        """Threads start when they are first needed, and end with this object."""
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="correlator")
        self._begun: list[Future[Any]] = []

    def begin(self, call: Callable[[], _Found]) -> Future[_Found]:
        """Start a call; its result is there at once or later, at the latest when all is settled."""
        future = self._threads.submit(call)
        self._begun.append(future)
        return future

    def settle(self) -> None:
        """Wait for everything that was begun; raises what the first call that failed raised.

        No call is under way any more when this returns or raises.
        """
        begun, self._begun = self._begun, []
        wait(begun)
        for future in begun:
            future.result()

    def __enter__(self) -> Self:
        """Begin calls within; however the block is left, none is under way any more."""
        return self

    def __exit__(self, *error: object) -> None:
        """Settle, without hiding the error that ends the block."""
        if error[0] is None:
            self.settle()
        else:
            wait(self._begun)
            self._begun.clear()
