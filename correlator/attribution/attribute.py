"""Where the time of an instance went: the rules in their order, the first that matches counts.

For every instant between start and end:

1. between two attempts of a retried call or a redelivered message: the class of the failed one;
2. a span runs: the class of the innermost one on the critical path; of several traces the one that
   carries the next milestone, else the latest started;
3. between a producer and its consumer: transport, or planned until the consumer's window opens;
4. a pause, or outside the calendar: planned;
5. waiting for a person, after a rejection, or for a partner;
6. otherwise nobody sent telemetry of it.

Pure, and a function of the sets of spans and members: neither their order nor repetition counts.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import msgspec

from correlator.attribution import conventions
from correlator.attribution.canvas import Canvas
from correlator.attribution.classes import Classifier
from correlator.attribution.critical_path import Trace, trace_of
from correlator.attribution.gaps import Gap, message_gaps, retry_gaps
from correlator.attribution.model import (
    Instance,
    Interval,
    Landscape,
    Milestone,
    PlannedWait,
    Span,
    SpanId,
    Step,
)
from suture.contracts.attribution import EVIDENCE_LIMIT, Attribution, Cause, Piece, Tail
from suture.contracts.process import MilestoneKind

PLANNED_AHEAD = 35 * 86_400_000_000
"""How far beyond the last sign of life planned waits of an open instance are asked for."""

_ERROR_TYPES = 20

Planning = Callable[[Step], Sequence[PlannedWait]]
"""The planned waits that touch a step; where they overlap, the first one names the reason."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a stretch is said to be."""

    cause: Cause
    system: str | None
    why: str
    evidence: tuple[str, ...] = ()


def nothing_planned(step: Step) -> Sequence[PlannedWait]:
    """Neither pauses nor calendars."""
    return ()


def attribute(
    instance: Instance,
    spans: Iterable[Span],
    landscape: Landscape,
    planning: Planning = nothing_planned,
) -> Attribution:
    """The attribution of one instance by the spans of its traces.

    An instance begins at one of its members and, once over, ends at one; what lies outside is not
    timed. Spans may be broken in any way: unknown parents, circles, ends before starts.
    """
    work = _Attribution(instance, _sound(spans, landscape), landscape, planning)
    pieces = [piece for step in work.steps for piece in work.pieces_of(step)]
    return Attribution(
        pieces=tuple(pieces),
        tail=work.tail() if instance.end is None else None,
        error_types=work.error_types(),
    )


def steps_of(instance: Instance, until: int) -> list[Step]:
    """The segments between consecutive members, clipped to the instance; empty ones too.

    An open instance ends with one up to `until`.
    """
    end = until if instance.end is None else instance.end
    inside = [member for member in instance.members if instance.start <= member.at <= end]
    steps = [
        Step(origin=one, to=following, start=one.at, end=following.at)
        for one, following in pairwise(inside)
        if one.at < end
    ]
    if instance.end is None and inside:
        steps.append(Step(origin=inside[-1], to=None, start=inside[-1].at, end=end))
    return steps


def _sound(spans: Iterable[Span], landscape: Landscape) -> dict[SpanId, Span]:
    """Each span once, none ending before it starts, times by a right clock."""
    found: dict[SpanId, Span] = {}
    for span in spans:
        id_ = span.id
        known = found.get(id_)
        if known is None or _preference(span) < _preference(known):
            found[id_] = span
    for id_, span in found.items():
        correction = landscape.correction(span.service, span.start)
        if correction or span.end < span.start:
            start = span.start - correction
            end = max(span.start, span.end) - correction
            found[id_] = msgspec.structs.replace(span, start=start, end=end)
    return found


def _preference(span: Span) -> tuple[int, int, str]:
    """Of different spans with one identity the earliest and longest counts, then anything fixed."""
    return (
        span.start,
        -span.end,
        repr((msgspec.structs.replace(span, attributes={}), sorted(span.attributes.items()))),
    )


