"""The spool's file: how it is made, opened, and looked at. See `spool` for what is done with it.

SQLite's locks belong to the process, and closing any descriptor of a file drops them all. Therefore
nothing in a process that has the spool open may open its file otherwise than through SQLite:
another process would take the spool for unused and tidy its write-ahead log away.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from suture.clock import from_micros
from suture.contracts.trace import Signal
from suture.errors import Unavailable
from suture.store import queries

PAGE_BYTES = 16384
LOCK_SECONDS = 30.0
LOG_BYTES = 64 * 1024 * 1024
"""What the write-ahead log shrinks to when it was larger for a while."""
CHECKPOINT_BYTES = 16 * 1024 * 1024
"""About so much a connection writes to the log before it moves the log into the file."""
COMMIT_BYTES = 4 * PAGE_BYTES
"""What a commit adds to the log beside what it is about."""
STEP_PAGES = 1024
"""Free pages go back to the disk in steps of this many, so that appends never wait for long."""
CHECKPOINT_LOCK_SECONDS = 1.0
"""Longer than any write of ours takes; but writers wait meanwhile for whoever reads for long."""
TIDY_LOCK_SECONDS = 0.2
"""How long tidying waits for others: it can wait for its next turn, they need not wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What of one signal waits to be loaded, and since when."""

    records: int
    items: int
    bytes: int
    oldest: datetime | None


def connect(path: Path) -> sqlite3.Connection:
    """Open the spool for reading and writing, and create it, readable by its owner only.

    A commit is on disk when it returns. Raises Unavailable where the file is no spool, or cannot be
    made.
    """
    try:
        _create_private(path)
    except OSError as error:
        reason = f"the spool cannot be made: {error.strerror or error}"
        raise Unavailable(reason, retry_after_seconds=5) from error
    with mapped_errors():
        connection = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        # Before anything is in the file: it could not be shrunk later.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # `checkpoint` does it: SQLite's own is the kind that can lose commits.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
        # What is deleted inside a page is overwritten; whole pages go with `give_back`.
        connection.execute("PRAGMA secure_delete = FAST")
    return connection


def give_back(connection: sqlite3.Connection, *, keep_bytes: int = 0) -> bool:
    """Shrink the file by one step of what is free beyond `keep_bytes`; says if it did."""
    with mapped_errors():
        free = _free_pages(connection)
        pages = min(free - keep_bytes // PAGE_BYTES, STEP_PAGES)
        if pages <= 0:
            return False
        # As a script, since a single statement is only stepped once, which frees one page.
        connection.executescript(f"PRAGMA incremental_vacuum({pages})")
        return _free_pages(connection) < free


def _free_pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])


def checkpoint(connection: sqlite3.Connection) -> None:
    """Move what is in the write-ahead log into the file, while nobody else writes.

    Several connections in two processes write. SQLite's own checkpoints run beside writers, and up
    to 3.51.2 one may, beside a writer that begins the log anew, mark commits as moved that never
    were: they are lost ("WAL-reset bug"). A FULL one holds the writers' lock throughout; only where
    it cannot have it in time is it such a one. Raises Unavailable where the disk does not take it.
    """
    with mapped_errors(), _patience(connection, CHECKPOINT_LOCK_SECONDS):
        connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()


def truncate_log(connection: sqlite3.Connection, path: Path) -> bool:
    """Empty the write-ahead log, which still holds what was deleted; False where others use it."""
    log = path.with_name(f"{path.name}-wal")
    try:
        if log.stat().st_size == 0:
            return True
    except FileNotFoundError:
        return True
    with mapped_errors(), _patience(connection, TIDY_LOCK_SECONDS):
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy


@contextmanager
def _patience(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Wait for others no longer than that."""
    connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000:.0f}")


def free_disk_bytes(path: Path) -> int:
    """How much the disk under `path` still takes from an account without privileges."""
    found = os.statvfs(path.parent)
    return found.f_bavail * found.f_frsize


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that changes nothing, beside the writers and from any process."""
    with mapped_errors():
        uri = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=LOCK_SECONDS)) as connection:
            yield connection


def pending_of(path: Path) -> dict[Signal, Pending]:
    """What waits in the spool at `path`, by signal; nothing where there is no spool yet."""
    if not path.exists():
        return {}
    with reading(path) as connection:
        return pending(connection)


def pending(connection: sqlite3.Connection) -> dict[Signal, Pending]:
    """What waits in an open spool, by signal."""
    sql = queries.load("spool")
    found = {}
    for signal, records, items, size in connection.execute(sql["pending"]).fetchall():
        oldest = None
        if records:
            oldest = connection.execute(sql["oldest_pending"], {"signal": signal}).fetchone()
        found[Signal(signal)] = Pending(
            records=records,
            items=items,
            bytes=size,
            oldest=from_micros(oldest[0]) if oldest else None,
        )
    return found


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turn SQLite's errors into Unavailable."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", "")
        what = "its disk is full" if code == "SQLITE_FULL" else f"{error} ({code or 'no code'})"
        raise Unavailable(f"the spool takes nothing: {what}", retry_after_seconds=5) from error


def _create_private(path: Path) -> None:
    """Make an empty file that only its owner can read, unless there is one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        return
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    os.close(descriptor)
    with suppress(FileExistsError):
        os.link(name, path)
    Path(name).unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
