"""Instances held against their definition: what they skip, swap, repeat, and where they begin.

Each is held against the version of the process that it belongs to.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from suture.definitions.process import ProcessDefinition
from suture.store.engine import Store
from suture.store.queries import load
from suture.store.reading.views import ViewFilter, filter_of

FACET = "facet."
VERSION = "version"
PERIODS = ("day", "week", "month")
"""Periods that conformance can be split by, beside `version` and `facet.<name>`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MilestoneConformance:
    """One declared milestone. `repeats` and `attempts` count events, the others instances.

    `expected` is whether every instance that completes should reach it, by any of the versions that
    the instances belong to.
    """

    milestone: str
    expected: bool
    reached: int
    skipped: int
    out_of_order: int
    repeated: int
    repeats: int
    attempts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Conformance:
    """How some instances fit. An instance can be in several categories; `conforming` is in none.

    Attempts are no deviation: an instance with some may conform. `fitness` is the mean over the
    instances that reached an expected milestone, None where none did. `by` names the group; a
    facet that is not given is None. `versions` are the instances of each version.
    """

    by: Mapping[str, str | None]
    instances: int
    versions: Mapping[int, int]
    conforming: int
    skipped: int
    out_of_order: int
    start_inferred: int
    repeated: int
    attempted: int
    fitness: float | None
    milestones: tuple[MilestoneConformance, ...]


class ConformanceReader:
    """Reads of conformance; safe to share between threads.

    `versions` are those of the process in the order in which they take effect. An instance of one
    that is declared no more is held against the newest.
    """

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store
        self._sql = load("reading_views")

    def total(
        self, wanted: ViewFilter, versions: Sequence[ProcessDefinition], *, now: datetime
    ) -> Conformance:
        """All instances that `wanted` lets through, together."""
        return self.split(wanted, versions, (), now=now, limit=0)[0]

    def split(
        self,
        wanted: ViewFilter,
        versions: Sequence[ProcessDefinition],
        by: Sequence[str],
        *,
        now: datetime,
        limit: int,
    ) -> tuple[Conformance, list[Conformance]]:
        """All together, and by facets (`facet.<name>`), `version`, a period; in one statement.

        At most `limit` groups, in the order of periods, then those of most instances first.
        Without `by` there are none.
        """
        parameters, filters = self._parameters(wanted, versions, now)
        names, columns, periods = {}, [], []
        for number, dimension in enumerate(by):
            alias = f"g{number}"
            if dimension in (VERSION, *PERIODS):
                names[alias] = dimension
                columns.append(f"{self._sql[f'by_{dimension}']} AS {alias}")
                if dimension in PERIODS:
                    periods.append(alias)
            else:
                names[alias] = dimension.removeprefix(FACET)
                parameters[f"facet_{number}"] = names[alias]
                columns.append(f"facets[{{facet_{number}:String}}] AS {alias}")
        group = columns_made = ending = ""
        if names:
            listed = ", ".join(names)
            order = ", ".join(["grouped", *periods, "instances DESC", *names])
            group = f"{listed}, grouping({next(iter(names))}) = 0 AS grouped,"
            columns_made = f"{', '.join(columns)},"
            ending = (
                f"GROUP BY GROUPING SETS ((), ({listed})) ORDER BY {order} LIMIT {{most:UInt32}}"
            )
            parameters["most"] = limit + 1
        rows = self._run(group, columns_made, ending, filters, parameters)
        if not rows or not rows[0]["instances"]:
            return _conformance(_NOTHING, {}, versions), []
        groups = [
            _conformance(row, {name: row[alias] or None for alias, name in names.items()}, versions)
            for row in rows[1:]
        ]
        return _conformance(rows[0], {}, versions), groups

    def _parameters(
        self, wanted: ViewFilter, versions: Sequence[ProcessDefinition], now: datetime
    ) -> tuple[dict[str, Any], str]:
        parameters, filters = filter_of(wanted, now)
        parameters |= {
            "versions": [one.version for one in versions],
            "expected": [list(one.expected_milestones) for one in versions],
            "starts_with": [list(one.starts_with) for one in versions],
            "awaited_places": [
                len(one.expected_milestones) if one.completes_with.occurrence == "last" else 0
                for one in versions
            ],
        }
        return parameters, filters

    def _run(
        self, group: str, columns: str, by: str, filters: str, parameters: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        sql = self._sql["conformance"].replace("{{group}}", group).replace("{{columns}}", columns)
        return self._store.rows(
            sql.replace("{{filters}}", filters).replace("{{by}}", by), parameters
        )


_BY_MILESTONE = ("reached", "skipped", "out_of_order", "repeated", "repeats", "attempts")
_NOTHING: Mapping[str, Any] = {
    "instances": 0,
    "instances_by": ((), ()),
    "conforming": 0,
    "with_skipped": 0,
    "with_out_of_order": 0,
    "with_start_inferred": 0,
    "with_repeats": 0,
    "with_attempts": 0,
    "rated": 0,
    "fitness_sum": 0.0,
    **{f"{column}_by": ((), ()) for column in _BY_MILESTONE},
}
"""The row of no instances: grouping sets give none where nothing is read."""


def milestones_of(versions: Sequence[ProcessDefinition]) -> tuple[str, ...]:
    """The milestones of several versions, the newest last: in its order, and what others add.

    What the newest does not declare stands behind what it follows in the version before.
    """
    names: list[str] = []
    for version in reversed(versions):
        place = 0
        for name in version.milestone_names:
            if name not in names:
                names.insert(place, name)
            place = names.index(name) + 1
    return tuple(names)


def _held_against(
    versions: Sequence[ProcessDefinition], found: Collection[int]
) -> Sequence[ProcessDefinition]:
    """Those of `versions` that instances with the numbers `found` belong to; else the newest."""
    held = [one for one in versions[:-1] if one.version in found]
    others = set(found) - {one.version for one in held}
    return [*held, versions[-1]] if others or not held else held


def _conformance(
    row: Mapping[str, Any], by: Mapping[str, str | None], versions: Sequence[ProcessDefinition]
) -> Conformance:
    counts = {int(version): int(n) for version, n in zip(*row["instances_by"], strict=True)}
    held = _held_against(versions, counts)
    expected = {name for one in held for name in one.expected_milestones}
    sums = {column: dict(zip(*row[f"{column}_by"], strict=True)) for column in _BY_MILESTONE}
    return Conformance(
        by=by,
        instances=row["instances"],
        versions=counts,
        conforming=row["conforming"],
        skipped=row["with_skipped"],
        out_of_order=row["with_out_of_order"],
        start_inferred=row["with_start_inferred"],
        repeated=row["with_repeats"],
        attempted=row["with_attempts"],
        fitness=row["fitness_sum"] / row["rated"] if row["rated"] else None,
        milestones=tuple(
            MilestoneConformance(
                milestone=name,
                expected=name in expected,
                **{column: found.get(name, 0) for column, found in sums.items()},
            )
            for name in milestones_of(held)
        ),
    )
