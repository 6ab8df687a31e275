"""OCEL 2.0 JSON (ocel-standard.org, version 2.0, section JSON).

The file is read whole, since objects may stand after the events that name them; each object and
event is decoded by itself, so that a bad one loses nothing else.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from collector.files.logfile import LogFile
from collector.files.ocel_log import BadEvent, OcelEvent, OcelObject
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


class JsonOcel:
    """An OCEL 2.0 JSON file, read and checked as a whole when it is opened."""

    def __init__(self, file: LogFile) -> None:
        """Read `file`.

        Raises MalformedInput for what is no JSON, InvalidInput for JSON that is no OCEL 2.0.
        """
        self.name = str(file.path)
        content = b"".join(file.pieces())
        if file.damage:
            raise MalformedInput(f"{self.name}: {file.damage}")
        parts = self._parts(content)
        object_types = self._decode(parts["objectTypes"], list[_Type], "objectTypes")
        event_types = self._decode(parts["eventTypes"], list[_Type], "eventTypes")
        self.object_types = frozenset(t.name for t in object_types)
        self.event_types = {
            t.name: frozenset(a.name for a in t.attributes or ()) for t in event_types
        }
        self._objects = self._decode(parts["objects"], list[msgspec.Raw], "objects")
        self._events = self._decode(parts["events"], list[msgspec.Raw], "events")

    def objects(self) -> Iterator[tuple[str, OcelObject]]:
        """Each object by its index; raises InvalidInput for a bad one."""
        for index, raw in enumerate(self._objects):
            item = self._decode(raw, _Object, f"objects[{index}]")
            related = tuple(r.object_id for r in item.relationships or ())
            yield f"objects[{index}]", OcelObject(id=item.id, type=item.type, related=related)

    def events(self) -> Iterator[tuple[str, OcelEvent | BadEvent]]:
        """Each event by its index."""
        for index, raw in enumerate(self._events):
            yield f"events[{index}]", _event(raw)

    def _parts(self, content: bytes) -> Mapping[str, msgspec.Raw]:
        try:
            parts = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        except msgspec.ValidationError as error:
            raise InvalidInput(f"{self.name}: not OCEL 2.0: {error}") from error
        except msgspec.DecodeError as error:
            raise MalformedInput(f"{self.name}: not JSON: {error}") from error
        if missing := [part for part in PARTS if part not in parts]:
            older = "; this is OCEL 1.0" if "ocel:events" in parts else ""
            raise InvalidInput(f"{self.name}: not OCEL 2.0: it has no {', '.join(missing)}{older}")
        return parts

    def _decode(self, raw: msgspec.Raw, type_: type[Decoded], part: str) -> Decoded:
        try:
            return msgspec.json.decode(raw, type=type_)
        except msgspec.DecodeError as error:
            raise InvalidInput(f"{self.name}: {part}: {error}") from error


def _event(raw: msgspec.Raw) -> OcelEvent | BadEvent:
    try:
        item = msgspec.json.decode(raw, type=_Event)
    except msgspec.DecodeError as error:
        return BadEvent(reason=str(error))
    return OcelEvent(
        id=item.id,
        type=item.type,
        time=item.time,
        attributes={a.name: attribute_text(a.value) for a in item.attributes or ()},
        objects=tuple(r.object_id for r in item.relationships or ()),
    )
