"""Instances as the API and the pages show them: filtered lists, and one with all that is known."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from suture.clock import to_micros
from suture.contracts.objects import ObjectKey, quote_part
from suture.contracts.process import InstanceStatus
from suture.contracts.verdict import SEVERITY_ORDER, VerdictState
from suture.definitions.process import ProcessDefinition
from suture.store.engine import Store
from suture.store.queries import load
from suture.store.reading.traces import TraceReader

_KEYS_AT_ONCE = 250
_STATES = [state.value for state in SEVERITY_ORDER]


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Where a page of instances ended: the sort key of its last row."""

    started_at: datetime
    process: str
    anchor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceFilter:
    """Which instances are asked for; everything given must hold.

    `started_from` / `started_to` are half-open over started_at. `sla` narrows `sla_state` and the
    judged times to one rule; without it `sla_state` is the worst of all verdicts.
    `judged_from` / `judged_to` are half-open over the instant at which a verdict is counted.
    `object_id` is normalised. `probable_duplicates` asks for those that have some.
    """

    environment: str
    process: str | None = None
    status: InstanceStatus | None = None
    sla: str | None = None
    sla_state: VerdictState | None = None
    object_type: str | None = None
    object_id: str = ""
    facets: Mapping[str, str] = field(default_factory=dict)
    started_from: datetime | None = None
    started_to: datetime | None = None
    judged_from: datetime | None = None
    judged_to: datetime | None = None
    probable_duplicates: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceRow:
    """One line of a list. `sla_state` is None where no rule has judged the instance."""

    environment: str
    process: str
    process_version: int
    anchor: ObjectKey
    status: InstanceStatus
    started_at: datetime
    start_inferred: bool
    last_at: datetime
    ended_at: datetime | None
    last_milestone: str
    facets: Mapping[str, str]
    money: float | None
    members_count: int
    sla_state: VerdictState | None

    @property
    def position(self) -> Position:
        """The sort key of this row."""
        return Position(
            started_at=self.started_at, process=self.process, anchor=self.anchor.encode()
        )

    def elapsed_micros(self, now: datetime) -> int:
        """From its start to its end, or to `now` while it runs; never negative."""
        return max(0, to_micros(self.ended_at or now) - to_micros(self.started_at))


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One event of an instance; outcomes other than `ok` are attempts."""

    milestone: str
    occurred_at: datetime
    recorded_at: datetime
    sequence: int
    source: str
    id: str
    system: str
    outcome: str
    reason: str
    trace_id: str
    objects: tuple[ObjectKey, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """An accepted relation with the best of its evidence, and how many pieces there are."""

    from_object: ObjectKey
    to_object: ObjectKey
    kind: str
    source: str
    id: str
    occurred_at: datetime
    evidence_count: int
    kinds: tuple[str, ...]

    @property
    def types(self) -> tuple[str, str]:
        """The types of the two objects."""
        return self.from_object.type, self.to_object.type


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceDetail:
    """One instance with its objects, links, events and trace ids.

    `definition` is the version it is held against, the newest where that one is not declared any
    more. `probable_duplicates` are anchors of the same process, by id.
    """

    row: InstanceRow
    definition: ProcessDefinition
    facet_history: Mapping[str, Any]
    objects: tuple[ObjectKey, ...]
    trace_ids: tuple[str, ...]
    members: tuple[Member, ...]
    links: tuple[Link, ...]
    probable_duplicates: tuple[ObjectKey, ...]


class InstanceReader:
    """Reads of instances; safe to share between threads."""

    def __init__(self, store: Store, processes: Sequence[str]) -> None:
        """`processes` are the names of all declared processes."""
        self._store = store
        self._processes = list(processes)
        self._sql = load("reading_instances")

    def page(
        self,
        wanted: InstanceFilter,
        *,
        now: datetime,
        limit: int,
        after: Position | None = None,
        offset: int = 0,
    ) -> list[InstanceRow]:
        """At most `limit` instances, newest started first, behind `after` or `offset` rows."""
        filters, parameters = self._where(wanted, now)
        if after is not None:
            filters.append(self._sql["filter_after"])
            parameters |= {
                "after_started": to_micros(after.started_at),
                "after_process": after.process,
                "after_anchor": after.anchor,
            }
        parameters |= {"limit": limit, "offset": offset}
        keys = self._store.rows(_fill(self._sql["page"], filters), parameters)
        return self._lines(keys, wanted.environment, now)

    def count(self, wanted: InstanceFilter, *, now: datetime) -> int:
        """How many instances `wanted` lets through."""
        filters, parameters = self._where(wanted, now)
        return int(self._store.rows(_fill(self._sql["count"], filters), parameters)[0]["found"])

    def one(
        self, *, anchor: ObjectKey, versions: Sequence[ProcessDefinition], now: datetime
    ) -> InstanceDetail | None:
        """One instance, or None; `versions` are those of its process, the newest last."""
        parameters = {
            "environment": anchor.environment,
            "process": versions[-1].process,
            "anchor": anchor.encode(),
            "now": to_micros(now),
        }
        rows = self._store.rows(self._sql["one"], parameters)
        if not rows:
            return None
        found = rows[0]
        held = (one for one in versions if one.version == found["process_version"])
        definition = next(held, versions[-1])
        parameters["declared"] = list(definition.milestone_names)
        members = [_member(row) for row in self._store.rows(self._sql["members"], parameters)]
        links = self._store.rows(self._sql["links"], parameters | {"objects": found["objects"]})
        return InstanceDetail(
            row=self._with_states(rows, anchor.environment)[0],
            facet_history=json.loads(found["facet_history"] or "{}"),
            objects=tuple(sorted(ObjectKey.decode(text) for text in found["objects"])),
            trace_ids=tuple(
                TraceReader(self._store).of_instance(
                    events=found["trace_ids"],
                    objects=found["objects"],
                    types=definition.object_types,
                )
            ),
            members=tuple(members),
            links=tuple(link for link in map(_link, links) if link.types in definition.type_pairs),
            definition=definition,
            probable_duplicates=self._duplicates(parameters | {"likeness": found["likeness"]}),
        )

    def _duplicates(self, parameters: Mapping[str, Any]) -> tuple[ObjectKey, ...]:
        if not parameters["likeness"]:
            return ()
        inner = self._sql["probable_duplicates"].replace(
            "{{candidates}}", self._sql["candidates_of_one"]
        )
        sql = self._sql["duplicates_of_one"].replace("{{probable_duplicates}}", inner)
        rows = self._store.rows(sql, parameters)
        return tuple(ObjectKey.decode(text) for row in rows for text in row["others"])

    def facet_values(
        self, facet: str, *, environment: str, process: str | None, limit: int = 200
    ) -> list[str]:
        """The values of a facet, most frequent first."""
        filters = [self._sql["filter_process"]] if process else []
        parameters = {
            "environment": environment,
            "process": process or "",
            "facet": facet,
            "limit": limit,
        }
        rows = self._store.rows(_fill(self._sql["facet_values"], filters), parameters)
        return [str(row["value"]) for row in rows]

    def _where(self, wanted: InstanceFilter, now: datetime) -> tuple[list[str], dict[str, Any]]:
        parameters: dict[str, Any] = {"environment": wanted.environment, "now": to_micros(now)}
        verdicts = " ".join(self._sql[name] for name in _verdict_filters(wanted))
        filters = []
        for name, values in _active(wanted):
            sql = self._sql[name].replace(
                "{{probable_duplicates}}", self._sql["probable_duplicates"]
            )
            sql = sql.replace("{{candidates}}", self._sql["candidates_all"])
            filters.append(sql.replace("{{verdict_filters}}", verdicts))
            parameters |= values
        if wanted.sla:
            parameters["sla"] = wanted.sla
        if wanted.object_type is not None:
            parameters["object_processes"] = [wanted.process] if wanted.process else self._processes
        return filters, parameters

    def _lines(
        self, keys: Sequence[Mapping[str, Any]], environment: str, now: datetime
    ) -> list[InstanceRow]:
        """The instances with these keys, in their order."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            parameters = {
                "environment": environment,
                "processes": sorted({key["process"] for key in some}),
                "anchors": [key["anchor"] for key in some],
                "now": to_micros(now),
            }
            for row in self._store.rows(self._sql["lines"], parameters):
                found[row["process"], row["anchor"]] = row
        ordered = [(key["process"], key["anchor"]) for key in keys]
        return self._with_states([found[k] for k in ordered if k in found], environment)

    def _with_states(self, rows: list[dict[str, Any]], environment: str) -> list[InstanceRow]:
        states: dict[tuple[str, str], str] = {}
        for start in range(0, len(rows), _KEYS_AT_ONCE):
            some = rows[start : start + _KEYS_AT_ONCE]
            parameters = {
                "environment": environment,
                "processes": sorted({row["process"] for row in some}),
                "anchors": [row["anchor"] for row in some],
                "order": _STATES,
            }
            for row in self._store.rows(self._sql["worst_states"], parameters):
                states[row["process"], row["anchor"]] = row["worst"]
        return [_instance(row, states.get((row["process"], row["anchor"]))) for row in rows]


