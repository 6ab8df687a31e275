"""A log on its way: everything once, on disk, so that memory is bounded whatever a process holds.

Instances share events and objects, and a log holds each once. Which attributes a type has, and
which ids are nobody else's, is known only at the end. So all of it goes into an SQLite file first.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Self

import msgspec

from suture.app.ocel.names import EventNames, ObjectNames
from suture.clock import from_micros, rfc3339
from suture.contracts.objects import ObjectKey
from suture.contracts.ocel import OUTCOME, OWN, REASON, SEQUENCE
from suture.definitions.process import ProcessDefinition
from suture.store.queries import load
from suture.store.reading.exporting import ExportChunk, ExportedEvent, ExportedInstance

TIMES = frozenset({f"{OWN}started_at", f"{OWN}ended_at"})
"""Attributes that are times; all others are text, as we keep them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """An event of a log: (object, qualifier) for each object it names. Times are microseconds."""

    id: str
    type: str
    at: int
    attributes: dict[str, str]
    objects: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogObject:
    """An object of a log: (name, since, value) of its attributes, (object, qualifier) of relations.

    A value that holds from the beginning is one since 1970.
    """

    id: str
    type: str
    attributes: tuple[tuple[str, int, str], ...]
    related: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a log holds.

    `unshown` of the relations are such that no event of the log names both objects. `renamed` are
    the types of objects that have another id in the log.
    """

    events: int
    objects: int
    relations: int
    unshown: int
    renamed: tuple[str, ...]


class Staging:
    """The file. Add chunks, `finish` once, then read; use it in a `with` block, in one thread."""

    def __init__(self, path: Path, process: ProcessDefinition) -> None:
        """Make the file at `path`. What `process` declares is in the log even where none came."""
        self._sql = load("ocel")
        self._connection = sqlite3.connect(path, isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
            self._connection.execute(f"PRAGMA {setting}")
        for table in ("objects", "events", "event_objects", "links"):
            self._connection.execute(self._sql[f"create_{table}"])
        self._declared = {name: index for index, name in enumerate(process.milestone_names, 1)}
        self.event_types: dict[str, set[str]] = {name: set() for name in process.milestone_names}
        self.object_types: dict[str, set[str]] = {t: set() for t in sorted(process.object_types)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def add(self, chunk: ExportChunk) -> None:
        """Take in some instances; what came before is left as it is."""
        named = {key for event in chunk.events for key in event.objects}
        named |= {key for one in chunk.instances for key in one.objects}
        described = [(_text(self._described(one)), one.anchor) for one in chunk.instances]
        self._connection.execute("BEGIN")
        self._run("add_object", (_object(key) for key in sorted(named)))
        self._run("describe_object", described)
        self._run("add_event", (self._event(event) for event in chunk.events))
        self._run(
            "add_event_object",
            (
                (event.key, position, key)
                for event in chunk.events
                for position, key in enumerate(event.objects)
            ),
        )
        self._run(
            "add_link",
            ((link.from_object, link.to_object) for link in chunk.links),
        )
        self._connection.execute("COMMIT")

    def finish(self) -> Totals:
        """Give everything its id, and keep the order of events that only their source decides."""
        run, sql = self._connection.execute, self._sql
        for (type_,) in run(sql["object_types"]):
            self.object_types.setdefault(type_, set())
        sources = [source for (source,) in run(sql["event_sources"])]
        self._connection.create_function("object_name", 4, ObjectNames(self.object_types))
        self._connection.create_function("event_name", 3, EventNames(sources))
        self._connection.create_function("declared", 1, lambda type_: self._declared.get(type_, 0))
        for step in ("index_objects", "name_objects", "index_events", "name_events"):
            run(sql[step])
        for step in ("index_times", "keep_order", "index_named"):
            run(sql[step])
        for (type_,) in run(sql["ordered_types"]):
            self.event_types[type_].add(SEQUENCE)
        events, objects, relations, unshown = run(sql["totals"]).fetchone()
        return Totals(
            events=events,
            objects=objects,
            relations=relations,
            unshown=unshown,
            renamed=tuple(type_ for (type_,) in run(sql["renamed_types"])),
        )

    def events(self) -> Iterator[LogEvent]:
        """All events in the order of time."""
        for _, group in groupby(self._rows("events"), key=itemgetter(0)):
            rows = list(group)
            _, id_, type_, at, sequence, attributes = rows[0][:6]
            ordered = {SEQUENCE: str(sequence)} if sequence else {}
            yield LogEvent(
                id=id_,
                type=type_,
                at=at,
                attributes=msgspec.json.decode(attributes) | ordered,
                objects=tuple((name, kind) for *_, name, kind in rows if name is not None),
            )

    def objects(self) -> Iterator[LogObject]:
        """All objects by type."""
        for _, group in groupby(self._rows("objects"), key=itemgetter(0)):
            rows = list(group)
            _, id_, type_, attributes = rows[0][:4]
            yield LogObject(
                id=id_,
                type=type_,
                attributes=tuple(
                    (name, at, value) for name, at, value in msgspec.json.decode(attributes or "[]")
                ),
                related=tuple(
                    (name, f"leads to {kind}") for *_, name, kind in rows if name is not None
                ),
            )

    def systems(self) -> dict[str, str]:
        """The system that reports each milestone, mostly."""
        return {type_: system for type_, system, _ in self._rows("systems")}

    def _rows(self, block: str) -> Iterator[tuple]:  # type: ignore[type-arg]
        with closing(self._connection.cursor()) as cursor:
            yield from cursor.execute(self._sql[block])

    def _run(self, block: str, rows: Iterable[tuple]) -> None:  # type: ignore[type-arg]
        self._connection.executemany(self._sql[block], rows)

    def _described(self, one: ExportedInstance) -> list[tuple[str, int, str]]:
        """The attributes of an instance's anchor: its facets with their history, and what it is."""
        own = {"status": one.status, "started_at": rfc3339(from_micros(one.started))}
        if one.ended is not None:
            own["ended_at"] = rfc3339(from_micros(one.ended))
        if one.money is not None:
            own["money"] = repr(one.money)
        found = [(f"{OWN}{name}", 0, value) for name, value in own.items()]
        for name, value in sorted(one.facets.items()):
            found += _over_time(name, one.facet_history.get(name, ()), value)
        known = self.object_types.setdefault(ObjectKey.decode(one.anchor).type, set())
        known.update(name for name, _, _ in found)
        return found

    def _event(self, event: ExportedEvent) -> tuple[object, ...]:
        own = {
            f"{OWN}source": event.source,
            f"{OWN}system": event.system,
            OUTCOME: event.outcome if event.outcome != "ok" else "",
            REASON: event.reason,
            f"{OWN}trace_id": event.trace_id,
        }
        brought = sorted(event.attributes.items())
        attributes = {name: value for name, value in brought if not name.startswith(OWN)}
        attributes |= {name: value for name, value in own.items() if value}
        self.event_types.setdefault(event.milestone, set()).update(attributes)
        return (
            event.key,
            event.milestone,
            event.at,
            event.sequence,
            event.source,
            event.id,
            event.system,
            _text(attributes),
        )


def _text(content: object) -> str:
    return msgspec.json.encode(content).decode()


def _object(key: str) -> tuple[str, str, str, str]:
    parts = ObjectKey.decode(key)
    return key, parts.type, parts.scope, parts.id


def _over_time(
    name: str, history: Iterable[tuple[str, int]], value: str
) -> list[tuple[str, int, str]]:
    """A facet's values with the instants from which they hold; the first holds since 1970.

    What ended before 1970 is left out, since a log's values begin there.
    """
    found = []
    since = 0
    for earlier, until in history:
        if until > since:
            found.append((name, since, earlier))
            since = until
    return [*found, (name, since, value)]
