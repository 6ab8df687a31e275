"""OCEL 2.0: object-centric logs (ocel-standard.org), written in JSON or in SQLite.

Events name objects by relationships, so types come from the log itself and a mapping only renames
them, and may say which part of an object's id counts. What a log holds is read by `ocel_json` or
`ocel_sqlite`; objects are kept, events pass through.
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from collector.files.mapping import LogMapping
from collector.files.object_rules import ObjectRule
from collector.files.ocel_log import BadEvent, OcelEvent, OcelLog
from collector.files.rows import CHUNK_ROWS, BadRow, Cells, RawEvents, ReadReport
from collector.files.times import TimeReader
from suture.contracts.ocel import OUTCOME, OWN, REASON, SEQUENCE
from suture.errors import InvalidInput


class _Mention(NamedTuple):
    """An event that names an object: when it was, and what scopes the object in it."""

    micros: int
    time: str
    scope: str


class OcelReader:
    """The events of an OCEL 2.0 log under a mapping."""

    def __init__(
        self,
        log: OcelLog,
        mapping: LogMapping,
        *,
        times: TimeReader,
        report: ReadReport,
        scopes: Mapping[str, str] | None = None,
    ) -> None:
        """Read the objects of `log`; bad events are told to `report`, `times` reads their times.

        `scopes` are the object types that an attribute of the event scopes, with that attribute.

        Raises InvalidInput for bad objects, DefinitionError where the mapping names a type or an
        attribute that the log lacks.
        """
        self._log = log
        self._name = log.name
        self._mapping = _with_own(mapping, log)
        self._times = times
        self._report = report
        self._scopes = scopes or {}
        self._check_mapping()
        self._rules = {rule.column: rule for rule in reversed(mapping.objects)}
        self._objects: dict[str, tuple[str, str]] = {}
        self._relations: list[tuple[str, str]] = []
        self._read_objects()

    def events(self) -> Iterator[RawEvents]:
        """The events in the file's order, then one per relationship if the mapping wants them."""
        first: dict[str, _Mention] = {}
        events = self._log.events()
        while some := list(islice(events, CHUNK_ROWS)):
            chunk = []
            for position, event in some:
                if isinstance(event, BadEvent):
                    self._refuse(position, event.reason)
                elif self._fits(event, position):
                    chunk.append((position, event))
            if self._mapping.relations is not None:
                self._note_first(first, [event for _, event in chunk])
            yield self._raw(chunk)
        if self._mapping.relations is not None and self._relations:
            yield self._related(self._mapping.relations, first)

    def _refuse(self, position: str, reason: str) -> None:
        self._report.read += 1
        self._report.refuse([BadRow(position=position, reason=reason)])

    def _read_objects(self) -> None:
        for position, item in self._log.objects():
            if item.type not in self._log.object_types:
                message = f"{position} ({item.id}): there is no object type {item.type!r}"
                raise InvalidInput(f"{self._name}: {message}")
            if item.id in self._objects:
                raise InvalidInput(f"{self._name}: {position}: {item.id!r} stands twice")
            self._objects[item.id] = _known_as(item.type, item.id, self._rules.get(item.type))
            self._relations += [(item.id, related) for related in item.related]

    def _fits(self, event: OcelEvent, position: str) -> bool:
        if event.type not in self._log.event_types:
            self._refuse(f"{position} ({event.id})", f"there is no event type {event.type!r}")
            return False
        unknown = [id_ for id_ in event.objects if id_ not in self._objects]
        if unknown:
            self._refuse(f"{position} ({event.id})", f"there is no object {', '.join(unknown)}")
            return False
        return True

    def _raw(self, chunk: list[tuple[str, OcelEvent]]) -> RawEvents:
        events = [event for _, event in chunk]
        given = [event.attributes for event in events]
        names = self._mapping.attributes
        if names is None:
            known = sorted({name for cells in given for name in cells})
            names = {name: name for name in known if not name.startswith(OWN)}
        return RawEvents(
            positions=[f"{position} ({event.id})" for position, event in chunk],
            cases=None,
            ids=[event.id for event in events],
            names=[event.type for event in events],
            times=[event.time for event in events],
            objects=[
                tuple(dict.fromkeys(self._objects[id_] for id_ in event.objects))
                for event in events
            ],
            attributes={name: [cells.get(c) for cells in given] for name, c in names.items()},
            outcomes=_cells(given, self._mapping.outcome.column),
            reasons=_cells(given, self._mapping.reason.column),
            sequences=_cells(given, self._mapping.sequence.column),
        )

    def _note_first(self, first: dict[str, _Mention], events: list[OcelEvent]) -> None:
        for event in events:
            try:
                micros = self._times.micros(event.time)
            except ValueError:
                continue  # The event is refused for it, where all events are checked.
            for id_ in event.objects:
                mention = _Mention(micros, event.time, self._scope_in(event, id_))
                first[id_] = min(first.setdefault(id_, mention), mention)

    def _scope_in(self, event: OcelEvent, id_: str) -> str:
        """What scopes an object in an event that names it; empty where nothing does."""
        attribute = self._scopes.get(self._objects[id_][0])
        if attribute is None:
            return ""
        names = self._mapping.attributes
        column = attribute if names is None else names.get(attribute, "")
        return event.attributes.get(column, "")

    def _related(self, name: str, first: Mapping[str, _Mention]) -> RawEvents:
        pairs: list[tuple[str, str, str]] = []
        scopes: list[dict[str, str]] = []
        for one, other in self._relations:
            known = [(id_, first[id_]) for id_ in (one, other) if id_ in first]
            position = f"relationship {one} to {other}"
            if other not in self._objects:
                self._refuse(position, f"there is no object {other}")
                continue
            if not known:
                self._refuse(position, "no event names either object, so it has no time")
                continue
            # Scopes come from attributes, and one event has one value for each.
            scoped = [(self._scopes.get(self._objects[id_][0]), m.scope) for id_, m in known]
            said = {attribute: value for attribute, value in scoped if attribute}
            if any(said[attribute] != value for attribute, value in scoped if attribute):
                self._refuse(position, "no event can name both, since their scopes differ")
                continue
            pairs.append((one, other, min(mention for _, mention in known).time))
            scopes.append(said)
        attributes = sorted({attribute for said in scopes for attribute in said})
        return RawEvents(
            positions=[f"relationship {one} to {other}" for one, other, _ in pairs],
            cases=None,
            ids=[f"relationship|{one}|{other}" for one, other, _ in pairs],
            names=[name] * len(pairs),
            times=[time for _, _, time in pairs],
            objects=[(self._objects[one], self._objects[other]) for one, other, _ in pairs],
            attributes={a: [said.get(a) or None for said in scopes] for a in attributes},
            outcomes=None,
            reasons=None,
            sequences=None,
        )

    def _check_mapping(self) -> None:
        object_types = self._log.object_types
        mistakes = [
            (f"objects.{rule.type}", _lacks("object type", rule.column, object_types))
            for rule in self._mapping.objects
            if rule.column not in object_types
        ]
        declared = {name for some in self._log.event_types.values() for name in some}
        mistakes += [
            (field, _lacks("event attribute", column, declared))
            for field, column in self._mapping.columns()
            if not field.startswith("objects.") and column not in declared
        ]
        if mistakes:
            raise self._mapping.error(*((f, f"{self._name} {message}") for f, message in mistakes))


def _with_own(mapping: LogMapping, log: OcelLog) -> LogMapping:
    """The mapping with what a log of ours says of its events, where the mapping says nothing."""
    declared = {name for some in log.event_types.values() for name in some}
    own = {"outcome": OUTCOME, "reason": REASON, "sequence": SEQUENCE}
    taken = {
        field: getattr(mapping, field).model_copy(update={"column": name})
        for field, name in own.items()
        if name in declared and getattr(mapping, field).column is None
    }
    return mapping.model_copy(update=taken)


def _known_as(type_: str, id_: str, rule: ObjectRule | None) -> tuple[str, str]:
    """The type and id by which we know an object; a pattern that finds none leaves its id."""
    if rule is None:
        return type_, id_
    found = rule.objects(id_) if rule.pattern is not None else []
    return found[0] if found else (rule.type or type_, id_)


def _cells(given: list[Mapping[str, str]], column: str | None) -> Cells | None:
    return None if column is None else [cells.get(column) or None for cells in given]


def _lacks(kind: str, name: str, known: Collection[str]) -> str:
    return f"has no {kind} {name!r}; it has {', '.join(sorted(known)) or 'none'}"
