"""Event logs read by the standard library alone, to hold the product against.

Imports no product code. `read_xes`, `read_csv` and `read_ocel` give what is in a file; `by_case`
groups it; `cycle_times` and `reach` compute instances the plain way, one by one.
"""

import csv
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree


@dataclass(frozen=True, kw_only=True)
class LogEvent:
    """One event of a case, as its file has it; `time` is in UTC."""

    case: str
    name: str
    time: datetime
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ObjectEvent:
    """One event of an object-centric log; `objects` are (type, id)."""

    id: str
    name: str
    time: datetime
    objects: tuple[tuple[str, str], ...]
    attributes: Mapping[str, str] = field(default_factory=dict)


def _open(path: Path) -> Any:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def read_xes(path: Path) -> list[LogEvent]:
    """The events of all traces in order; only attributes with a plain value are kept."""
    events = []
    with _open(path) as file:
        for _, trace in ElementTree.iterparse(file):
            if trace.tag.rpartition("}")[2] != "trace":
                continue
            case = next((c.get("value") for c in trace if c.get("key") == "concept:name"), "")
            for element in trace:
                if element.tag.rpartition("}")[2] == "event":
                    cells = {c.get("key"): c.get("value") for c in element if c.get("value")}
                    name, time = cells.pop("concept:name"), _utc(cells.pop("time:timestamp"))
                    events.append(LogEvent(case=case, name=name, time=time, attributes=cells))
            trace.clear()
    return events


def read_csv(path: Path, *, case: str, name: str, time: str) -> list[LogEvent]:
    """The rows of a comma-separated file in order; an empty cell is no attribute."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [
            LogEvent(
                case=row.pop(case),
                name=row.pop(name),
                time=_utc(row.pop(time)),
                attributes={column: cell for column, cell in row.items() if cell},
            )
            for row in csv.DictReader(file)
        ]


def read_ocel(path: Path) -> list[ObjectEvent]:
    """The events of an OCEL 2.0 JSON file in order."""
    with _open(path) as file:
        log = json.load(file)
    types = {item["id"]: item["type"] for item in log["objects"]}
    return [
        ObjectEvent(
            id=event["id"],
            name=event["type"],
            time=_utc(event["time"]),
            objects=tuple(
                (types[r["objectId"]], r["objectId"]) for r in event.get("relationships", ())
            ),
            attributes={a["name"]: a["value"] for a in event.get("attributes", ())},
        )
        for event in log["events"]
    ]


def by_case(events: Iterable[LogEvent]) -> dict[str, list[tuple[str, datetime]]]:
    """(name, time) of each case's events, in time, equal times in the file's order."""
    cases: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
    for event in events:
        cases[event.case].append((event.name, event.time))
    return {case: sorted(found, key=lambda e: e[1]) for case, found in cases.items()}


def look_alikes(events: Iterable[LogEvent]) -> int:
    """How many events share case, name and time with another one."""
    counts = Counter((event.case, event.name, event.time) for event in events)
    return sum(count for count in counts.values() if count > 1)


def cycle(
    history: Sequence[tuple[str, datetime]], *, starts: Collection[str], completes: str
) -> tuple[datetime, datetime | None]:
    """When an instance begins and when it is complete, out of the (name, time) of its events.

    It begins at its first event named in `starts`, or at its first event; it is complete at the
    first `completes` at or after that.
    """
    begun = min((time for name, time in history if name in starts), default=None)
    begun = begun or min(time for _, time in history)
    done = min((t for name, t in history if name == completes and t >= begun), default=None)
    return begun, done


def cycle_times(
    events: Iterable[LogEvent], *, starts: Collection[str], completes: str
) -> dict[str, tuple[datetime, datetime | None]]:
    """`cycle` of every case, by names as they are in the file."""
    return {
        case: cycle(history, starts=starts, completes=completes)
        for case, history in by_case(events).items()
    }


@dataclass(frozen=True, kw_only=True)
class Reached:
    """An instance of an object-centric process: what it reaches, and the events about that."""

    objects: frozenset[tuple[str, str]]
    events: tuple[ObjectEvent, ...]


def reach(
    events: Collection[ObjectEvent], *, anchor: str, paths: Collection[tuple[str, str]]
) -> dict[str, Reached]:
    """Per object of type `anchor` its instance: paths are followed downwards only.

    An event that names objects of the anchor's type belongs to those alone.
    """
    links: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    about: dict[tuple[str, str], set[int]] = defaultdict(set)
    ordered = sorted(events, key=lambda event: event.time)
    for index, event in enumerate(ordered):
        for one in event.objects:
            about[one].add(index)
            links[one] |= {other for other in event.objects if (one[0], other[0]) in paths}
    found = {}
    for root in sorted(one for one in about if one[0] == anchor):
        reached, fresh = {root}, {root}
        while fresh:
            fresh = {other for one in fresh for other in links[one]} - reached
            reached |= fresh
        near = [ordered[index] for index in sorted({i for one in reached for i in about[one]})]
        members = [
            event
            for event in near
            if root in event.objects or all(type_ != anchor for type_, _ in event.objects)
        ]
        found[root[1]] = Reached(objects=frozenset(reached), events=tuple(members))
    return found
