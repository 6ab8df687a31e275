"""A staged log as OCEL 2.0 JSON, written element by element.

Values are text, as the standard's JSON schema wants them; their types say what they mean.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TextIO

import msgspec

from suture.app.ocel.staging import TIMES, LogEvent, LogObject, Staging
from suture.clock import from_micros, rfc3339

Told = Callable[[], None]


def write_json(log: Staging, out: TextIO, told: Told) -> None:
    """Write the log; `told` is called after each event and object."""
    out.write('{"objectTypes": ')
    _write_list(out, _types(log.object_types))
    out.write(',\n"eventTypes": ')
    _write_list(out, _types(log.event_types))
    out.write(',\n"objects": ')
    _write_list(out, map(_object, log.objects()), told)
    out.write(',\n"events": ')
    _write_list(out, map(_event, log.events()), told)
    out.write("}\n")


def _write_list(out: TextIO, items: Iterable[Any], told: Told = lambda: None) -> None:
    between = "[\n"
    for item in items:
        out.write(between + msgspec.json.encode(item).decode())
        between = ",\n"
        told()
    out.write("]" if between == ",\n" else "[]")


def _types(types: Mapping[str, set[str]]) -> Iterator[dict[str, Any]]:
    for name, attributes in types.items():
        declared = [
            {"name": attribute, "type": "time" if attribute in TIMES else "string"}
            for attribute in sorted(attributes)
        ]
        yield {"name": name, "attributes": declared}


def _object(one: LogObject) -> dict[str, Any]:
    return {
        "id": one.id,
        "type": one.type,
        "attributes": [
            {"name": name, "time": _time(since), "value": value}
            for name, since, value in one.attributes
        ],
        "relationships": [_relation(*related) for related in one.related],
    }


def _event(event: LogEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "type": event.type,
        "time": _time(event.at),
        "attributes": [{"name": name, "value": v} for name, v in event.attributes.items()],
        "relationships": [_relation(*named) for named in event.objects],
    }


def _relation(object_id: str, qualifier: str) -> dict[str, str]:
    return {"objectId": object_id, "qualifier": qualifier}


def _time(micros: int) -> str:
    return rfc3339(from_micros(micros))
