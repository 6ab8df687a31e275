"""Appends to the spool in groups: one thread, one commit for all that waits.

While a commit is under way the next requests gather, so that a busy receiver shares each fsync
among many requests and an idle one waits for nobody.
"""

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from collector.refusals import Refusal
from collector.spool import Entry, Spool
from suture.errors import SpoolFull, SutureError, Unavailable

GROUP_BYTES = 16 * 1024 * 1024
RESERVE_BYTES = 64 * 1024 * 1024
"""What appends leave free on the disk: loading and removing what is loaded need some of it."""
QUEUE_BYTES = 128 * 1024 * 1024
"""Requests that wait in memory for their commit; beyond it they are told to come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Append:
    entries: Sequence[Entry]
    refusals: Sequence[Refusal]
    bytes: int
    done: Future[None] = field(default_factory=Future)


class SpoolWriter:
    """The one thread of the receiver that writes."""

    def __init__(self, path: Path, *, max_bytes: int, reserve_bytes: int = RESERVE_BYTES) -> None:
        """Open the spool at `path` in a new thread; raises Unavailable where that fails.

        See `Spool` for `max_bytes` and `reserve_bytes`.
        """
        self._path = path
        self._max_bytes = max_bytes
        self._reserve_bytes = reserve_bytes
        self._queue: queue.SimpleQueue[_Append | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._queued_bytes = 0
        self._closed = False
        opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="spool-writer")
        self._thread.start()
        opened.result()

    def append(self, entries: Sequence[Entry], refusals: Sequence[Refusal] = ()) -> Future[None]:
        """A future that is done once all is durable, or fails with SpoolFull or Unavailable."""
        size = sum(len(e.payload) for e in entries) + sum(len(r.payload) for r in refusals)
        request = _Append(entries=entries, refusals=refusals, bytes=size)
        with self._lock:
            if self._closed:
                request.done.set_exception(Unavailable("the receiver is stopping"))
                return request.done
            if self._queued_bytes and self._queued_bytes + size > QUEUE_BYTES:
                request.done.set_exception(SpoolFull("the disk does not keep up"))
                return request.done
            self._queued_bytes += size
            self._queue.put(request)
        return request.done

    def close(self) -> None:
        """Write what waits, then stop."""
        with self._lock:
            self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self, opened: "Future[None]") -> None:
        try:
            spool = Spool(self._path, max_bytes=self._max_bytes, reserve_bytes=self._reserve_bytes)
        except (SutureError, OSError) as error:
            opened.set_exception(error)
            return
        opened.set_result(None)
        try:
            while (request := self._queue.get()) is not None:
                group, stopping = self._gather(request)
                self._write(spool, group)
                if stopping:
                    return
        finally:
            spool.close()

    def _gather(self, first: _Append) -> tuple[list[_Append], bool]:
        group, size = [first], first.bytes
        while size < GROUP_BYTES:
            try:
                request = self._queue.get_nowait()
            except queue.Empty:
                break
            if request is None:
                return group, True
            group.append(request)
            size += request.bytes
        return group, False

    def _write(self, spool: Spool, group: list[_Append]) -> None:
        # Whoever hung up before its turn was never acknowledged; from here on nobody can hang up.
        waiting = [request for request in group if request.done.set_running_or_notify_cancel()]
        with self._lock:
            self._queued_bytes -= sum(r.bytes for r in group) - sum(r.bytes for r in waiting)
        if waiting:
            self._commit(spool, waiting)

    def _commit(self, spool: Spool, group: list[_Append]) -> None:
        try:
            spool.append(
                [entry for request in group for entry in request.entries],
                [refusal for request in group for refusal in request.refusals],
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for an answer
            if len(group) > 1:
                # One bad or large request must not take the others down with it.
                for request in group:
                    self._commit(spool, [request])
            else:
                self._settle(group[0], error)
        else:
            for request in group:
                self._settle(request, None)

    def _settle(self, request: _Append, error: Exception | None) -> None:
        with self._lock:
            self._queued_bytes -= request.bytes
        if error is None:
            request.done.set_result(None)
        else:
            request.done.set_exception(error)