def _active(wanted: InstanceFilter) -> Iterator[tuple[str, dict[str, Any]]]:
    """The SQL blocks a filter needs, each with its parameters."""
    if wanted.process:
        yield "filter_process", {"process": wanted.process}
    if wanted.status:
        yield "filter_status", {"status": wanted.status.value}
    if wanted.started_from:
        yield "filter_started_from", {"started_from": to_micros(wanted.started_from)}
    if wanted.started_to:
        yield "filter_started_to", {"started_to": to_micros(wanted.started_to)}
    if wanted.facets:
        names, values = list(wanted.facets), list(wanted.facets.values())
        yield "filter_facets", {"facet_names": names, "facet_values": values}
    if wanted.object_type is not None:
        prefix = f"{quote_part(wanted.environment)}|{quote_part(wanted.object_type)}|"
        yield "filter_object", {"object_prefix": prefix, "object_id": wanted.object_id}
    if wanted.sla_state:
        down_to = _STATES.index(wanted.sla_state.value) + 1
        yield "filter_sla_state", {"states": _STATES[:down_to]}
    if wanted.judged_from and wanted.judged_to:
        judged = {
            "judged_from": to_micros(wanted.judged_from),
            "judged_to": to_micros(wanted.judged_to),
        }
        yield "filter_judged", judged
    if wanted.probable_duplicates:
        yield "filter_duplicates", {}


