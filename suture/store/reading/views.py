"""A process as it really runs: which milestone follows which, and in which sequences.

Over the members of instances, in their order, attempts included. All instances that a filter lets
through count, whatever their status.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from suture.clock import to_micros
from suture.contracts.objects import ObjectKey
from suture.contracts.process import InstanceStatus
from suture.store.engine import Store
from suture.store.queries import load

ALL_EDGES = 2**32 - 1
_FIRST_PAGE = (2**63, "")


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewFilter:
    """Which instances of a process are looked at; started_at in [started_from, started_to)."""

    environment: str
    process: str
    status: InstanceStatus | None = None
    facets: Mapping[str, str] = field(default_factory=dict)
    started_from: datetime | None = None
    started_to: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Took:
    """Median and 95th percentile of some times, interpolated between neighbours; microseconds."""

    median_micros: float
    p95_micros: float


@dataclass(frozen=True, kw_only=True, slots=True)
class MapNode:
    """A milestone: its members, in how many instances, and how many are attempts.

    `median_place` is the median of its places in the sequences, from 1; `next` is the time to what
    follows, None where nothing ever does.
    """

    milestone: str
    count: int
    instances: int
    attempts: int
    median_place: float
    next: Took | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MapEdge:
    """One milestone directly after another; None is where instances begin, or end so far.

    `micros` is the time of all together; `took` is None where there is no time to take.
    """

    from_milestone: str | None
    to_milestone: str | None
    count: int
    instances: int
    micros: int
    took: Took | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessMap:
    """The directly-follows map; nodes and edges most frequent first.

    `edges_total` also counts those beyond the limit, `instances` are all that were looked at.
    """

    nodes: tuple[MapNode, ...]
    edges: tuple[MapEdge, ...]
    edges_total: int
    instances: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A sequence of milestones. `id` is a hash of it; `attempted` counts instances with attempts.

    `took` is from the first milestone to the last; `examples` are anchors of the latest started.
    """

    id: str
    milestones: tuple[str, ...]
    count: int
    attempted: int
    statuses: Mapping[InstanceStatus, int]
    took: Took
    examples: tuple[ObjectKey, ...]

    @property
    def position(self) -> tuple[int, str]:
        """The sort key of this variant."""
        return self.count, self.id


@dataclass(frozen=True, kw_only=True, slots=True)
class Variants:
    """Some variants, and how many there are in all, over how many instances."""

    items: tuple[Variant, ...]
    variants: int
    instances: int


class ViewReader:
    """Reads of process views; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store
        self._sql = load("reading_views")

    def map(self, wanted: ViewFilter, *, now: datetime, limit: int = ALL_EDGES) -> ProcessMap:
        """The directly-follows map with the `limit` most frequent edges."""
        parameters, filters = filter_of(wanted, now)
        rows = self._run("map", filters, parameters)
        edges = [row for row in rows if not row["of_node"]]
        return ProcessMap(
            nodes=tuple(_node(row) for row in rows if row["of_node"] and row["from_milestone"]),
            edges=tuple(_edge(row) for row in edges[:limit]),
            edges_total=len(edges),
            instances=sum(row["found"] for row in edges if not row["from_milestone"]),
        )

    def variants(
        self,
        wanted: ViewFilter,
        *,
        now: datetime,
        limit: int,
        after: tuple[int, str] | None = None,
    ) -> Variants:
        """At most `limit` variants, most frequent first, behind the position `after`."""
        parameters, filters = filter_of(wanted, now)
        found, variant = after or _FIRST_PAGE
        parameters |= {"limit": limit, "after_found": found, "after_variant": variant}
        rows = self._run("variants", filters, parameters)
        return Variants(
            items=tuple(_variant(row) for row in rows),
            variants=rows[0]["variants"] if rows else 0,
            instances=rows[0]["instances"] if rows else 0,
        )

    def _run(self, block: str, filters: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        return self._store.rows(self._sql[block].replace("{{filters}}", filters), parameters)


def filter_of(wanted: ViewFilter, now: datetime) -> tuple[dict[str, Any], str]:
    """The parameters and the conditions of a filter, as the lists of instances have them."""
    sql = load("reading_instances")
    parameters: dict[str, Any] = {
        "environment": wanted.environment,
        "process": wanted.process,
        "now": to_micros(now),
    }
    blocks = []
    if wanted.status is not None:
        blocks.append("filter_status")
        parameters["status"] = wanted.status.value
    if wanted.started_from is not None:
        blocks.append("filter_started_from")
        parameters["started_from"] = to_micros(wanted.started_from)
    if wanted.started_to is not None:
        blocks.append("filter_started_to")
        parameters["started_to"] = to_micros(wanted.started_to)
    if wanted.facets:
        blocks.append("filter_facets")
        parameters["facet_names"] = list(wanted.facets)
        parameters["facet_values"] = list(wanted.facets.values())
    return parameters, "\n".join(sql[block] for block in blocks)


def _took(quantiles: Sequence[float]) -> Took | None:
    median, p95 = quantiles
    return None if math.isnan(median) else Took(median_micros=median, p95_micros=p95)


def _node(row: Mapping[str, Any]) -> MapNode:
    return MapNode(
        milestone=row["from_milestone"],
        count=row["found"],
        instances=row["node_instances"],
        attempts=row["attempts"],
        median_place=row["median_place"],
        next=_took(row["took_micros"]) if row["followed"] else None,
    )


def _edge(row: Mapping[str, Any]) -> MapEdge:
    begin, end = row["from_milestone"] or None, row["to_milestone"] or None
    return MapEdge(
        from_milestone=begin,
        to_milestone=end,
        count=row["found"],
        instances=row["pair_instances"],
        micros=row["micros"],
        took=_took(row["took_micros"]) if begin and end else None,
    )


def _variant(row: Mapping[str, Any]) -> Variant:
    took = _took(row["took_micros"]) or Took(median_micros=0.0, p95_micros=0.0)
    return Variant(
        id=row["variant"],
        milestones=tuple(row["milestones"]),
        count=row["found"],
        attempted=row["attempted"],
        statuses={status: row[status.value] for status in InstanceStatus},
        took=took,
        examples=tuple(ObjectKey.decode(text) for text in row["examples"]),
    )
