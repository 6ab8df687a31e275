"""The engine port: one way to reach ClickHouse, whether in this process or behind HTTP.

The store is opened once per process, after any fork and before any thread of ours queries it: the
embedded engine allows one owner per directory, and a forked child would hang. A client serves one
call at a time, so calls borrow one from a pool: readers never wait for a load, and a verdict never
queues behind one.
"""

import queue
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import clickhouse_connect
import polars as pl
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError, ProgrammingError

from suture.errors import InstallationError, StoreLocked, StoreRefused, StoreUnavailable

READERS = 4
WRITERS = 3
DEFAULT_DATABASE = "suture"

# An insert is done when its rows are in the table; the server's queue would acknowledge earlier.
_BASE_SETTINGS: Mapping[str, Any] = {"async_insert": 0, "deduplicate_blocks_in_dependent_materialized_views": 1}

_UNAVAILABLE_CODES = frozenset({3, 159, 209, 210, 241, 252, 279, 319, 425, 999})
"""Engine errors that pass by themselves: timeouts, network, memory pressure, too many parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAddress:
    """Where a store is: a directory of the embedded engine, or a server."""

    database: str
    path: Path | None = None
    host: str = ""
    port: int = 0
    secure: bool = False
    user: str = "default"
    password: str = ""

    @classmethod
    def parse(cls, url: str) -> "StoreAddress":
        """Read `chdb:///directory[?database=name]` or `http(s)://user:password@host:8123/database`.

        Raises InstallationError for anything else.
        """
        parts = urlsplit(url)
        if parts.scheme == "chdb":
            if not parts.path or parts.netloc:
                raise InstallationError(f"store {url!r}: expected chdb:///absolute/directory")
            database = parse_qs(parts.query).get("database", [DEFAULT_DATABASE])[0]
            return cls(database=database, path=Path(unquote(parts.path)))
        if parts.scheme in ("http", "https") and parts.hostname:
            secure = parts.scheme == "https"
            return cls(
                database=parts.path.strip("/") or DEFAULT_DATABASE,
                host=parts.hostname,
                port=parts.port or (8443 if secure else 8123),
                secure=secure,
                user=unquote(parts.username or "default"),
                password=unquote(parts.password or ""),
            )
        raise InstallationError(
            "the store's address must be chdb:///directory or http(s)://user:password@host:8123/database"
        )


class Store:
    """An open store. Safe to share between threads; close it once, after they have stopped."""

    def __init__(
        self, url: str, *, max_memory_bytes: int | None = None, readers: int = READERS
    ) -> None:
        """Open the store at `url` and create its database where it is missing.

        `max_memory_bytes` caps the embedded engine; a server has its own limits. Raises StoreLocked
        when another process owns the directory, StoreUnavailable when no server answers.
        """
        self.address = StoreAddress.parse(url)
        self._options = {"max_server_memory_usage": str(max_memory_bytes)} if max_memory_bytes else {}
        self._lookup_lock = threading.Lock()
        if self.address.path is not None:
            self._prepare_directory(self.address.path)
        with _mapped_errors():
            first = self._connect(database=None)
            engine = " ENGINE = Atomic" if self.embedded else ""
            first.command(f"CREATE DATABASE IF NOT EXISTS `{self.address.database}`{engine}")
            first.close()
        self._readers = self._pool(readers)
        self._writers = self._pool(WRITERS)

    @property
    def embedded(self) -> bool:
        """Whether the engine runs inside this process."""
        return self.address.path is not None

    @property
    def database(self) -> str:
        """The database all tables live in."""
        return self.address.database

    def rows(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """The result of a query as dictionaries; times are aware datetimes in UTC."""
        with self._borrow(self._readers) as client:
            result = client.query(sql, parameters=dict(parameters or {}), settings=dict(settings or {}))
            return list(result.named_results())

    def frame(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> pl.DataFrame:
        """The result of a query as a Polars frame; an empty result keeps its columns."""
        with self._borrow(self._readers) as client:
            table = client.query_arrow(
                sql, parameters=dict(parameters or {}), settings=dict(settings or {})
            )
        frame = pl.from_arrow(table)
        if not isinstance(frame, pl.DataFrame):
            raise StoreRefused("the store answered with something that is no table")
        return frame

    def lookup(
        self, sql: str, keys: pl.Series, parameters: Mapping[str, Any] | None = None
    ) -> pl.DataFrame:
        """Run `sql`, which selects by `IN (SELECT key FROM lookup_keys)`, for many text keys.

        The keys travel through a table in memory, since neither engine takes tens of thousands of
        values in a statement. One look-up runs at a time.
        """
        table = pl.DataFrame({"key": keys.cast(pl.String)}).unique()
        with self._lookup_lock, self._borrow(self._writers) as client:
            client.command("TRUNCATE TABLE lookup_keys")
            client.insert_arrow("lookup_keys", _arrow(table))
            frame = pl.from_arrow(client.query_arrow(sql, parameters=dict(parameters or {})))
        if not isinstance(frame, pl.DataFrame):
            raise StoreRefused("the store answered with something that is no table")
        return frame

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that gives no rows."""
        with self._borrow(self._writers) as client:
            client.command(sql, parameters=dict(parameters or {}))

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert a few rows given as dictionaries that all have the same keys."""
        if not rows:
            return
        columns = list(rows[0])
        with self._borrow(self._writers) as client:
            client.insert(table, [[row[c] for c in columns] for row in rows], column_names=columns)

    def insert_frame(self, table: str, frame: pl.DataFrame) -> None:
        """Insert a frame by column names; columns it lacks take their defaults."""
        if frame.height:
            self.insert_arrow(table, _arrow(frame))

    def insert_arrow(self, table: str, content: pa.Table) -> None:
        """Insert an Arrow table by column names; maps must be Arrow maps."""
        with self._borrow(self._writers) as client:
            client.insert_arrow(table, content)

    def insert_bytes(
        self, table: str, body: bytes, *, format: str, settings: Mapping[str, Any] | None = None
    ) -> None:
        """Insert a body in one of the engine's own formats (Protobuf, JSONEachRow, …)."""
        with self._borrow(self._writers) as client:
            client.raw_insert(table, insert_block=body, fmt=format, settings=dict(settings or {}))

    def close(self) -> None:
        """Close every client; waits for calls under way."""
        for pool, size in ((self._readers, self._readers.maxsize), (self._writers, self._writers.maxsize)):
            for _ in range(size):
                pool.get().close()

    def _pool(self, size: int) -> "queue.LifoQueue[Client]":
        pool: queue.LifoQueue[Client] = queue.LifoQueue(maxsize=size)
        with _mapped_errors():
            for _ in range(size):
                pool.put(self._connect(database=self.address.database))
        return pool

    def _connect(self, *, database: str | None) -> Client:
        address = self.address
        if address.path is not None:
            return clickhouse_connect.get_client(
                interface="chdb",
                path=str(address.path),
                database=database,
                settings=dict(_BASE_SETTINGS),
                tz_mode="aware",
                chdb_options=dict(self._options),
            )
        return clickhouse_connect.get_client(
            host=address.host,
            port=address.port,
            username=address.user,
            password=address.password,
            secure=address.secure,
            database=database or "default",
            settings=dict(_BASE_SETTINGS),
            tz_mode="aware",
            autogenerate_session_id=False,
        )

    @contextmanager
    def _borrow(self, pool: "queue.LifoQueue[Client]") -> Iterator[Client]:
        client = pool.get()
        try:
            with _mapped_errors():
                yield client
        finally:
            pool.put(client)

    @staticmethod
    def _prepare_directory(path: Path) -> None:
        """Make the directory, and a place inside it for the driver's temporary files.

        The driver hands inserts to the embedded engine through temporary files, which a killed
        process leaves behind: they belong to the store's directory and are swept when it opens.
        """
        scratch = path.parent / f"{path.name}.tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        for leftover in scratch.glob("tmp*"):
            leftover.unlink(missing_ok=True)
        tempfile.tempdir = str(scratch)


def _arrow(frame: pl.DataFrame) -> pa.Table:
    # The engine knows no string views, which are how Polars holds text.
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


@contextmanager
def _mapped_errors() -> Iterator[None]:
    try:
        yield
    except ClickHouseError as error:
        raise _as_ours(error) from error
    except ConnectionError as error:
        raise StoreUnavailable(f"the store does not answer: {error}") from error


def _as_ours(error: ClickHouseError) -> Exception:
    message = str(error)
    code = int(getattr(error, "code", 0) or 0)
    if "Cannot lock file" in message or "Another server instance" in message:
        return StoreLocked("another process owns this embedded store: stop it, or use its doors")
    if code in _UNAVAILABLE_CODES:
        return StoreUnavailable(message)
    if isinstance(error, OperationalError) and not code:
        return StoreUnavailable(message)
    if isinstance(error, ProgrammingError) and not code:
        return StoreRefused(message)
    return StoreRefused(message, code=code)