class _Attribution:
    """The work on one instance."""

    def __init__(
        self,
        instance: Instance,
        spans: dict[SpanId, Span],
        landscape: Landscape,
        planning: Planning,
    ) -> None:
        self._instance = instance
        self._spans = spans
        self._landscape = landscape
        self._planning = planning
        self._declared = {milestone.name: milestone for milestone in instance.declared}
        self._traces = _traces(spans)
        self._classes = Classifier(landscape, self._answer, self._failed_child)
        roots = {SpanId(trace.id, id_) for trace in self._traces.values() for id_ in trace.cut}
        self._retries = [self._retry(gap) for gap in retry_gaps(list(spans.values()), roots)]
        self._waits = [part for gap in message_gaps(spans) for part in self._message(gap)]
        self.steps = steps_of(instance, self._last_sign_of_life())

    def pieces_of(self, step: Step) -> list[Piece]:
        canvas: Canvas[Label] = Canvas(step.start, step.end)
        for stretch in self._retries:
            canvas.paint([stretch])
        for trace in self._by_precedence(step):
            if canvas.full:
                break
            canvas.paint(
                (start, end, self._label(span))
                for start, end, span in trace.within(step.start, step.end)
            )
        for stretch in self._waits:
            canvas.paint([stretch])
        for stretch in _planned(self._planning(step)):
            canvas.paint([stretch])
        canvas.fill(self._rest(step))
        return list(_merged(canvas.painted, step))

    def tail(self) -> Tail | None:
        if not self.steps:
            return None
        since = self.steps[-1].end
        step = replace(self.steps[-1], start=since, end=since + PLANNED_AHEAD)
        waits: Canvas[Label] = Canvas(step.start, step.end)
        for stretch in _planned(self._planning(step)):
            waits.paint([stretch])
        rest = _piece(step, step.start, step.end, [(1, self._rest(step))])
        return Tail(since=since, rest=rest, planned=tuple(_merged(waits.painted, step)))

    def error_types(self) -> tuple[str, ...]:
        failed = (span for span in self._spans.values() if conventions.has_failed(span))
        found = {conventions.error_type(span) for span in failed} - {""}
        return tuple(sorted(found)[:_ERROR_TYPES])

    def _last_sign_of_life(self) -> int:
        members = [member.at for member in self._instance.members]
        ends = [span.end for span in self._spans.values()]
        return max(self._instance.start, *members, *ends)

    def _by_precedence(self, step: Step) -> list[Trace]:
        """The traces that run in a step: the next milestone's first, then the latest started."""
        carrying = step.to.trace_id if step.to else ""
        running = [t for t in self._traces.values() if t.start < step.end and t.end > step.start]
        return sorted(running, key=lambda trace: (trace.id != carrying, -trace.start, trace.id))

    def _label(self, span: Span) -> Label:
        found = self._classes.own_time(span)
        return Label(found.cause, found.system, found.why, (span.span_id,))

    def _retry(self, gap: Gap) -> tuple[int, int, Label]:
        found = self._classes.failed_attempt(gap.before)
        error = conventions.error_type(gap.before) or gap.before.message
        after = f" after {error}" if error else ""
        why = f"waiting to try {gap.before.name} in {gap.before.service} again{after}"
        evidence = (gap.before.span_id, gap.after.span_id)
        return gap.start, gap.end, Label(found.cause, found.system, why, evidence)

    def _message(self, gap: Gap) -> Iterator[tuple[int, int, Label]]:
        system = self._classes.system_of(gap.after)
        queue = conventions.first(gap.before, conventions.DESTINATION)
        evidence = (gap.before.span_id, gap.after.span_id)
        opens = min(self._opens(system, gap.start), gap.end)
        if gap.start < opens:
            why = f"waiting for the batch window of {system}"
            yield gap.start, opens, Label(Cause.PLANNED_WAIT, system, why, evidence)
        if opens < gap.end:
            why = f"message in {queue or 'a queue'}, not yet taken by {gap.after.service}"
            keeper = self._landscape.queues.get(queue, system)
            yield opens, gap.end, Label(Cause.TRANSPORT, keeper, why, evidence)

    def _opens(self, system: str | None, at: int) -> int:
        """When the batch window of a system opens that is closed at `at`; else `at`."""
        declared = self._landscape.systems.get(system or "")
        closed: Sequence[Interval] = declared.closed if declared else ()
        index = bisect_right(closed, at, key=lambda interval: interval.start) - 1
        return closed[index].end if index >= 0 and closed[index].end > at else at

    def _rest(self, step: Step) -> Label:
        """What a step waits for where nothing else is known."""
        last = step.origin
        awaited = self._awaited(step)
        system = awaited.system if awaited else None
        name = _titled(awaited) if awaited else ""
        evidence = (step.to.id if step.to else last.id,)
        if last.outcome == "rejected":
            why = f"rejected: {last.reason}" if last.reason else "rejected"
            return Label(Cause.BUSINESS_RULE, system, why, (last.id,))
        if awaited and awaited.kind is MilestoneKind.MANUAL:
            return Label(Cause.BUSINESS_RULE, system, f"waiting for a person: {name}", evidence)
        if awaited and awaited.kind is MilestoneKind.EXTERNAL:
            return Label(Cause.EXTERNAL, system, f"waiting for a partner: {name}", evidence)
        return Label(Cause.UNOBSERVED, None, "no telemetry")

    def _awaited(self, step: Step) -> Milestone | None:
        if step.to is not None:
            return self._declared.get(step.to.milestone)
        reached = {m.milestone for m in self._instance.members if m.outcome == "ok"}
        return next((m for m in self._instance.declared if m.name not in reached), None)

    def _answer(self, span: Span) -> Span | None:
        """The server span of a call: its child, or below further client spans of its service."""
        children = self._traces[span.trace_id].children
        seen = {span.span_id}
        layer = [span]
        while layer:
            below = [
                child
                for one in layer
                for child in children.get(one.span_id, ())
                if child.span_id not in seen
            ]
            servers = [child for child in below if child.kind == "server"]
            if servers:
                return min(servers, key=lambda server: (server.start, server.span_id))
            layer = [c for c in below if c.service == span.service and c.kind == "client"]
            seen.update(child.span_id for child in layer)
        return None

    def _failed_child(self, span: Span) -> Span | None:
        children = self._traces[span.trace_id].children.get(span.span_id, ())
        failed = [child for child in children if conventions.has_failed(child)]
        return max(failed, key=lambda child: (child.end, child.start, child.id), default=None)


