"""A staged log as OCEL 2.0 SQLite: the standard's tables, one more for each type.

Times are UTC without an offset, as in the standard's own files.
"""

import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from suture.app.ocel.names import column_names, table_names
from suture.app.ocel.staging import LogObject, Staging
from suture.clock import from_micros
from suture.contracts.ocel import OWN
from suture.errors import InvalidInput
from suture.store.queries import load

MOST_ATTRIBUTES = 1_900
"""Of one type; a table of SQLite has at most 2,000 columns."""

_BATCH = 5_000
_FIXED: Mapping[str, tuple[str, ...]] = {
    "event_map_type": ("ocel_type", "ocel_type_map"),
    "object_map_type": ("ocel_type", "ocel_type_map"),
    "event": ("ocel_id", "ocel_type"),
    "object": ("ocel_id", "ocel_type"),
    "event_object": ("ocel_event_id", "ocel_object_id", "ocel_qualifier"),
    "object_object": ("ocel_source_id", "ocel_target_id", "ocel_qualifier"),
}
_HOLE = re.compile(r"\{\{(\w+)\}\}")
_EVENT_COLUMNS = ("ocel_id", "ocel_time")
_OBJECT_COLUMNS = ("ocel_id", "ocel_time", "ocel_changed_field")

Told = Callable[[], None]


class _Table:
    """One table of a type: its quoted name, and the column of each attribute."""

    def __init__(self, name: str, attributes: Iterable[str], columns: Mapping[str, str]) -> None:
        self.name = _quoted(name)
        self.columns = {attribute: columns[attribute] for attribute in sorted(attributes)}
        if len(self.columns) > MOST_ATTRIBUTES:
            raise InvalidInput(
                f"table {name} needs {len(self.columns):,} columns for attributes, and SQLite's"
                f" tables have room for {MOST_ATTRIBUTES:,}: export JSON"
            )

    @property
    def declared(self) -> str:
        return "".join(f",\n    {_quoted(column)} TEXT" for column in self.columns.values())


def event_columns(log: Staging) -> dict[str, str]:
    """What the attributes of events are called in SQLite: the same in the tables of all types."""
    return _columns(log.event_types, _EVENT_COLUMNS)


def write_sqlite(log: Staging, path: Path, told: Told) -> None:
    """Write the log into a new file; `told` is called after each event and object.

    Raises InvalidInput where a type has too many attributes for a table.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        _Writer(connection, log).write(told)
        connection.execute("COMMIT")


class _Writer:
    def __init__(self, connection: sqlite3.Connection, log: Staging) -> None:
        self._connection, self._log = connection, log
        self._sql = load("ocel")

    def write(self, told: Told) -> None:
        for table in _FIXED:
            self._connection.execute(self._sql[f"ocel_{table}"])
        objects = self._tables("object", self._log.object_types, _OBJECT_COLUMNS)
        events = self._tables("event", self._log.event_types, _EVENT_COLUMNS)
        for some in _batches(self._log.objects()):
            self._insert("object", ((one.id, one.type) for one in some))
            for one in some:
                for row in _states(one):
                    self._insert_row(objects[one.type], _OBJECT_COLUMNS, *row)
                told()
            self._insert(
                "object_object", ((one.id, *related) for one in some for related in one.related)
            )
        for found in _batches(self._log.events()):
            self._insert("event", ((event.id, event.type) for event in found))
            for event in found:
                fixed = (event.id, _time(event.at))
                self._insert_row(events[event.type], _EVENT_COLUMNS, fixed, event.attributes)
                told()
            self._insert(
                "event_object", ((event.id, *named) for event in found for named in event.objects)
            )

    def _tables(
        self, kind: str, types: Mapping[str, set[str]], fixed: tuple[str, ...]
    ) -> dict[str, _Table]:
        taken = [name.removeprefix(f"{kind}_") for name in _FIXED if name.startswith(f"{kind}_")]
        names, columns = table_names(types, taken), _columns(types, fixed)
        self._insert(f"{kind}_map_type", names.items())
        tables = {}
        for type_, attributes in types.items():
            table = tables[type_] = _Table(f"{kind}_{names[type_]}", attributes, columns)
            sql = self._sql[f"ocel_{kind}s_of_type"]
            self._connection.execute(_filled(sql, table=table.name, columns=table.declared))
        return tables

    def _insert(self, table: str, rows: Iterable[tuple[str, ...]]) -> None:
        self._connection.executemany(self._statement(_quoted(table), _FIXED[table]), rows)

    def _insert_row(
        self,
        table: _Table,
        fixed: tuple[str, ...],
        values: tuple[str | None, ...],
        attributes: Mapping[str, str],
    ) -> None:
        names = (*fixed, *(table.columns[name] for name in attributes))
        self._connection.execute(
            self._statement(table.name, names), (*values, *attributes.values())
        )

    def _statement(self, table: str, columns: tuple[str, ...]) -> str:
        listed, values = ", ".join(map(_quoted, columns)), ", ".join("?" * len(columns))
        return _filled(self._sql["ocel_insert"], table=table, columns=listed, values=values)


def _columns(types: Mapping[str, set[str]], fixed: Collection[str]) -> dict[str, str]:
    """Our own attributes keep their names in any case."""
    attributes = {name for some in types.values() for name in some}
    return column_names(sorted(attributes, key=lambda n: (not n.startswith(OWN), n)), fixed)


def _states(one: LogObject) -> Iterator[tuple[tuple[str | None, ...], dict[str, str]]]:
    """How an object began, then each change: the fixed columns, and the attributes."""
    begun = {name: value for name, since, value in one.attributes if not since}
    yield (one.id, _time(0), None), begun
    for name, since, value in one.attributes:
        if since:
            yield (one.id, _time(since), name), {name: value}


def _batches(items: Iterator[Any]) -> Iterator[list[Any]]:
    while some := list(islice(items, _BATCH)):
        yield some


def _filled(sql: str, **parts: str) -> str:
    """A statement with its holes filled, in one go: a name may look like a hole."""
    return _HOLE.sub(lambda hole: parts[hole[1]], sql)


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _time(micros: int) -> str:
    return from_micros(micros).replace(tzinfo=None).isoformat(sep=" ")
