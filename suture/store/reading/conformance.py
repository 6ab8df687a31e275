"""Instances held against their definition: what they skip, swap, repeat, and where they begin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from suture.definitions.process import ProcessDefinition
from suture.store.engine import Store
from suture.store.queries import load
from suture.store.reading.views import ViewFilter, filter_of

FACET = "facet."
PERIODS = ("day", "week", "month")
"""Periods that conformance can be split by, beside `facet.<name>`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MilestoneConformance:
    """One declared milestone. `repeats` and `attempts` count events, the others instances.

    `expected` is whether every instance that completes should reach it.
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
    facet that is not given is None.
    """

    by: Mapping[str, str | None]
    instances: int
    conforming: int
    skipped: int
    out_of_order: int
    start_inferred: int
    repeated: int
    attempted: int
    fitness: float | None
    milestones: tuple[MilestoneConformance, ...]


class ConformanceReader:
    """Reads of conformance; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store
        self._sql = load("reading_views")

    def total(
        self, wanted: ViewFilter, definition: ProcessDefinition, *, now: datetime
    ) -> Conformance:
        """All instances that `wanted` lets through, together."""
        parameters, filters = self._parameters(wanted, definition, now)
        row = self._run("", "", "", filters, parameters)[0]
        return _conformance(row, {}, definition)

    def groups(
        self,
        wanted: ViewFilter,
        definition: ProcessDefinition,
        by: Sequence[str],
        *,
        now: datetime,
        limit: int,
    ) -> list[Conformance]:
        """Split by facets (`facet.<name>`) and a period: periods ascending, then most first."""
        parameters, filters = self._parameters(wanted, definition, now)
        names, columns, periods = {}, [], []
        for number, dimension in enumerate(by):
            alias = f"g{number}"
            if dimension in PERIODS:
                names[alias] = dimension
                columns.append(f"{self._sql[f'by_{dimension}']} AS {alias}")
                periods.append(alias)
            else:
                names[alias] = dimension.removeprefix(FACET)
                parameters[f"facet_{number}"] = names[alias]
                columns.append(f"facets[{{facet_{number}:String}}] AS {alias}")
        listed = ", ".join(names)
        order = ", ".join([*periods, "instances DESC", *names])
        ending = f"GROUP BY {listed} ORDER BY {order} LIMIT {{limit:UInt32}}"
        parameters["limit"] = limit
        rows = self._run(f"{listed},", f"{', '.join(columns)},", ending, filters, parameters)
        return [
            _conformance(
                row, {name: row[alias] or None for alias, name in names.items()}, definition
            )
            for row in rows
        ]

    def _parameters(
        self, wanted: ViewFilter, definition: ProcessDefinition, now: datetime
    ) -> tuple[dict[str, Any], str]:
        parameters, filters = filter_of(wanted, now)
        expected = expected_milestones(definition)
        awaited = definition.completes_with.occurrence == "last"
        parameters |= {
            "expected": list(expected),
            "starts_with": list(definition.starts_with),
            "awaited_place": len(expected) if awaited else 0,
        }
        return parameters, filters

    def _run(
        self, group: str, columns: str, by: str, filters: str, parameters: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        sql = self._sql["conformance"].replace("{{group}}", group).replace("{{columns}}", columns)
        return self._store.rows(
            sql.replace("{{filters}}", filters).replace("{{by}}", by), parameters
        )


def expected_milestones(definition: ProcessDefinition) -> tuple[str, ...]:
    """What every instance that completes should reach, in order."""
    return definition.expected_milestones


def _conformance(
    row: Mapping[str, Any], by: Mapping[str, str | None], definition: ProcessDefinition
) -> Conformance:
    expected = set(expected_milestones(definition))
    sums = {
        column: dict(zip(*row[f"{column}_by"], strict=True))
        for column in ("reached", "skipped", "out_of_order", "repeated", "repeats", "attempts")
    }
    return Conformance(
        by=by,
        instances=row["instances"],
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
            for name in definition.milestone_names
        ),
    )