def _traces(spans: dict[SpanId, Span]) -> dict[str, Trace]:
    groups: dict[str, list[Span]] = {}
    for id_ in sorted(spans):
        groups.setdefault(id_.trace_id, []).append(spans[id_])
    return {id_: trace_of(id_, group) for id_, group in groups.items()}


def _planned(waits: Sequence[PlannedWait]) -> Iterator[tuple[int, int, Label]]:
    for wait in waits:
        label = Label(Cause.PLANNED_WAIT, wait.system, wait.why, wait.evidence)
        yield wait.start, wait.end, label


def _titled(milestone: Milestone) -> str:
    return milestone.title or milestone.name.replace("_", " ")


def _merged(painted: Sequence[tuple[int, int, Label]], step: Step) -> Iterator[Piece]:
    """Neighbours with one cause at one system as one piece."""
    some: list[tuple[int, Label]] = []
    begun = ended = 0
    for start, end, label in painted:
        if some and (
            start != ended
            or label.cause is not some[-1][1].cause
            or label.system != some[-1][1].system
        ):
            yield _piece(step, begun, ended, some)
            some = []
        if not some:
            begun = start
        some.append((end - start, label))
        ended = end
    if some:
        yield _piece(step, begun, ended, some)


def _piece(step: Step, start: int, end: int, some: Sequence[tuple[int, Label]]) -> Piece:
    ranked = sorted(some, key=lambda one: (-one[0], one[1].why))
    evidence = dict.fromkeys(id_ for _, label in ranked for id_ in label.evidence if id_)
    largest = ranked[0][1]
    return Piece(
        start=start,
        end=end,
        from_milestone=step.origin.milestone,
        to_milestone=step.to.milestone if step.to else None,
        cause=largest.cause,
        system=largest.system,
        why=largest.why,
        evidence=tuple(evidence)[:EVIDENCE_LIMIT],
    )
