"""OCEL 2.0 SQLite (ocel-standard.org, version 2.0, section relational).

Events pass through a type at a time; nothing is held but the relations, which SQLite sorts in files
of its own. The file is opened for reading only.
"""

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from collector.files.ocel_log import BadEvent, OcelEvent, OcelObject
from suture.contracts.milestone import attribute_text
from suture.errors import InvalidInput, MalformedInput
from suture.store.queries import load

MAGIC = b"SQLite format 3\x00"
"""How such a file begins."""

_TABLES = ("event", "object", "event_object", "event_map_type", "object_map_type")
_FIXED = frozenset({"ocel_id", "ocel_time"})
_HOLE = re.compile(r"\{\{(\w+)\}\}")


def is_sqlite(path: Path) -> bool:
    """Whether a file is an SQLite database; one that cannot be read is not."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


class SqliteOcel:
    """An OCEL 2.0 SQLite file; its structure is checked when it is opened. `close` it."""

    def __init__(self, path: Path) -> None:
        """Open the file at `path`.

        Raises MalformedInput for what is no database, InvalidInput for one that is no OCEL 2.0.
        """
        self.name = str(path)
        self._sql = load("ocel")
        self._columns: dict[str, list[str]] = {}
        # As it lies there: no journal is looked for, and nothing is locked.
        address = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
        with self._mapped():
            self._connection = sqlite3.connect(address, uri=True)
        try:
            with self._mapped():
                self._open()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def objects(self) -> Iterator[tuple[str, OcelObject]]:
        """Each object by its id."""
        for id_, type_, related in self._rows(self._sql["read_objects"]):
            found = OcelObject(id=_text(id_), type=_text(type_), related=_list(related))
            yield f"object {found.id}", found

    def events(self) -> Iterator[tuple[str, OcelEvent | BadEvent]]:
        """Each event by its id, a type after the other."""
        for type_, table in self._event_tables.items():
            columns = self._columns[type_]
            listed = "".join(f", t.{_quoted(column)}" for column in columns)
            sql = _filled(self._sql["read_events"], table=_quoted(table), columns=listed)
            for objects, id_, time, *values in self._rows(sql):
                yield f"event {_text(id_)}", _event(type_, columns, id_, time, objects, values)
            with self._mapped():
                note = _filled(self._sql["read_note_dated"], table=_quoted(table))
                self._connection.execute(note)
        for id_, type_ in self._rows(self._sql["read_undated"]):
            reason = f"it stands in no table of its type, {_text(type_)!r}, so it has no time"
            yield f"event {_text(id_)}", BadEvent(reason=reason)

    def _open(self) -> None:
        run, sql = self._connection.execute, self._sql
        run("PRAGMA trusted_schema = OFF")
        tables = {name for (name,) in run(sql["read_tables"])}
        if missing := [table for table in _TABLES if table not in tables]:
            raise InvalidInput(f"{self.name}: not OCEL 2.0: it has no table {', '.join(missing)}")
        self.object_types = frozenset(_text(t) for t, _ in run(sql["read_object_types"]))
        self._event_tables = {
            _text(type_): f"event_{_text(name)}" for type_, name in run(sql["read_event_types"])
        }
        for type_, table in self._event_tables.items():
            found = [name for (name,) in run(sql["read_columns"], (table,))]
            if lacking := sorted(_FIXED - set(found)):
                what = f"no {lacking[0]}" if found else "no such table"
                raise InvalidInput(f"{self.name}: {table}: has {what}")
            self._columns[type_] = [name for name in found if name not in _FIXED]
        self.event_types: Mapping[str, frozenset[str]] = {
            type_: frozenset(columns) for type_, columns in self._columns.items()
        }
        run(sql["read_named"])
        run(sql["read_index_named"])
        if "object_object" in tables:
            run(sql["read_related"])
        else:
            run(sql["read_no_related"])
        run(sql["read_index_related"])
        run(sql["read_dated"])

    def _rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        with self._mapped(), closing(self._connection.cursor()) as cursor:
            cursor.execute(sql)
            while some := cursor.fetchmany(10_000):
                yield from some

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise MalformedInput(f"{self.name}: cannot be read: {error}") from error


def _event(
    type_: str, columns: list[str], id_: Any, time: Any, objects: str, values: list[Any]
) -> OcelEvent | BadEvent:
    if id_ is None or time is None:
        return BadEvent(reason=f"the {'id' if id_ is None else 'time'} is missing")
    given = dict(zip(columns, values, strict=True))
    return OcelEvent(
        id=_text(id_),
        type=type_,
        time=_text(time),
        attributes={name: _text(value) for name, value in given.items() if value is not None},
        objects=_list(objects),
    )


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return attribute_text(value)


def _list(text: str) -> tuple[str, ...]:
    # Twice where an event names an object in two roles.
    return tuple(dict.fromkeys(_text(one) for one in json.loads(text)))


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _filled(sql: str, **parts: str) -> str:
    return _HOLE.sub(lambda hole: parts[hole[1]], sql)
