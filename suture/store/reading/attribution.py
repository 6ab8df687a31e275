"""Where the time went: of one instance, and of many together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from suture.clock import to_micros
from suture.contracts.attribution import Attribution, Cause, Piece, Tail
from suture.store.engine import Store
from suture.store.queries import load

FACET = "facet."
_COLUMNS = {
    "process": ("process",),
    "step": ("process", "from_milestone", "to_milestone"),
    "cause": ("cause",),
    "system": ("system",),
}
_EVERY_COLUMN = frozenset(column for some in _COLUMNS.values() for column in some)
_SHOWN = {"from_milestone": "from", "to_milestone": "to"}
DIMENSIONS = tuple(_COLUMNS)
"""What time can be grouped by, beside `facet.<name>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionFilter:
    """Which instances are asked about; started_at in [started_from, started_to)."""

    environment: str
    process: str | None = None
    started_from: datetime | None = None
    started_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much time a group has, over how many instances; `causes` splits it, largest first.

    `by` names the group: empty for all together, None for no system or the step that still runs.
    """

    by: Mapping[str, str | None]
    micros: int
    instances: int
    causes: Mapping[Cause, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Something that instances have in common: how many have it, and how many of them are late."""

    kind: str
    name: str
    value: str
    instances: int
    late: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAttribution:
    """An attribution as it was written: by which change of its instance, by which definitions."""

    attribution: Attribution
    change: int
    rules: int


class AttributionReader:
    """Reads of attributions; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store
        self._sql = load("reading_attribution")

    def one(self, *, environment: str, process: str, anchor: str) -> Attribution | None:
        """The attribution of an instance; None where it was not attributed yet."""
        found = self.stored(environment=environment, process=process, anchor=anchor)
        return found.attribution if found else None

    def stored(self, *, environment: str, process: str, anchor: str) -> StoredAttribution | None:
        """The same with what it was computed from."""
        parameters = {"environment": environment, "process": process, "anchor": anchor}
        rows = self._store.rows(self._sql["one"], parameters)
        if not rows:
            return None
        row = rows[0]
        return StoredAttribution(
            attribution=_attribution(row), change=row["change"], rules=row["rules"]
        )

    def some(
        self, environment: str, instances: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], Attribution]:
        """The attributions of some (process, anchor), as far as they were attributed."""
        if not instances:
            return {}
        parameters = {
            "environment": environment,
            "processes": sorted({process for process, _ in instances}),
            "anchors": sorted({anchor for _, anchor in instances}),
        }
        rows = self._store.rows(self._sql["some"], parameters)
        return {(row["process"], row["anchor"]): _attribution(row) for row in rows}

    def shares(
        self, wanted: AttributionFilter, by: Sequence[str], *, now: datetime
    ) -> tuple[list[Share], Share]:
        """Time by dimensions (see `DIMENSIONS`, and facets), most first; and all of it together.

        Open instances count up to `now`.
        """
        parameters = self._parameters(wanted) | {"now": to_micros(now)}
        shown: dict[str, str] = {}
        group: list[str] = []
        for number, one in enumerate(by):
            if one in _COLUMNS:
                shown |= {column: _SHOWN.get(column, column) for column in _COLUMNS[one]}
            else:
                name = f"f{number}"
                shown[name] = one.removeprefix(FACET)
                parameters[f"facet_{number}"] = shown[name]
                group.append(f"facets[{{facet_{number}:String}}] AS {name}")
        keys = [name for name in shown if name != "cause"]
        group = [*(name for name in keys if name in _EVERY_COLUMN), *group]
        return self._shares(self._grouped(wanted, group, keys, parameters), shown, keys)

    def features(
        self, wanted: AttributionFilter, *, least: int, limit: int = 500
    ) -> tuple[Feature, list[Feature]]:
        """All instances, and what at least `least` late ones have in common."""
        parameters = self._parameters(wanted) | {"least": least, "limit": limit + 1}
        sql = self._sql["features"].replace("{{filters}}", self._filters(wanted))
        found = [
            Feature(
                kind=row["kind"],
                name=row["name"],
                value=row["value"],
                instances=row["instances"],
                late=row["late_instances"],
            )
            for row in self._store.rows(sql, parameters)
        ]
        nothing = Feature(kind="all", name="", value="", instances=0, late=0)
        everything = next((one for one in found if one.kind == "all"), nothing)
        return everything, [one for one in found if one.kind != "all"]

    def _grouped(
        self,
        wanted: AttributionFilter,
        group: Sequence[str],
        keys: Sequence[str],
        parameters: Mapping[str, Any],
    ) -> list[dict[str, Any]]:
        listed = "".join(f"{name}, " for name in keys)
        sets = {"()", "(cause)", f"({listed.rstrip(', ')})", f"({listed}cause)"}
        holes = {
            "group": "".join(f"{column}, " for column in group),
            "grouped": f"grouping({keys[0]}) = 0" if keys else "0",
            "sets": ", ".join(sorted(sets)),
            "by": listed,
            "filters": self._filters(wanted),
        }
        sql = self._sql["shares"]
        for hole, text in holes.items():
            sql = sql.replace(f"{{{{{hole}}}}}", text)
        return self._store.rows(sql, parameters)

    def _shares(
        self, rows: Sequence[Mapping[str, Any]], shown: Mapping[str, str], keys: Sequence[str]
    ) -> tuple[list[Share], Share]:
        causes: dict[tuple[bool, tuple[str, ...]], dict[Cause, int]] = {}
        for row in rows:
            if row["by_cause"]:
                key = (bool(row["grouped"]), tuple(row[name] for name in keys))
                causes.setdefault(key, {})[Cause(row["cause"])] = row["micros"]
        items, total = [], Share(by={}, micros=0, instances=0, causes={})
        for row in rows:
            grouped, by_cause = bool(row["grouped"]), bool(row["by_cause"])
            every = causes.get((grouped, tuple(row[name] for name in keys)), {})
            if not grouped and not by_cause and row["instances"]:
                total = _share(row, {}, every)
            if grouped == bool(keys) and by_cause == ("cause" in shown) and shown:
                own = {Cause(row["cause"]): row["micros"]} if by_cause else every
                items.append(_share(row, shown, own))
        return items, total

    def _filters(self, wanted: AttributionFilter) -> str:
        chosen = {
            "filter_process": wanted.process,
            "filter_from": wanted.started_from,
            "filter_to": wanted.started_to,
        }
        return "\n".join(self._sql[name] for name, value in chosen.items() if value is not None)

    def _parameters(self, wanted: AttributionFilter) -> dict[str, Any]:
        parameters: dict[str, Any] = {"environment": wanted.environment}
        if wanted.process is not None:
            parameters["process"] = wanted.process
        if wanted.started_from is not None:
            parameters["started_from"] = to_micros(wanted.started_from)
        if wanted.started_to is not None:
            parameters["started_to"] = to_micros(wanted.started_to)
        return parameters


def _share(row: Mapping[str, Any], shown: Mapping[str, str], causes: Mapping[Cause, int]) -> Share:
    return Share(
        by={title: row[name] or None for name, title in shown.items()},
        micros=row["micros"],
        instances=row["instances"],
        causes=causes,
    )


def _attribution(row: Mapping[str, Any]) -> Attribution:
    tail = None
    if row["tail_since"] is not None:
        rest = Piece(
            start=row["tail_since"],
            end=row["tail_since"],
            from_milestone=row["tail_from"],
            to_milestone=None,
            cause=Cause(row["tail_cause"]),
            system=row["tail_system"] or None,
            why=row["tail_why"],
            evidence=tuple(row["tail_evidence"]),
        )
        tail = Tail(since=row["tail_since"], rest=rest, planned=tuple(_planned(row)))
    columns = ("start", "end", "from", "to", "cause", "system", "why", "evidence")
    rows = zip(*(row[f"piece_{column}"] for column in columns), strict=True)
    return Attribution(
        pieces=tuple(
            Piece(
                start=start,
                end=end,
                from_milestone=from_,
                to_milestone=to or None,
                cause=Cause(cause),
                system=system or None,
                why=why,
                evidence=tuple(evidence),
            )
            for start, end, from_, to, cause, system, why, evidence in rows
        ),
        tail=tail,
        error_types=tuple(row["error_types"]),
    )


def _planned(row: Mapping[str, Any]) -> list[Piece]:
    columns = ("start", "end", "system", "why", "evidence")
    rows = zip(*(row[f"planned_{column}"] for column in columns), strict=True)
    return [
        Piece(
            start=start,
            end=end,
            from_milestone=row["tail_from"],
            to_milestone=None,
            cause=Cause.PLANNED_WAIT,
            system=system or None,
            why=why,
            evidence=tuple(evidence),
        )
        for start, end, system, why, evidence in rows
    ]
