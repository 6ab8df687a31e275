"""One time axis for an instance: its segments, and the spans of its traces as trees.

Pure. Segments are in integer microseconds, spans in integer nanoseconds.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Generic, Protocol, TypeVar

from suture.clock import to_micros


class Happening(Protocol):
    """An event of an instance, as far as its segments go."""

    @property
    def milestone(self) -> str:
        """What happened."""
        ...

    @property
    def occurred_at(self) -> datetime:
        """When."""
        ...


class Stretch(Protocol):
    """A span, as far as its place in its trace goes."""

    @property
    def span_id(self) -> str:
        """Its id within the trace."""
        ...

    @property
    def parent_span_id(self) -> str:
        """The span it belongs under; empty for a root."""
        ...

    @property
    def started_nanos(self) -> int:
        """When it began."""
        ...


SomeSpan = TypeVar("SomeSpan", bound=Stretch)


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """The stretch between two consecutive members; open at the end where `to` is None."""

    from_milestone: str
    to_milestone: str | None
    started_at: datetime
    ended_at: datetime | None
    elapsed_micros: int


def segments(
    members: Sequence[Happening], *, started_at: datetime, ended_at: datetime | None, now: datetime
) -> list[Segment]:
    """The stretches between consecutive members, clipped to [started_at, ended_at).

    `members` are in their order. Repeats and attempts count; members outside the instance's own
    time are not timed. An open instance ends with a stretch up to `now`. The stretches add up to
    the time from start to end, or to now.
    """
    end = ended_at or max(now, started_at)
    inside = [m for m in members if started_at <= m.occurred_at <= end]
    found = [
        Segment(
            from_milestone=one.milestone,
            to_milestone=following.milestone,
            started_at=one.occurred_at,
            ended_at=following.occurred_at,
            elapsed_micros=to_micros(following.occurred_at) - to_micros(one.occurred_at),
        )
        for one, following in pairwise(inside)
        if one.occurred_at < end
    ]
    if ended_at is None and inside:
        last = inside[-1]
        found.append(
            Segment(
                from_milestone=last.milestone,
                to_milestone=None,
                started_at=last.occurred_at,
                ended_at=None,
                elapsed_micros=to_micros(end) - to_micros(last.occurred_at),
            )
        )
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedSpan(Generic[SomeSpan]):
    """A span at its place in its trace: in tree order, `depth` levels below a root."""

    span: SomeSpan
    depth: int
    children: int


def in_tree_order(spans: Iterable[SomeSpan]) -> list[PlacedSpan[SomeSpan]]:
    """Spans of one trace with each below its parent, siblings by start.

    A span whose parent is unknown is a root; so is the earliest of spans that name each other as
    parents, since telemetry can say anything.
    """
    known = sorted(spans, key=lambda span: (span.started_nanos, span.span_id))
    ids = {span.span_id for span in known}
    children: dict[str, list[SomeSpan]] = defaultdict(list)
    roots = []
    for span in known:
        if span.parent_span_id in ids and span.parent_span_id != span.span_id:
            children[span.parent_span_id].append(span)
        else:
            roots.append(span)
    placed: list[PlacedSpan[SomeSpan]] = []
    seen: set[str] = set()
    for root in (*roots, *known):
        _place(root, children, seen, placed)
    return placed


def _place(
    root: SomeSpan,
    children: dict[str, list[SomeSpan]],
    seen: set[str],
    placed: list[PlacedSpan[SomeSpan]],
) -> None:
    # Not recursive: a trace can be thousands of spans deep.
    waiting = [(root, 0)]
    while waiting:
        span, depth = waiting.pop()
        if span.span_id in seen:
            continue
        seen.add(span.span_id)
        below = children.get(span.span_id, [])
        placed.append(PlacedSpan(span=span, depth=depth, children=len(below)))
        waiting.extend((child, depth + 1) for child in reversed(below))
