"""The engine port: one way to reach ClickHouse, whether in this process or behind HTTP.

The store is opened once per process, after any fork and before any thread of ours queries it: the
embedded engine allows one owner per directory, and a forked child would hang. Calls borrow a client
from a pool, so any number of threads may share a store: readers never wait for a load, and a
verdict never queues behind one. There are no sessions, so behind HTTP every call may be answered by
another server of a replicated set.
"""

import copy
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Self

import polars as pl
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from suture.errors import InstallationError, StoreError
from suture.store.address import DEFAULT_DATABASE, StoreAddress, embedded_url
from suture.store.clients import Connector
from suture.store.driver_errors import mapped_errors
from suture.store.embedded import claim_scratch, release_scratch, with_schema_file
from suture.store.polling import Polls
from suture.store.pool import ClientPool
from suture.store.queries import load
from suture.store.values import (
    arrow_to_frame,
    external_keys,
    frame_to_arrow,
    in_utc,
    insert_settings,
    parameters_for,
    row_values,
)

__all__ = ["DEFAULT_DATABASE", "READERS", "WRITERS", "Store", "StoreAddress", "embedded_url"]

READERS = 4
WRITERS = 3
TIMEOUT_SECONDS = 300.0
CONNECT_TIMEOUT_SECONDS = 10.0
_FEW_KEYS = 100
"""So many keys are cheaper inside the statement than the three it takes to put them beside it."""
_ONE_THREAD = {"max_threads": 1}
"""For inserts of rows that are a block or two: more threads would have nothing to do."""
_SQL = load("engine")
_INSIDE = [
    tuple(_SQL[name].splitlines()[-1] for name in names)
    for names in (("among_rows", "among_items"), ("keys_in_table", "keys_in_parameter"))
]
"""How a statement that asks for keys beside it is made one that has them inside."""


