"""The critical path of a trace: at every instant the innermost span that the end waited for.

It is found by walking back from the end: the child that finishes last is on it, from its start on
the one that finished last before, and so on; within each child the same. What no child covers is
the parent's own time. A child that outlives its parent, or began before it, is judged beside the
parent while the parent does not run: telemetry is full of work that is handed on.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from correlator.attribution.model import Span

Stretch = tuple[int, int, Span]
"""(start, end, span): never empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The spans of one trace: `path` is ascending and covers every instant at which one runs.

    `cut` names the spans whose parent is ignored because it leads back to them.
    """

    id: str
    start: int
    end: int
    path: Sequence[Stretch] = ()
    children: dict[str, list[Span]] = field(default_factory=dict)
    cut: frozenset[str] = frozenset()

    def within(self, start: int, end: int) -> Iterator[Stretch]:
        """The path between two instants."""
        path = self.path
        first = max(0, bisect_right(path, start, key=lambda stretch: stretch[0]) - 1)
        last = bisect_left(path, end, key=lambda stretch: stretch[0])
        for begun, ended, span in path[first:last]:
            if ended > start:
                yield max(begun, start), min(ended, end), span


def trace_of(id_: str, spans: Iterable[Span]) -> Trace:
    """The trace that some spans make up, each (span id) once; at least one."""
    known = {span.span_id: span for span in spans}
    parents = _parents(known)
    children: dict[str, list[Span]] = {}
    for child, parent in parents.items():
        children.setdefault(parent, []).append(known[child])
    return Trace(
        id=id_,
        start=min(span.start for span in known.values()),
        end=max(span.end for span in known.values()),
        path=_walk_back(_placed(known, parents)),
        children=children,
        cut=frozenset(
            id_ for id_, span in known.items() if span.parent_id in known and id_ not in parents
        ),
    )


def _parents(known: dict[str, Span]) -> dict[str, str]:
    """Parent by span, for those that have one here. Circles are cut at their earliest span."""
    parents = {
        id_: span.parent_id
        for id_, span in known.items()
        if span.parent_id in known and span.parent_id != id_
    }
    settled: set[str] = set()
    for id_ in sorted(parents):
        trail: dict[str, None] = {}
        at: str | None = id_
        while at is not None and at not in settled and at not in trail:
            trail[at] = None
            at = parents.get(at)
        if at is not None and at not in settled:
            passed = list(trail)
            circle = passed[passed.index(at) :]
            del parents[min(circle, key=lambda one: (known[one].start, one))]
        settled.update(trail)
    return parents


def _placed(known: dict[str, Span], parents: dict[str, str]) -> dict[str | None, list[Stretch]]:
    """Every stretch of a span below its nearest ancestor that runs then; None: below nothing."""
    below: dict[str | None, list[Stretch]] = {}
    for id_, span in known.items():
        left = [(span.start, span.end)] if span.start < span.end else []
        parent = parents.get(id_)
        while left and parent is not None:
            holder = known[parent]
            outside: list[tuple[int, int]] = []
            for start, end in left:
                inner, outer = max(start, holder.start), min(end, holder.end)
                if inner >= outer:
                    outside.append((start, end))
                    continue
                below.setdefault(parent, []).append((inner, outer, span))
                outside += [part for part in ((start, inner), (outer, end)) if part[0] < part[1]]
            left = outside
            parent = parents.get(parent)
        below.setdefault(None, []).extend((start, end, span) for start, end in left)
    for stretches in below.values():
        stretches.sort(key=_finishing_last_first)
    return below


def _finishing_last_first(stretch: Stretch) -> tuple[int, int, int, str]:
    _, end, span = stretch
    return -end, -span.end, span.start, span.span_id


def _walk_back(below: dict[str | None, list[Stretch]]) -> list[Stretch]:
    # Not recursive: a trace can be thousands of spans deep.
    roots = below.get(None, [])
    if not roots:
        return []
    path: list[Stretch] = []
    tasks: list[tuple[Span | None, int, int]] = [
        (None, min(start for start, _, _ in roots), roots[0][1])
    ]
    while tasks:
        owner, low, high = tasks.pop()
        at = high
        for start, end, child in below.get(owner.span_id if owner else None, ()):
            if start >= at:
                continue
            if end <= low:
                break
            until = min(end, at)
            if until < at and owner is not None:
                path.append((until, at, owner))
            at = max(start, low)
            tasks.append((child, at, until))
        if low < at and owner is not None:
            path.append((low, at, owner))
    path.sort(key=lambda stretch: stretch[0])
    return path
