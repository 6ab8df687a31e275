"""Shapes of process views."""

from collections.abc import Mapping
from datetime import date
from typing import Self

from pydantic import Field

from dashboards.api.shapes import MICROS, ObjectShape, Shape
from suture.contracts.process import InstanceStatus
from suture.definitions.process import ProcessDefinition
from suture.store.reading.conformance import Conformance, MilestoneConformance
from suture.store.reading.views import MapEdge, MapNode, Took, Variant


class NodeShape(Shape):
    """A milestone of the map; the times are those to what follows, null where nothing ever does."""

    milestone: str
    title: str
    count: int = Field(description="Its events, attempts included.")
    instances: int = Field(description="Instances with any of them.")
    attempts: int = Field(description="Events with another outcome than ok.")
    median_position: float = Field(description="The median of its places in sequences, from 1.")
    median_seconds: float | None
    p95_seconds: float | None

    @classmethod
    def of(cls, node: MapNode, titles: Mapping[str, str]) -> Self:
        """From a node."""
        return cls(
            milestone=node.milestone,
            title=titles.get(node.milestone, node.milestone),
            count=node.count,
            instances=node.instances,
            attempts=node.attempts,
            median_position=node.median_place,
            median_seconds=_median(node.next),
            p95_seconds=_p95(node.next),
        )


class EdgeShape(Shape):
    """One milestone directly after another; `from` is null at the start, `to` null at the end."""

    from_: str | None = Field(alias="from")
    to: str | None
    count: int
    instances: int
    median_seconds: float | None
    p95_seconds: float | None
    total_seconds: float = Field(description="The time of all of them together.")

    @classmethod
    def of(cls, edge: MapEdge) -> Self:
        """From an edge."""
        return cls(
            from_=edge.from_milestone,
            to=edge.to_milestone,
            count=edge.count,
            instances=edge.instances,
            median_seconds=_median(edge.took),
            p95_seconds=_p95(edge.took),
            total_seconds=edge.micros / MICROS,
        )


class MapShape(Shape):
    """The directly-follows map; nodes and edges most frequent first."""

    process: str
    instances: int
    nodes: list[NodeShape]
    edges: list[EdgeShape]
    edges_total: int = Field(description="How many edges there are without `limit`.")


class VariantShape(Shape):
    """A sequence of milestones; the times are from its first to its last."""

    id: str
    milestones: list[str] = Field(description="In their order, repeats and attempts included.")
    count: int
    share: float = Field(description="Of all instances asked about.")
    attempted: int = Field(description="Instances with a failed or rejected attempt.")
    statuses: dict[InstanceStatus, int]
    median_seconds: float
    p95_seconds: float
    examples: list[ObjectShape] = Field(description="Anchors of the latest started, at most 3.")

    @classmethod
    def of(cls, variant: Variant, instances: int) -> Self:
        """From a variant, of that many instances in all."""
        return cls(
            id=variant.id,
            milestones=list(variant.milestones),
            count=variant.count,
            share=variant.count / instances if instances else 0.0,
            attempted=variant.attempted,
            statuses=dict(variant.statuses),
            median_seconds=variant.took.median_micros / MICROS,
            p95_seconds=variant.took.p95_micros / MICROS,
            examples=[ObjectShape.of(key) for key in variant.examples],
        )


class GroupShape(Shape):
    """How a group of instances fits; an instance can be in several categories."""

    by: dict[str, str | None]
    instances: int
    conforming: int = Field(description="Neither skipped, out of order, start inferred, repeated.")
    conforming_share: float | None
    skipped: int = Field(description="Lack an expected milestone although they got beyond it.")
    out_of_order: int = Field(description="Reached an expected one after one declared later.")
    start_inferred: int = Field(description="Reached no milestone that starts the process.")
    repeated: int = Field(description="Reached an expected milestone more than once.")
    attempted: int = Field(description="Have a failed or rejected attempt; may be conforming.")
    fitness: float | None = Field(description="Mean of 2 × in order / (reached + expected).")

    @classmethod
    def of(cls, found: Conformance) -> Self:
        """From a group."""
        return cls(
            by=dict(found.by),
            instances=found.instances,
            conforming=found.conforming,
            conforming_share=found.conforming / found.instances if found.instances else None,
            skipped=found.skipped,
            out_of_order=found.out_of_order,
            start_inferred=found.start_inferred,
            repeated=found.repeated,
            attempted=found.attempted,
            fitness=found.fitness,
        )


class MilestoneShape(Shape):
    """One declared milestone."""

    milestone: str
    expected: bool = Field(description="By any version that these instances are held against.")
    reached: int = Field(description="Instances that reached it.")
    skipped: int
    out_of_order: int
    repeated: int = Field(description="Instances that reached it more than once.")
    repeats: int = Field(description="How often it was reached again, in all.")
    attempts: int = Field(description="Failed and rejected attempts, in all.")

    @classmethod
    def of(cls, one: MilestoneConformance) -> Self:
        """From a milestone."""
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class VersionShape(Shape):
    """One version of a process, and how many of the instances are held against it."""

    version: int
    effective_from: date | None
    expected: list[str]
    instances: int

    @classmethod
    def of(cls, version: ProcessDefinition, found: Conformance) -> Self:
        """From a version."""
        return cls(
            version=version.version,
            effective_from=version.effective_from,
            expected=list(version.expected_milestones),
            instances=found.versions.get(version.version, 0),
        )


class ConformanceShape(Shape):
    """Instances held against their versions; `items` are the groups that `by` asks for."""

    process: str
    expected: list[str] = Field(description="By the newest version.")
    versions: list[VersionShape] = Field(description="As they take effect; the newest last.")
    total: GroupShape
    milestones: list[MilestoneShape]
    items: list[GroupShape]
    next_cursor: None = None


def _median(took: Took | None) -> float | None:
    return took.median_micros / MICROS if took else None


def _p95(took: Took | None) -> float | None:
    return took.p95_micros / MICROS if took else None
