"""What a trace says of objects that no single event names together.

Spans form a tree; traces that span links tie together form one tree: a trace whose spans are linked
to exactly one span of another trace hangs below that span. An event hangs at its span, or at its
trace where that span is not known.

Two objects of two types belong together where a subtree names exactly one object of each type. An
object without such a partner is unsure about all objects of the other type in the smallest subtree
that names any. Pairs that one event names are that event's to tell, and are left out.

The result is a function of the set of spans and events, whatever order they came in.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

Node = tuple[str, str]
"""(trace id, span id); a trace itself has an empty span id, and above all of them is ("", "")."""

ROOT: Node = ("", "")
MOST_UNSURE = 50
"""Pairs an unsure object is listed with at most; the first by their keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """An event or span that names an object; spans have no event_key."""

    trace_id: str
    span_id: str
    event_key: str
    object: str
    type: str
    environment: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span's place: its parent, and the spans it is linked to."""

    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Bridge:
    """A pair that traces name. `trace_id` is that of the smallest subtree that tells."""

    from_object: str
    to_object: str
    trace_id: str
    at: datetime
    unsure: bool


def bridges(
    carriers: Sequence[Carrier], spans: Iterable[Span], paths: Collection[tuple[str, str]]
) -> list[Bridge]:
    """What the traces of one group say of `paths` (from type, to type)."""
    above = _Above(spans, {c.trace_id for c in carriers})
    found: set[Bridge] = set()
    for environment in {c.environment for c in carriers}:
        own = [c for c in carriers if c.environment == environment]
        under = _under(own, above)
        together = _named_together(own)
        since: dict[str, datetime] = {}
        for c in own:
            since[c.object] = min(c.at, since.get(c.object, c.at))
        for from_type, to_type in paths:
            if from_type != to_type:
                pairs = _Pairs(own, above, under, together, since)
                found.update(pairs.of(from_type, to_type))
    return sorted(found)


class _Above:
    """The tree, upwards."""

    def __init__(self, spans: Iterable[Span], traces: Collection[str]) -> None:
        self._parents: dict[Node, Node] = {}
        targets: dict[str, set[Node]] = defaultdict(set)
        known = {(s.trace_id, s.span_id): s for s in spans}
        members = {*traces, *(trace for trace, _ in known)}
        for (trace, span), one in known.items():
            parent = (trace, one.parent_id)
            self._parents[trace, span] = parent if parent in known else (trace, "")
            targets[trace].update(t for t in one.links if t[0] in members and t[0] != trace)
        for trace in members:
            linked = targets[trace]
            target = next(iter(linked)) if len(linked) == 1 else ROOT
            self._parents[trace, ""] = target if target in known else (target[0], "")
        for trace in sorted(members):
            if self._comes_round(trace):
                self._loose(trace)

    def of(self, trace: str, span: str) -> Iterator[Node]:
        """A node and all above it; a circle of parents ends at the trace."""
        node: Node = (trace, span) if (trace, span) in self._parents else (trace, "")
        seen: set[Node] = set()
        while node != ROOT:
            if node in seen:
                # Spans that are each other's parents hang at their trace.
                node = (node[0], "")
                if node in seen:
                    break
                continue
            seen.add(node)
            yield node
            node = self._parents[node]
        yield ROOT

    def _comes_round(self, trace: str) -> bool:
        node, seen = self._parents[trace, ""], set()
        while node != ROOT and node not in seen:
            if node == (trace, ""):
                return True
            seen.add(node)
            node = self._parents[node]
        return False

    def _loose(self, trace: str) -> None:
        """Of traces that are linked in a circle the first hangs below none of them."""
        self._parents[trace, ""] = ROOT


class _Pairs:
    """The pairs of two types."""

    def __init__(
        self,
        carriers: Sequence[Carrier],
        above: _Above,
        under: Mapping[Node, Mapping[str, set[str]]],
        together: Collection[frozenset[str]],
        since: Mapping[str, datetime],
    ) -> None:
        self._carriers = carriers
        self._above = above
        self._under = under
        self._together = together
        self._since = since

    def of(self, from_type: str, to_type: str) -> Iterator[Bridge]:
        """All of them."""
        sure: dict[tuple[str, str], str] = {}
        for (trace, _), named in sorted(self._under.items(), reverse=True):
            xs, ys = named.get(from_type, ()), named.get(to_type, ())
            if len(xs) == 1 and len(ys) == 1:
                pair = (next(iter(xs)), next(iter(ys)))
                sure[pair] = trace or sure.get(pair) or self._first_trace(pair)
        told = {*sure, *self._events_pairs(from_type, to_type)}
        partners = {x for pair in told for x in pair}
        for pair, trace in sure.items():
            if frozenset(pair) not in self._together:
                yield self._bridge(pair, trace, unsure=False)
        unsure: set[tuple[str, str]] = set()
        for c in self._carriers:
            if c.type not in (from_type, to_type) or c.object in partners:
                continue
            other = to_type if c.type == from_type else from_type
            near = self._nearest(c, other)
            unsure |= {(c.object, o) if c.type == from_type else (o, c.object) for o in near}
        for pair in unsure - told:
            yield self._bridge(pair, self._first_trace(pair), unsure=True)

    def _nearest(self, carrier: Carrier, type_: str) -> list[str]:
        for node in self._above.of(carrier.trace_id, carrier.span_id):
            if named := self._under[node].get(type_):
                return sorted(named)[:MOST_UNSURE]
        return []

    def _events_pairs(self, from_type: str, to_type: str) -> Iterator[tuple[str, str]]:
        types = {c.object: c.type for c in self._carriers}
        for pair in self._together:
            one, other = sorted(pair, key=lambda o: types[o] != from_type)
            if (types[one], types[other]) == (from_type, to_type):
                yield one, other

    def _first_trace(self, pair: tuple[str, str]) -> str:
        return min(c.trace_id for c in self._carriers if c.object in pair)

    def _bridge(self, pair: tuple[str, str], trace: str, *, unsure: bool) -> Bridge:
        x, y = pair
        at = max(self._since[x], self._since[y])
        return Bridge(from_object=x, to_object=y, trace_id=trace, at=at, unsure=unsure)


def _under(carriers: Iterable[Carrier], above: _Above) -> dict[Node, dict[str, set[str]]]:
    """The objects named in the subtree of each node, by type."""
    found: dict[Node, dict[str, set[str]]] = defaultdict(dict)
    for c in carriers:
        for node in above.of(c.trace_id, c.span_id):
            found[node].setdefault(c.type, set()).add(c.object)
    return found


def _named_together(carriers: Iterable[Carrier]) -> set[frozenset[str]]:
    """Pairs of objects that one event names."""
    by_event: dict[str, set[str]] = defaultdict(set)
    for c in carriers:
        if c.event_key:
            by_event[c.event_key].add(c.object)
    return {frozenset((x, y)) for named in by_event.values() for x in named for y in named if x < y}
