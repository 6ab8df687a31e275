"""Shapes of instances, and how they are made of what was read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import Field

from dashboards import causes, timeline
from dashboards.api.conflict_shapes import ConflictShape
from dashboards.api.shapes import MICROS, ObjectShape, Shape, VerdictShape
from dashboards.conduct import conduct
from suture.contracts.attribution import Attribution, Cause
from suture.contracts.links import LinkKey, LinkState
from suture.contracts.objects import ObjectKey
from suture.contracts.process import EvidenceKind, InstanceStatus
from suture.contracts.verdict import Verdict, VerdictState
from suture.store.reading.conflicts import Conflict
from suture.store.reading.instances import InstanceDetail, InstanceRow, Link, Member


class InstanceShape(Shape):
    """One run of a process. `sla_state` is the worst of its verdicts, null without any."""

    environment: str
    process: str
    process_version: int
    anchor: ObjectShape
    status: InstanceStatus
    started_at: datetime
    start_inferred: bool = Field(description="True where no start milestone was reached.")
    last_at: datetime
    ended_at: datetime | None
    elapsed_seconds: float
    last_milestone: str
    facets: dict[str, str]
    money: float | None
    sla_state: VerdictState | None
    milestones_count: int


class InstanceList(Shape):
    """A page of instances, newest started first."""

    items: list[InstanceShape]
    next_cursor: str | None


class Evidence(Shape):
    """What supports a link best."""

    kind: EvidenceKind
    source: str
    id: str
    occurred_at: datetime


class LinkShape(Shape):
    """An accepted relation between two objects."""

    id: str = Field(description="What to block, split or undo.")
    from_: ObjectShape = Field(alias="from")
    to: ObjectShape
    evidence: Evidence
    evidence_count: int = Field(description="How many pieces of evidence support it.")
    evidence_kinds: list[EvidenceKind] = Field(description="Of which kinds they are.")


class UnlinkedShape(Shape):
    """A pair of objects that evidence names and that is no link."""

    id: str = Field(description="What to accept, block, split or undo.")
    from_: ObjectShape = Field(alias="from")
    to: ObjectShape
    state: LinkState = Field(description="Why it is none.")


class MilestoneShape(Shape):
    """One event of the instance. Only `ok` reaches a milestone; others are attempts."""

    name: str
    occurred_at: datetime
    recorded_at: datetime
    source: str
    id: str
    system: str
    outcome: str
    reason: str
    trace_id: str | None
    objects: list[ObjectShape]


class CauseShape(Shape):
    """A part of a segment, with what it was read from."""

    cause: Cause
    seconds: float
    system: str | None
    evidence: list[str] = Field(description="Span and event ids, most telling first.")
    reason: str = Field(description="What was going on, for a person.")


class CauseTotal(Shape):
    """One cause over all segments."""

    cause: Cause
    seconds: float


class SegmentShape(Shape):
    """The stretch between two consecutive milestones; `to` is null for the one that still runs."""

    from_: str = Field(alias="from")
    to: str | None
    started_at: datetime
    ended_at: datetime | None
    elapsed_seconds: float
    causes: list[CauseShape] = Field(
        description="Largest first; they add up to the elapsed time. Empty where it is 0."
    )
    explanation: str = Field(description="What took most of it, in a sentence.")


class RepeatShape(Shape):
    """A milestone that was reached more than once."""

    milestone: str
    count: int = Field(description="How often it was reached.")
    repeats: int = Field(description="One less: how often it came again.")
    rework: int = Field(description="Repeats after a milestone declared behind it was reached.")


class OutOfOrderShape(Shape):
    """A milestone first reached after one that is declared behind it."""

    milestone: str
    after: str


class AttemptShape(Shape):
    """Attempts at a milestone that had one outcome, for one reason."""

    milestone: str
    outcome: str
    reason: str
    count: int
    last_at: datetime
    reached_after: bool = Field(description="Whether the milestone was reached later.")


class CompletenessShape(Shape):
    """How complete the evidence is."""

    milestones_expected: int = Field(description="Declared ones up to the furthest reached.")
    milestones_reached: int = Field(description="Of those, how many were reached.")
    events: int
    events_with_trace: int
    links: int
    links_firm: int = Field(description="Links that rest on an event or an operator.")
    ratio: float | None = Field(description="Mean of the three shares, of those that exist.")


class InstanceDetailShape(InstanceShape):
    """An instance with objects, links, milestones, segments, verdicts and traces."""

    facet_history: dict[str, Any]
    objects: list[ObjectShape]
    links: list[LinkShape]
    milestones: list[MilestoneShape]
    segments: list[SegmentShape]
    causes: list[CauseTotal] = Field(description="The sum over segments, largest first.")
    explanation: str = Field(description="What took most of its time, in a sentence.")
    verdicts: list[VerdictShape]
    traces: list[str]
    repeats: list[RepeatShape]
    skipped: list[str] = Field(
        description="Milestones before the furthest reached that were not reached."
    )
    out_of_order: list[OutOfOrderShape]
    attempts: list[AttemptShape] = Field(description="What failed or was rejected, and why.")
    evidence: CompletenessShape
    probable_duplicates: list[ObjectShape] = Field(
        description="Anchors whose instances say the same under another id; nothing is merged."
    )
    ambiguous_links: list[UnlinkedShape] = Field(
        description="Pairs with one of its objects that are no link; at most 100."
    )
    conflicts: list[ConflictShape] = Field(
        description="Its events that arrived with other contents too; at most 100."
    )


def instance_fields(row: InstanceRow, now: datetime) -> dict[str, Any]:
    """What a line of the list holds."""
    return {
        "environment": row.environment,
        "process": row.process,
        "process_version": row.process_version,
        "anchor": ObjectShape.of(row.anchor),
        "status": row.status,
        "started_at": row.started_at,
        "start_inferred": row.start_inferred,
        "last_at": row.last_at,
        "ended_at": row.ended_at,
        "elapsed_seconds": row.elapsed_micros(now) / MICROS,
        "last_milestone": row.last_milestone,
        "facets": dict(row.facets),
        "money": row.money,
        "sla_state": row.sla_state,
        "milestones_count": row.members_count,
    }


def instance_detail(
    found: InstanceDetail,
    verdicts: Sequence[Verdict],
    now: datetime,
    *,
    attribution: Attribution | None = None,
    titles: Mapping[str, str] | None = None,
    unlinked: Sequence[tuple[LinkKey, LinkState]] = (),
    conflicts: Sequence[Conflict] = (),
) -> InstanceDetailShape:
    """All that is known of one instance; `titles` are those of milestones, for the sentence.

    `unlinked` are pairs with one of its objects that are no link, and why. `conflicts` are those of
    its events.
    """
    stretches = timeline.segments(
        found.members, started_at=found.row.started_at, ended_at=found.row.ended_at, now=now
    )
    explained = causes.explain(attribution, stretches)
    return InstanceDetailShape(
        **instance_fields(found.row, now),
        facet_history=dict(found.facet_history),
        objects=[ObjectShape.of(key) for key in found.objects],
        links=[_link(link, found.row.process) for link in found.links],
        milestones=[_milestone(member) for member in found.members],
        segments=[_segment(one) for one in explained],
        causes=[
            CauseTotal(cause=cause, seconds=micros / MICROS)
            for cause, micros in causes.totals(explained).items()
        ],
        explanation=causes.instance_sentence(explained, titles or {}),
        verdicts=[VerdictShape.of(verdict) for verdict in verdicts],
        traces=list(found.trace_ids),
        **_conduct(found),
        probable_duplicates=[ObjectShape.of(key) for key in found.probable_duplicates],
        ambiguous_links=[_unlinked(key, state) for key, state in unlinked],
        conflicts=[ConflictShape.of(one) for one in conflicts],
    )


def _conduct(found: InstanceDetail) -> dict[str, Any]:
    went = conduct(found.members, [link.kind for link in found.links], found.definition)
    known = went.evidence
    return {
        "repeats": [
            RepeatShape(
                milestone=one.milestone, count=one.count, repeats=one.count - 1, rework=one.rework
            )
            for one in went.repeats
        ],
        "skipped": list(went.skipped),
        "out_of_order": [
            OutOfOrderShape(milestone=one.milestone, after=one.after) for one in went.out_of_order
        ],
        "attempts": [AttemptShape(**asdict(one)) for one in went.attempts],
        "evidence": CompletenessShape(
            milestones_expected=known.expected,
            milestones_reached=known.reached,
            events=known.events,
            events_with_trace=known.traced,
            links=known.links,
            links_firm=known.firm,
            ratio=known.ratio,
        ),
    }


def _link(link: Link, process: str) -> LinkShape:
    key = LinkKey(
        process=process, from_object=link.from_object.encode(), to_object=link.to_object.encode()
    )
    return LinkShape(
        id=key.id,
        from_=ObjectShape.of(link.from_object),
        to=ObjectShape.of(link.to_object),
        evidence=Evidence(
            kind=EvidenceKind(link.kind),
            source=link.source,
            id=link.id,
            occurred_at=link.occurred_at,
        ),
        evidence_count=link.evidence_count,
        evidence_kinds=[EvidenceKind(kind) for kind in link.kinds],
    )


def _unlinked(key: LinkKey, state: LinkState) -> UnlinkedShape:
    return UnlinkedShape(
        id=key.id,
        from_=ObjectShape.of(ObjectKey.decode(key.from_object)),
        to=ObjectShape.of(ObjectKey.decode(key.to_object)),
        state=state,
    )


def _milestone(member: Member) -> MilestoneShape:
    return MilestoneShape(
        name=member.milestone,
        occurred_at=member.occurred_at,
        recorded_at=member.recorded_at,
        source=member.source,
        id=member.id,
        system=member.system,
        outcome=member.outcome,
        reason=member.reason,
        trace_id=member.trace_id or None,
        objects=[ObjectShape.of(key) for key in member.objects],
    )


def _segment(one: causes.Explained) -> SegmentShape:
    segment = one.segment
    return SegmentShape(
        from_=segment.from_milestone,
        to=segment.to_milestone,
        started_at=segment.started_at,
        ended_at=segment.ended_at,
        elapsed_seconds=segment.elapsed_micros / MICROS,
        causes=[
            CauseShape(
                cause=part.cause,
                seconds=part.micros / MICROS,
                system=part.system,
                evidence=list(part.evidence),
                reason=part.why,
            )
            for part in one.parts
        ],
        explanation=causes.segment_sentence(one),
    )
