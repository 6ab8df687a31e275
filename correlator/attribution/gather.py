"""Which spans speak of which instance: its own traces, and those its span links lead to.

An instance's own traces are those of its events and those in which a span carries one of its
objects. From them links are followed in both directions, a few steps far: to the trace a message
came from, and to those that took it. A trace that is only reached by links counts unless it carries
business objects of the process and none of them is the instance's: a batch that works for a hundred
orders must not lend one of them the spans of the others.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from correlator.attribution.conventions import USED
from correlator.attribution.model import Span
from correlator.attribution.span_rows import spans_of
from correlator.keys import normalize
from suture.contracts.objects import ObjectKey
from suture.contracts.trace import FACET_PREFIX, OBJECT_PREFIX
from suture.definitions.process import ObjectType
from suture.store.attribution import AttributionTables

LINK_STEPS = 3
"""How many links are followed one after the other."""

MOST_TRACES = 200
"""Traces that one instance looks at."""

Named = tuple[str, str, str]
"""Type, scope and normalised id of an object."""


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What is known of one instance's traces; `wanted` are those it looks at, found or not."""

    objects: frozenset[Named]
    types: frozenset[str]
    wanted: dict[str, None]
    foreign: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class Gathered:
    """The spans of a page of instances by trace, and what each instance looks at.

    `too_many` says that reading ended early, since there were more spans than asked for.
    """

    too_many: bool = False
    spans: dict[str, list[Span]] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)

    def spans_of(self, anchor: str) -> list[Span]:
        """The spans of one instance."""
        wanted = self.evidence[anchor].wanted
        return [span for trace in wanted for span in self.spans.get(trace, ())]


def gather(
    tables: AttributionTables,
    instances: pl.DataFrame,
    *,
    types: Mapping[str, ObjectType],
    own_types: frozenset[str],
    unread: Sequence[int] = (),
    most_spans: int | None = None,
) -> Gathered:
    """The spans of instances of one process, whose object types are `own_types`.

    `instances` has columns `anchor`, `objects` and `trace_ids`; `types` says how ids are normalised
    and scoped. `unread` are segments whose span links are not in `trace_links` yet. With
    `most_spans` reading ends where there are more.
    """
    found = Gathered(evidence=_begin(tables, instances, own_types))
    scopes = {FACET_PREFIX + one.scope for one in types.values() if one.scope}
    reader = _Reader(
        tables, found, attributes=sorted(USED | scopes), unread=unread, most_spans=most_spans
    )
    frontier = {trace for one in found.evidence.values() for trace in one.wanted}
    reader.read(sorted(frontier))
    for _ in range(LINK_STEPS):
        frontier = _follow(reader, sorted(frontier), found, types)
        if not frontier or found.too_many:
            break
    return found


def _begin(
    tables: AttributionTables, instances: pl.DataFrame, own_types: frozenset[str]
) -> dict[str, Evidence]:
    objects = instances["objects"].explode().drop_nulls()
    by_object: dict[str, list[str]] = {}
    for object_, trace in tables.traces_of_objects(objects).sort("object", "trace_id").iter_rows():
        by_object.setdefault(object_, []).append(trace)
    evidence = {}
    for anchor, own, traces in instances.select("anchor", "objects", "trace_ids").iter_rows():
        carrying = (trace for object_ in sorted(own) for trace in by_object.get(object_, ()))
        wanted = dict.fromkeys([*sorted(traces), *carrying])
        keys = (ObjectKey.decode(object_) for object_ in own)
        evidence[anchor] = Evidence(
            objects=frozenset((key.type, key.scope, key.id) for key in keys),
            types=own_types,
            wanted=dict.fromkeys(list(wanted)[:MOST_TRACES]),
        )
    return evidence


def _follow(
    reader: "_Reader",
    new: Sequence[str],
    found: Gathered,
    types: Mapping[str, ObjectType],
) -> set[str]:
    """Take the traces linked with `new` ones into the instances that look at these; gives them."""
    if not new:
        return set()
    neighbours: dict[str, set[str]] = {}
    for linked, trace in reader.traces_linked_to(new):
        neighbours.setdefault(linked, set()).add(trace)
    for trace in new:
        for span in found.spans.get(trace, ()):
            for link in span.links:
                if link.trace_id and link.trace_id != trace:
                    neighbours.setdefault(trace, set()).add(link.trace_id)
    if not neighbours:
        return set()
    unread = {other for some in neighbours.values() for other in some} - found.spans.keys()
    reader.read(sorted(unread))
    carried = {t: _carried(found.spans.get(t, ()), types) for s in neighbours.values() for t in s}
    reached: set[str] = set()
    for one in found.evidence.values():
        for trace in [t for t in new if t in one.wanted and t in neighbours]:
            for other in sorted(neighbours[trace]):
                if other in one.wanted or other in one.foreign:
                    continue
                if len(one.wanted) >= MOST_TRACES or _is_foreign(carried[other], one):
                    one.foreign.add(other)
                    continue
                one.wanted[other] = None
                reached.add(other)
    return reached


def _is_foreign(carried: frozenset[Named], one: Evidence) -> bool:
    known = {named for named in carried if named[0] in one.types}
    return bool(known) and not known & one.objects


def _carried(spans: Iterable[Span], types: Mapping[str, ObjectType]) -> frozenset[Named]:
    """The business objects that some spans carry."""
    found = set()
    for span in spans:
        for name, value in span.attributes.items():
            if not name.startswith(OBJECT_PREFIX):
                continue
            type_ = name.removeprefix(OBJECT_PREFIX)
            rule = types.get(type_, ObjectType())
            scope = span.attributes.get(FACET_PREFIX + rule.scope, "") if rule.scope else ""
            found |= {(type_, scope, normalize(id_, rule.normalize)) for id_ in _ids(value)}
    return frozenset(found)


def _ids(value: str) -> list[str]:
    """The ids in an attribute's value: one, or an array as JSON."""
    if value.startswith("["):
        try:
            content = json.loads(value)
        except ValueError:
            return [value]
        if isinstance(content, list):
            return [str(id_) for id_ in content]
    return [value]


class _Reader:
    """Reads spans and links into what was gathered, no more spans than are wanted."""

    def __init__(
        self,
        tables: AttributionTables,
        found: Gathered,
        *,
        attributes: Sequence[str],
        unread: Sequence[int],
        most_spans: int | None,
    ) -> None:
        self._tables, self._found, self._attributes = tables, found, attributes
        self._unread, self._left = unread, most_spans

    def read(self, traces: Sequence[str]) -> None:
        """Read the spans of some traces; one that has none is remembered as empty."""
        if not traces:
            return
        into = self._found.spans
        for trace in traces:
            into.setdefault(trace, [])
        most = None if self._left is None else self._left + 1
        frame = self._tables.spans(pl.Series(traces, dtype=pl.String), self._attributes, most=most)
        if self._left is not None:
            self._left -= frame.height
            if self._left < 0:
                self._found.too_many = True
                return
        for span in spans_of(frame):
            into[span.trace_id].append(span)

    def traces_linked_to(self, traces: Sequence[str]) -> Iterable[tuple[str, str]]:
        """(trace, another with a span that is linked to it)."""
        keys = pl.Series(traces, dtype=pl.String)
        columns = ["linked_trace_id", "trace_id"]
        yield from self._tables.traces_linked_to(keys).select(columns).iter_rows()
        if self._unread:
            unread = self._tables.traces_linked_in(self._unread, keys)
            yield from unread.select(columns).iter_rows()
