"""The demonstration's cases as attribution takes them, and how often it names what was injected.

Members and spans are read off the simulated signals; nothing is stored. What is scored is the part
of the instance that the broken promise is about: an order that reached its supplier late is late
for what happened before it was sent, however long the goods travelled.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from correlator.attribution.attribute import attribute
from correlator.attribution.model import (
    Instance,
    Landscape,
    Member,
    Milestone,
    Span,
    SpanEvent,
    SpanId,
    System,
)
from suture.app.demo.signals import Anchor, Case, EventOut, SpanOut, TruthLine
from suture.app.demo.simulate import Simulation, Volume
from suture.app.demo.story import Run
from suture.clock import to_micros
from suture.contracts.attribution import Attribution, pieces_between
from suture.definitions.catalog import Catalog, load_catalog

HEALTHCARE = Path(__file__).resolve().parents[1] / "deploy" / "config" / "healthcare"
START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One affected instance: what was injected, and what the largest part says."""

    fault: str
    cause: str
    step: tuple[str, str | None]
    found: str
    found_step: tuple[str, str | None]

    @property
    def right(self) -> bool:
        """Whether both the class and the step are the injected ones."""
        ends = {self.step[1], None} if self.cause == "unobserved" else {self.step[1]}
        same_step = self.found_step[0] == self.step[0] and self.found_step[1] in ends
        return self.found == self.cause and same_step


def landscape_of(catalog: Catalog) -> Landscape:
    """The systems of a catalogue, all of whose services send spans."""
    return Landscape(
        systems={name: System(role=system.role) for name, system in catalog.systems.items()},
        services=dict(catalog.service_systems),
        queues={q: name for name, system in catalog.systems.items() for q in system.queues},
        senders=frozenset(catalog.service_systems),
    )


def score(*, weeks: float, seed: int = 11, withhold: bool = False) -> Iterator[Scored]:
    """Attribute every instance that an injected fault made late."""
    catalog = load_catalog(HEALTHCARE)
    landscape = landscape_of(catalog)
    for case, line in late_cases(weeks, seed):
        rule = catalog.slas[str(line.sla)]
        instance = instance_of(case, line.anchor, catalog)
        spans = [] if withhold else spans_of(case, line.anchor)
        found = attribute(instance, spans, landscape)
        start = _first(instance, rule.from_milestone) or instance.start
        end = _first(instance, rule.to_milestone) or instance.end
        stop = end if end is not None else to_micros(START + timedelta(days=21))
        cause, step = largest(found, start, stop)
        yield Scored(
            fault=line.fault,
            cause=str(line.cause),
            step=line.step or ("", None),
            found=cause,
            found_step=step,
        )


def largest(found: Attribution, start: int, end: int) -> tuple[str, tuple[str, str | None]]:
    """The class and the step with the largest part of a stretch."""
    parts: Counter[tuple[str, tuple[str, str | None]]] = Counter()
    for piece in pieces_between(found, start, end):
        step = (piece.from_milestone, piece.to_milestone)
        parts[piece.cause.value, step] += piece.end - piece.start
    return parts.most_common(1)[0][0]


def confusion(scored: Iterable[Scored]) -> Counter[tuple[str, str]]:
    """How often which class was found where which was injected."""
    return Counter((one.cause, one.found) for one in scored)


def late_cases(weeks: float, seed: int) -> Iterator[tuple[Case, TruthLine]]:
    """Cases that an injected fault makes late, each with what was injected."""
    history = timedelta(weeks=weeks)
    volume = Volume(live_seconds_per_order=3600, live_seconds_per_procedure=3600)
    run = Run(seed=seed, start=START)
    cases = Simulation(run=run, history=history, volume=volume).cases()
    for case in islice((c for c in cases), 200_000):
        if case.start >= START:
            return
        for delivery in case.deliveries:
            line = delivery.item
            if isinstance(line, TruthLine) and line.should_breach and line.cause and line.sla:
                yield case, line


def instance_of(case: Case, anchor: Anchor, catalog: Catalog) -> Instance:
    """The instance as the correlator would make it of a case's facts."""
    definition = catalog.processes[case.process]
    traces = _traces(case)
    facts = sorted((f for f in case.facts if f.anchor == anchor), key=lambda fact: fact.at)
    members = [
        Member(
            milestone=fact.milestone,
            at=to_micros(fact.at),
            outcome=fact.outcome,
            trace_id=traces.get(fact.at, ""),
            id=f"event-{number}",
        )
        for number, fact in enumerate(facts)
    ]
    done = (definition.completes_with.milestone, *definition.ends_with)
    ends = [m.at for m in members if m.milestone in done and m.outcome == "ok"]
    starts = [m.at for m in members if m.milestone in definition.starts_with]
    return Instance(
        start=min(starts),
        end=min(ends, default=None),
        members=members,
        declared=[
            Milestone(name=m.name, kind=m.kind, system=m.system, title=m.title)
            for m in definition.milestones
        ],
    )


def spans_of(case: Case, anchor: Anchor) -> list[Span]:
    """The spans of a case, but for those about another anchor."""
    others = {one.id for one in case.anchors if one != anchor}
    found = [d.item for d in case.deliveries if isinstance(d.item, SpanOut)]
    alien = {
        span.trace_id
        for span in found
        if span.attributes.get(f"business.object.{anchor.type}") in others
    }
    return [_span(span) for span in found if span.trace_id not in alien]


def _traces(case: Case) -> dict[datetime, str]:
    found: dict[datetime, str] = {}
    for delivery in case.deliveries:
        item = delivery.item
        if isinstance(item, SpanOut):
            carriers = [(item.end, item.attributes), *((p.at, p.attributes) for p in item.points)]
            for at, attributes in carriers:
                if "business.milestone" in attributes:
                    found[at] = f"{item.trace_id:032x}"
        elif isinstance(item, EventOut) and (parent := item.event.get("traceparent")):
            found[datetime.fromisoformat(item.event["time"])] = parent.split("-")[1]
    return found


def _span(span: SpanOut) -> Span:
    return Span(
        trace_id=f"{span.trace_id:032x}",
        span_id=f"{span.span_id:016x}",
        parent_id=f"{span.parent_id:016x}" if span.parent_id else "",
        kind=span.kind,
        name=span.name,
        service=span.service,
        start=to_micros(span.start),
        end=to_micros(span.end),
        failed=bool(span.error),
        message=span.error,
        attributes={name: str(value) for name, value in span.attributes.items()},
        events=tuple(
            SpanEvent(name=p.name, attributes={n: str(v) for n, v in p.attributes.items()})
            for p in span.points
        ),
        links=tuple(SpanId(f"{t:032x}", f"{s:016x}") for t, s in span.links),
    )


def _first(instance: Instance, milestone: str | None) -> int | None:
    reached = [m.at for m in instance.members if m.milestone == milestone and m.outcome == "ok"]
    return min(reached, default=None)
