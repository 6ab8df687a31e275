"""Ways for a process to die at a chosen instant, as if somebody had sent it `kill -9`.

Two kinds of instants: a step of the collector's own work, before or after it, the n-th time; and
what a process does to its files, seen through inotify: the engine while it writes or renames a part
or notes a token, SQLite while it writes its log.
"""

import ctypes
import itertools
import os
import signal
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from collector.segment_loading import Lane
from collector.spool import Spool
from collector.telemetry_lanes import TelemetryLane
from suture.store import facts
from suture.store.engine import Store

MODIFIED, MOVED, CREATED = 0x2, 0x40 | 0x80, 0x100
_EVENT = struct.Struct("iIII")
_OWNERS: dict[str, Any] = {
    "Store": Store,
    "facts": facts,
    "Spool": Spool,
    "Lane": Lane,
    "TelemetryLane": TelemetryLane,
}


def die_at(point: str, number: int, *, store: Path, spool: Path) -> None:
    """Arrange for the end of this process; see `tests/crash_cycles.py` for the points there are.

    `owner.name:before`, `owner.name:after`; `owner.name~text:after` counts only calls that have
    `text` in a string argument, so that one of many statements or inserts can be named; `file:…`
    is about files of the `store` or the `spool`.
    """
    if point.startswith("file:"):
        _FILES[point.removeprefix("file:")](store, spool, number)
        return
    path, when = point.split(":")
    path, _, text = path.partition("~")
    owner_name, name = path.split(".")
    owner = _OWNERS[owner_name]
    real = getattr(owner, name)
    calls = itertools.count(1)

    def dying(*args: Any, **kwargs: Any) -> Any:
        strings = (value for value in (*args, *kwargs.values()) if isinstance(value, str))
        is_meant = not text or any(text in value for value in strings)
        if is_meant and when == "before" and next(calls) == number:
            die()
        result = real(*args, **kwargs)
        # A call that fails has no "after".
        if is_meant and when == "after" and next(calls) == number:
            die()
        return result

    setattr(owner, name, dying)


def die() -> None:
    """End at once, as by `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)


class _Watch:
    """Inotify, without the files themselves ever being opened: SQLite would lose its locks."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._libc.inotify_init()

    def add(self, path: Path, events: int) -> None:
        if self._libc.inotify_add_watch(self._descriptor, os.fsencode(path), events) < 0:
            raise OSError(ctypes.get_errno(), f"cannot watch {path}")

    def names(self) -> Iterator[str]:
        """What the events are about; blocks for the next."""
        while True:
            found = os.read(self._descriptor, 65536)
            while found:
                _, _, _, length = _EVENT.unpack_from(found)
                end = _EVENT.size + length
                yield found[_EVENT.size : end].rstrip(b"\0").decode()
                found = found[end:]


def _die_on(watch: _Watch, prefix: str, number: int) -> None:
    def wait() -> None:
        hits = (name for name in watch.names() if name.startswith(prefix))
        next(itertools.islice(hits, number - 1, None))
        die()

    threading.Thread(target=wait, daemon=True).start()


def _tables(store: Path) -> Iterator[Path]:
    yield from (path for path in store.glob("store/*/*") if path.is_dir())


def _while_a_part_is_written(store: Path, spool: Path, number: int) -> None:
    watch = _Watch()
    for table in _tables(store):
        watch.add(table, CREATED)
    _die_on(watch, "tmp_insert", number)


def _while_a_part_is_renamed(store: Path, spool: Path, number: int) -> None:
    watch = _Watch()
    for table in _tables(store):
        watch.add(table, MOVED)
    _die_on(watch, "tmp_insert", number)


def _while_a_token_is_noted(store: Path, spool: Path, number: int) -> None:
    watch = _Watch()
    for log in store.glob("store/*/*/deduplication_logs"):
        watch.add(log, MODIFIED)
    _die_on(watch, "deduplication_log", number)


def _while_the_spool_is_written(store: Path, spool: Path, number: int) -> None:
    watch = _Watch()
    watch.add(spool.parent, MODIFIED)
    _die_on(watch, f"{spool.name}-wal", number)


_FILES: dict[str, Callable[[Path, Path, int], None]] = {
    "part": _while_a_part_is_written,
    "rename": _while_a_part_is_renamed,
    "token": _while_a_token_is_noted,
    "spool": _while_the_spool_is_written,
}
