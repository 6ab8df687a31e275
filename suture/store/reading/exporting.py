"""Instances with all that belongs to them, some at a time, for whoever writes them elsewhere."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from suture.clock import to_micros
from suture.store.engine import Store
from suture.store.queries import load

INSTANCES = 2_000
MEMBERS = 20_000
"""A chunk holds at most so many instances, and ends earlier where they have so many events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFilter:
    """Which instances: of one process, started in [started_from, started_to), with these facets.

    With `first_mentions` the earliest event that names each anchor is among the events, whatever
    its milestone: where a process has several versions it decides which one counts.
    """

    environment: str
    process: str
    started_from: datetime | None = None
    started_to: datetime | None = None
    facets: Mapping[str, str] = field(default_factory=dict)
    first_mentions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedInstance:
    """One instance. Times are microseconds since 1970; objects are keys.

    `facet_history` has for each facet the values it had before, and until when.
    """

    anchor: str
    status: str
    started: int
    ended: int | None
    money: float | None
    facets: Mapping[str, str]
    facet_history: Mapping[str, Sequence[tuple[str, int]]]
    objects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedEvent:
    """One event of one or more instances, with all its attributes."""

    key: str
    milestone: str
    at: int
    sequence: int
    source: str
    id: str
    system: str
    outcome: str
    reason: str
    trace_id: str
    objects: tuple[str, ...]
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedLink:
    """An accepted relation."""

    from_object: str
    to_object: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportChunk:
    """Some instances with their events and links; other chunks may hold the same ones again."""

    instances: Sequence[ExportedInstance]
    events: Sequence[ExportedEvent]
    links: Sequence[ExportedLink]


class ExportReader:
    """Reads one process chunk by chunk, in bounded memory."""

    def __init__(self, store: Store, *, instances: int = INSTANCES, members: int = MEMBERS) -> None:
        """Over one store; chunks are at most so large, but for a single larger instance."""
        self._store = store
        self._sql = load("exporting")
        self._instances, self._members = instances, members

    def count(self, wanted: ExportFilter) -> int:
        """How many instances there are."""
        sql = self._sql["count"].replace("{{filters}}", self._filters(wanted))
        return int(self._store.rows(sql, _parameters(wanted))[0]["found"])

    def chunks(self, wanted: ExportFilter, *, now: datetime) -> Iterator[ExportChunk]:
        """All instances, in the order of their keys; `now` decides who is stalled."""
        sql = self._sql["instances"].replace("{{filters}}", self._filters(wanted))
        parameters = _parameters(wanted) | {"now": to_micros(now), "limit": self._instances}
        after = ""
        while rows := self._store.rows(sql, parameters | {"after": after}):
            after = rows[-1]["anchor"]
            for group in self._groups(rows):
                yield self._chunk(wanted, [_instance(row) for row in group])

    def _groups(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
        group: list[Mapping[str, Any]] = []
        total = 0
        for row in rows:
            if group and total + row["members_count"] > self._members:
                yield group
                group, total = [], 0
            group.append(row)
            total += row["members_count"]
        yield group

    def _chunk(self, wanted: ExportFilter, instances: list[ExportedInstance]) -> ExportChunk:
        store, sql, parameters = self._store, self._sql, {"process": wanted.process}
        anchors = pl.Series([one.anchor for one in instances], dtype=pl.String)
        objects = pl.Series(
            sorted({key for one in instances for key in one.objects}), dtype=pl.String
        )
        events = list(store.lookup(sql["events"], anchors, parameters).iter_rows(named=True))
        if wanted.first_mentions:
            known = {row["event_key"] for row in events}
            first = store.lookup(sql["first_mentions"], anchors).iter_rows(named=True)
            events += [row for row in first if row["event_key"] not in known]
        facts = store.lookup(sql["attributes"], objects)
        attributes = {
            key: dict(zip(names, values, strict=True)) for key, names, values in facts.iter_rows()
        }
        links = [
            ExportedLink(from_object=row["from_object"], to_object=row["to_object"])
            for row in store.lookup(sql["links"], objects, parameters).iter_rows(named=True)
        ]
        return ExportChunk(
            instances=instances,
            events=[_event(row, attributes.get(row["event_key"], {})) for row in events],
            links=links,
        )

    def _filters(self, wanted: ExportFilter) -> str:
        chosen = {
            "filter_from": wanted.started_from,
            "filter_to": wanted.started_to,
            "filter_facets": wanted.facets or None,
        }
        return "\n".join(self._sql[name] for name, value in chosen.items() if value is not None)


def _parameters(wanted: ExportFilter) -> dict[str, Any]:
    found: dict[str, Any] = {"environment": wanted.environment, "process": wanted.process}
    if wanted.started_from is not None:
        found["started_from"] = to_micros(wanted.started_from)
    if wanted.started_to is not None:
        found["started_to"] = to_micros(wanted.started_to)
    if wanted.facets:
        found["facet_names"] = list(wanted.facets)
        found["facet_values"] = list(wanted.facets.values())
    return found


def _instance(row: Mapping[str, Any]) -> ExportedInstance:
    history = json.loads(row["facet_history"] or "{}")
    return ExportedInstance(
        anchor=row["anchor"],
        status=row["shown_status"],
        started=row["started"],
        ended=row["ended"],
        money=row["money"],
        facets=dict(zip(row["facet_names"], row["facet_values"], strict=True)),
        facet_history={
            name: [(one["value"], to_micros(datetime.fromisoformat(one["until"]))) for one in some]
            for name, some in history.items()
        },
        objects=tuple(row["objects"]),
    )


def _event(row: Mapping[str, Any], attributes: Mapping[str, str]) -> ExportedEvent:
    return ExportedEvent(
        key=row["event_key"],
        milestone=row["milestone"],
        at=row["at"],
        sequence=row["sequence"],
        source=row["source"],
        id=row["id"],
        system=row["system"],
        outcome=row["outcome"],
        reason=row["reason"],
        trace_id=row["trace_id"],
        objects=tuple(row["objects"]),
        attributes=attributes,
    )
