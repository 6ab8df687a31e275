"""OCEL 2.0 JSON: object-centric logs (ocel-standard.org, version 2.0, section JSON).

Events name objects by relationships, so types come from the log itself and a mapping only renames
them. The file is read whole, since objects may stand after the events that name them; each object
and event is decoded by itself, so that a bad one loses nothing else.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from collector.files.logfile import LogFile
from collector.files.mapping import LogMapping
from collector.files.rows import CHUNK_ROWS, BadRow, Cells, RawEvents, ReadReport
from collector.files.times import TimeReader
from suture.contracts.milestone import attribute_text
from suture.errors import InvalidInput, MalformedInput

PARTS = ("objectTypes", "eventTypes", "objects", "events")

Decoded = TypeVar("Decoded")


class _Value(msgspec.Struct):
    name: str
    value: Any = None


class _Relation(msgspec.Struct):
    object_id: str = msgspec.field(name="objectId")


class _Type(msgspec.Struct):
    name: str
    attributes: list[_Value] | None = None


class _Object(msgspec.Struct):
    id: str
    type: str
    relationships: list[_Relation] | None = None


class _Event(msgspec.Struct):
    id: str
    type: str
    time: str
    attributes: list[_Value] | None = None
    relationships: list[_Relation] | None = None


class OcelReader:
    """An OCEL 2.0 JSON file, read and checked as a whole when it is opened."""

    def __init__(
        self, file: LogFile, mapping: LogMapping, *, times: TimeReader, report: ReadReport
    ) -> None:
        """Read `file`; bad events are told to `report`, `times` reads their times.

        Raises MalformedInput for what is no JSON, InvalidInput for JSON that is no OCEL 2.0,
        DefinitionError where the mapping names a type or an attribute that the log lacks.
        """
        self._name = str(file.path)
        self._mapping = mapping
        self._times = times
        self._report = report
        content = b"".join(file.pieces())
        if file.damage:
            raise MalformedInput(f"{self._name}: {file.damage}")
        parts = self._parts(content)
        object_types = self._decode(parts["objectTypes"], list[_Type], "objectTypes")
        event_types = self._decode(parts["eventTypes"], list[_Type], "eventTypes")
        self._event_types = {t.name: t for t in event_types}
        self._check_mapping({t.name for t in object_types})
        self._type_names = {
            t.name: next((r.type or t.name for r in mapping.objects if r.column == t.name), t.name)
            for t in object_types
        }
        self._objects: dict[str, tuple[str, str]] = {}
        self._relations: list[tuple[str, str]] = []
        self._read_objects(self._decode(parts["objects"], list[msgspec.Raw], "objects"))
        self._events = self._decode(parts["events"], list[msgspec.Raw], "events")

    def events(self) -> Iterator[RawEvents]:
        """The events in the file's order, then one per relationship if the mapping wants them."""
        first_times: dict[str, tuple[int, str]] = {}
        for begin in range(0, len(self._events), CHUNK_ROWS):
            chunk = [
                (position, event)
                for index, raw in enumerate(self._events[begin : begin + CHUNK_ROWS], begin)
                if (position := f"events[{index}]")
                and (event := self._element(raw, _Event, position)) is not None
                and self._fits(event, position)
            ]
            if self._mapping.relations is not None:
                self._note_first_times(first_times, [event for _, event in chunk])
            yield self._raw(chunk)
        if self._mapping.relations is not None and self._relations:
            yield self._related(self._mapping.relations, first_times)

    def _parts(self, content: bytes) -> Mapping[str, msgspec.Raw]:
        try:
            parts = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        except msgspec.ValidationError as error:
            raise InvalidInput(f"{self._name}: not OCEL 2.0: {error}") from error
        except msgspec.DecodeError as error:
            raise MalformedInput(f"{self._name}: not JSON: {error}") from error
        if missing := [part for part in PARTS if part not in parts]:
            older = "; this is OCEL 1.0" if "ocel:events" in parts else ""
            raise InvalidInput(f"{self._name}: not OCEL 2.0: it has no {', '.join(missing)}{older}")
        return parts

    def _decode(self, raw: msgspec.Raw, type_: type[Decoded], part: str) -> Decoded:
        try:
            return msgspec.json.decode(raw, type=type_)
        except msgspec.DecodeError as error:
            raise InvalidInput(f"{self._name}: {part}: {error}") from error

    def _element(self, raw: msgspec.Raw, type_: type[Decoded], position: str) -> Decoded | None:
        try:
            return msgspec.json.decode(raw, type=type_)
        except msgspec.DecodeError as error:
            self._refuse(position, str(error))
            return None

    def _refuse(self, position: str, reason: str) -> None:
        self._report.read += 1
        self._report.refuse([BadRow(position=position, reason=reason)])

    def _read_objects(self, elements: list[msgspec.Raw]) -> None:
        for index, raw in enumerate(elements):
            try:
                item = msgspec.json.decode(raw, type=_Object)
            except msgspec.DecodeError as error:
                raise InvalidInput(f"{self._name}: objects[{index}]: {error}") from error
            if item.type not in self._type_names:
                message = f"objects[{index}] ({item.id}): there is no object type {item.type!r}"
                raise InvalidInput(f"{self._name}: {message}")
            if item.id in self._objects:
                raise InvalidInput(f"{self._name}: objects[{index}]: {item.id!r} stands twice")
            self._objects[item.id] = (self._type_names[item.type], item.id)
            self._relations += [(item.id, r.object_id) for r in item.relationships or ()]

    def _fits(self, event: _Event, position: str) -> bool:
        if event.type not in self._event_types:
            self._refuse(f"{position} ({event.id})", f"there is no event type {event.type!r}")
            return False
        named = [relation.object_id for relation in event.relationships or ()]
        unknown = [id_ for id_ in named if id_ not in self._objects]
        if unknown:
            self._refuse(f"{position} ({event.id})", f"there is no object {', '.join(unknown)}")
            return False
        return True

    def _raw(self, chunk: list[tuple[str, _Event]]) -> RawEvents:
        events = [event for _, event in chunk]
        given = [{a.name: attribute_text(a.value) for a in e.attributes or ()} for e in events]
        names = self._mapping.attributes
        if names is None:
            names = {name: name for name in sorted({name for cells in given for name in cells})}
        return RawEvents(
            positions=[f"{position} ({event.id})" for position, event in chunk],
            cases=None,
            ids=[event.id for event in events],
            names=[event.type for event in events],
            times=[event.time for event in events],
            objects=[
                tuple(self._objects[r.object_id] for r in event.relationships or ())
                for event in events
            ],
            attributes={name: [cells.get(c) for cells in given] for name, c in names.items()},
            outcomes=_cells(given, self._mapping.outcome.column),
            reasons=_cells(given, self._mapping.reason.column),
            sequences=_cells(given, self._mapping.sequence.column),
        )

    def _note_first_times(
        self, first_times: dict[str, tuple[int, str]], events: list[_Event]
    ) -> None:
        for event in events:
            try:
                time = (self._times.micros(event.time), event.time)
            except ValueError:
                continue  # The event is refused for it, where all events are checked.
            for relation in event.relationships or ():
                known = first_times.setdefault(relation.object_id, time)
                first_times[relation.object_id] = min(known, time)

    def _related(self, name: str, first_times: Mapping[str, tuple[int, str]]) -> RawEvents:
        pairs: list[tuple[str, str, str]] = []
        for one, other in self._relations:
            times = [first_times[id_] for id_ in (one, other) if id_ in first_times]
            position = f"relationship {one} to {other}"
            if other not in self._objects:
                self._refuse(position, f"there is no object {other}")
            elif not times:
                self._refuse(position, "no event names either object, so it has no time")
            else:
                pairs.append((one, other, min(times)[1]))
        return RawEvents(
            positions=[f"relationship {one} to {other}" for one, other, _ in pairs],
            cases=None,
            ids=[f"relationship|{one}|{other}" for one, other, _ in pairs],
            names=[name] * len(pairs),
            times=[time for _, _, time in pairs],
            objects=[(self._objects[one], self._objects[other]) for one, other, _ in pairs],
            attributes={},
            outcomes=None,
            reasons=None,
            sequences=None,
        )

    def _check_mapping(self, object_types: set[str]) -> None:
        mistakes = [
            (f"objects.{rule.type}", _lacks("object type", rule.column, object_types))
            for rule in self._mapping.objects
            if rule.column not in object_types
        ]
        declared = {a.name for t in self._event_types.values() for a in t.attributes or ()}
        mistakes += [
            (field, _lacks("event attribute", column, declared))
            for field, column in self._mapping.columns()
            if not field.startswith("objects.") and column not in declared
        ]
        if mistakes:
            raise self._mapping.error(*((f, f"{self._name} {message}") for f, message in mistakes))


def _cells(given: list[dict[str, str]], column: str | None) -> Cells | None:
    return None if column is None else [cells.get(column) or None for cells in given]


def _lacks(kind: str, name: str, known: set[str]) -> str:
    return f"has no {kind} {name!r}; it has {', '.join(sorted(known)) or 'none'}"