def _verdict_filters(wanted: InstanceFilter) -> Iterator[str]:
    if wanted.process:
        yield "verdicts_of_process"
    if wanted.sla:
        yield "verdicts_of_sla"


def _fill(sql: str, filters: Sequence[str]) -> str:
    return sql.replace("{{filters}}", "\n".join(filters))


def _instance(row: Mapping[str, Any], worst: str | None) -> InstanceRow:
    return InstanceRow(
        environment=row["environment"],
        process=row["process"],
        process_version=row["process_version"],
        anchor=ObjectKey.decode(row["anchor"]),
        status=InstanceStatus(row["shown_status"]),
        started_at=row["started_at"],
        start_inferred=bool(row["start_inferred"]),
        last_at=row["last_at"],
        ended_at=row["ended_at"],
        last_milestone=row["last_milestone"],
        facets=dict(row["facets"]),
        money=row["money"],
        members_count=row["members_count"],
        sla_state=VerdictState(worst) if worst else None,
    )


def _member(row: Mapping[str, Any]) -> Member:
    keys = tuple(ObjectKey.decode(text) for text in row["objects"])
    return Member(**{**row, "objects": keys})


def _link(row: Mapping[str, Any]) -> Link:
    kind, source, id_, occurred_at = row["best"]
    return Link(
        from_object=ObjectKey.decode(row["from_object"]),
        to_object=ObjectKey.decode(row["to_object"]),
        kind=kind,
        source=source,
        id=id_,
        occurred_at=occurred_at,
        evidence_count=row["evidence_count"],
        kinds=tuple(row["kinds"]),
    )