class Store:
    """An open store. Safe to share between threads; close it once.

    Every method raises StoreUnavailable for what passes by itself (a timeout, a lost connection, no
    memory or disk space at the moment, a closed store) and StoreRefused for what does not (a wrong
    statement, data that does not fit).

    A read whose kept-alive connection turns out to be dead is sent once more. A body of
    `insert_arrow` and `insert_bytes` is not: only its caller knows how to find out whether it
    arrived. The rows of `insert` are, under the same token; so a table without a deduplication
    window that is fed by it must be one that replaces.
    """

    def __init__(
        self,
        url: str,
        *,
        max_memory_bytes: int | None = None,
        readers: int = READERS,
        timeout_seconds: float = TIMEOUT_SECONDS,
        connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
    ) -> None:
        """Open the store at `url` and create its database where it is missing.

        `max_memory_bytes` caps the embedded engine; only the first store that a process opens sets
        it, and a server has its own limits. `timeout_seconds` bounds every read, and behind HTTP
        every call. Raises StoreLocked when another process owns the directory, StoreUnavailable
        when no server answers, InstallationError when the address, the directory or the server's
        version will not do.
        """
        self.address = StoreAddress.parse(url)
        cap = {"max_server_memory_usage": str(max_memory_bytes)} if max_memory_bytes else {}
        self._connector = Connector(
            address=self.address,
            engine_options=cap,
            timeout_seconds=timeout_seconds,
            connect_timeout_seconds=connect_timeout_seconds,
        )
        self._process = os.getpid()
        self._check: Callable[[], None] | None = None
        self._readers = self._pool(self._connector.reader, readers)
        # Look-ups borrow from the writers, so that no crowd of readers holds up a stage.
        self._writers = self._pool(self._connector.writer, WRITERS)
        self._readers.adopt(self._connector.first())
        self._column_types: dict[tuple[str, ...], Sequence[Any]] = {}
        self._polls = Polls()
        self._previous_scratch: str | None = None
        if self.address.path is not None:
            try:
                self._previous_scratch = claim_scratch(self.address.path)
            except InstallationError:
                self._readers.close()
                raise

    @property
    def embedded(self) -> bool:
        """Whether the engine runs inside this process."""
        return self.address.path is not None

    @property
    def closed(self) -> bool:
        """Whether it takes no calls any more."""
        return self._writers.closed

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
        bound = parameters_for(parameters)
        with self._borrow(self._readers) as client:
            result = client.query(sql, parameters=bound, settings=dict(settings or {}))
            found = list(result.named_results())
        times = [
            name
            for name, kind in zip(result.column_names, result.column_types, strict=True)
            if "DateTime" in kind.name
        ]
        for row in found:
            for name in times:
                row[name] = in_utc(row[name])
        return found

    def poll(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, of: Sequence[str]
    ) -> list[dict[str, Any]]:
        """What `rows` gives, of a query that is asked often and depends on the tables `of` alone.

        The embedded engine, where nobody else can write, is only asked again once one of them was
        written to through this store.
        """
        if not self.embedded:
            return self.rows(sql, parameters)
        return self._polls.ask(lambda: self.rows(sql, parameters), sql, parameters or {}, of)

    def written_elsewhere(self) -> None:
        """Say that something was written, and not through this store."""
        self._polls.note_write(None)

    def frame(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> pl.DataFrame:
        """The result of a query as a Polars frame; an empty result keeps its columns.

        DateTime64 columns are in UTC. Arrow has no name for a DateTime or an Enum: those arrive as
        seconds since 1970 and as numbers, so select DateTime64 and text. `settings` cost the
        embedded engine about ten milliseconds a call.
        """
        bound = parameters_for(parameters)
        with self._borrow(self._readers) as client:
            table = client.query_arrow(sql, parameters=bound, settings=dict(settings or {}))
        return arrow_to_frame(table)

    def lookup(
        self, sql: str, keys: pl.Series, parameters: Mapping[str, Any] | None = None
    ) -> pl.DataFrame:
        """What `lookup_arrow` finds, as a Polars frame."""
        return arrow_to_frame(self.lookup_arrow(sql, keys, parameters))

    def lookup_arrow(
        self, sql: str, keys: pl.Series, parameters: Mapping[str, Any] | None = None
    ) -> pa.Table:
        """Run `sql`, which selects by `IN (SELECT key FROM lookup_keys)`, for many text keys.

        The keys travel beside the statement, as no engine takes tens of thousands of values inside
        one: as a temporary table of this connection, or as external data of this request. (The
        embedded engine takes a few inside.) So any number of look-ups, of any number of processes,
        run side by side. A null is no key.
        """
        bound = parameters_for(parameters)
        wanted = keys.cast(pl.String).drop_nulls().unique()
        with self._borrow(self._writers) as client:
            if not self.embedded:
                keys_file = external_keys(_key_table(wanted))
                return client.query_arrow(sql, parameters=bound, external_data=keys_file)
            if wanted.len() <= _FEW_KEYS:
                for beside, inside in _INSIDE:
                    sql = sql.replace(beside, inside)
                bound["lookup_keys"] = wanted.to_list()
                return client.query_arrow(sql, parameters=bound)
            return _look_up_embedded(client, sql, bound, _key_table(wanted))

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that gives no rows."""
        bound = parameters_for(parameters)
        with self._borrow_to_write() as client:
            client.command(sql, parameters=bound)

    def insert(
        self, table: str, rows: Sequence[Mapping[str, Any]], *, token: str | None = None
    ) -> None:
        """Insert a few rows given as dictionaries that all have the same keys.

        Columns they lack take their defaults. For `token` see `insert_arrow`.
        """
        if not rows:
            return
        columns = list(rows[0])
        data = [row_values(table, number, row, columns) for number, row in enumerate(rows)]
        with self._borrow_to_insert(table) as client:
            chosen = _ONE_THREAD | insert_settings(token)
            shape = (table, *columns)
            types = self._column_types.pop(shape, None)
            context = client.create_insert_context(
                table, columns, data=data, column_types=types, settings=chosen
            )
            client.insert(context=context)
            # Known for the next time, unless this one failed: the table may be another one now.
            self._column_types[shape] = context.column_types

    def insert_frame(
        self,
        table: str,
        frame: pl.DataFrame,
        *,
        token: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Insert a frame by column names; columns it lacks take their defaults."""
        if frame.height:
            self.insert_arrow(table, frame_to_arrow(frame), token=token, settings=settings)

    def insert_arrow(
        self,
        table: str,
        content: pa.Table,
        *,
        token: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Insert an Arrow table by column names; maps must be Arrow maps.

        Two inserts with the same `token` into a table with a deduplication window count once;
        without one every call counts, also with the same rows.
        """
        chosen = _ONE_THREAD | insert_settings(token) | dict(settings or {})
        with self._borrow_to_insert(table) as client:
            client.insert_arrow(table, content, settings=chosen)

    def insert_bytes(
        self,
        table: str,
        body: bytes,
        *,
        format: str,
        settings: Mapping[str, Any] | None = None,
        token: str | None = None,
    ) -> None:
        """Insert a body in one of the engine's own formats (Protobuf, JSONEachRow, …)."""
        chosen = insert_settings(token) | dict(settings or {})
        with self._borrow_to_insert(table) as client:
            if self.address.path is not None:
                chosen = with_schema_file(self.address.path, chosen)
            # As a stream, since the driver would send bytes a second time by itself.
            client.raw_insert(table, insert_block=io.BytesIO(body), fmt=format, settings=chosen)

    def guarded(self, check: Callable[[], None]) -> "Store":
        """The same store, for somebody who may write only while `check` raises nothing.

        It shares the clients of this one, which stays the one to close.
        """
        guarded = copy.copy(self)
        guarded._check = check  # noqa: SLF001 - it is one of us
        return guarded

    def close(self, *, cancel_reads_after_seconds: float | None = None) -> None:
        """Refuse new calls, wait for those under way, and close every client.

        Embedded reads that still run after `cancel_reads_after_seconds` are cancelled; behind HTTP
        the timeout bounds them. Closing twice does nothing.
        """
        self._writers.refuse()
        patience = cancel_reads_after_seconds if self.embedded else None
        if not self._readers.close(within_seconds=patience):
            canceller = self._connector.writer()
            with mapped_errors():
                canceller.command(_SQL["cancel_reads"])
            self._readers.close()
            canceller.close()
        self._writers.close()
        if self.address.path is not None:
            release_scratch(self.address.path, self._previous_scratch)

    def __enter__(self) -> Self:
        """Use the store in a `with` block, which closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def _pool(self, connect: Callable[[], Client], size: int) -> ClientPool:
        return ClientPool(
            connect,
            size=size,
            wait_seconds=self._connector.timeout_seconds,
            # What an embedded query gave before it failed would begin the next answer.
            replace_failed=self.embedded,
        )

    def _borrow_to_insert(self, table: str) -> AbstractContextManager[Client]:
        return self._borrow_to_write(table, f"insert into {table}")

    @contextmanager
    def _borrow_to_write(self, table: str | None = None, doing: str = "") -> Iterator[Client]:
        """A client to write to one table with, or to whichever."""
        with self._borrow(self._writers, doing) as client:
            if self._check is not None:
                self._check()
            try:
                yield client
            finally:
                # A write that failed may still have been made.
                self._polls.note_write(table)

    @contextmanager
    def _borrow(self, pool: ClientPool, doing: str = "") -> Iterator[Client]:
        if os.getpid() != self._process:
            raise StoreError("the store was opened before this process was forked: open it after")
        with pool.borrow() as client, mapped_errors(doing):
            yield client


def _key_table(keys: pl.Series) -> pa.Table:
    return frame_to_arrow(pl.DataFrame({"key": keys}))


def _look_up_embedded(client: Client, sql: str, bound: dict[str, Any], keys: pa.Table) -> pa.Table:
    client.command(_SQL["begin_lookup"])
    try:
        client.insert_arrow("lookup_keys", keys)
        return client.query_arrow(sql, parameters=bound)
    finally:
        client.command(_SQL["end_lookup"])
