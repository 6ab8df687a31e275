"""Spans out of the rows that were read of them, a column at a time.

A page of instances has tens of thousands of spans, most of them without events or links. Lists of
lists are slow to take out of a frame: each column of them comes out as one flat list that is cut.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise, repeat

import polars as pl

from correlator.attribution.model import Span, SpanEvent, SpanId

_PLAIN = (
    "trace_id", "span_id", "parent_id", "kind", "name", "service", "started", "ended", "failed",
    "message",
)  # fmt: skip
_EVENTS = ("event_names", "exception_types", "exception_messages")
_LINKS = ("link_traces", "link_spans")


def spans_of(frame: pl.DataFrame) -> Iterator[Span]:
    """The rows of `AttributionTables.spans` as spans, in their order."""
    plain = (frame[name].to_list() for name in _PLAIN)
    names, values = _lists(frame["names"]), _lists(frame["values"])
    events = zip(*(_lists(frame[name]) for name in _EVENTS), strict=True)
    links = zip(*(_lists(frame[name]) for name in _LINKS), strict=True)
    for row in zip(zip(*plain, strict=True), names, values, events, links, strict=True):
        (trace, id_, parent, kind, name, service, start, end, failed, message), *lists = row
        keys, said, noted, linked = lists
        yield Span(
            trace_id=trace,
            span_id=id_,
            parent_id=parent,
            kind=kind,
            name=name,
            service=service,
            start=start,
            end=end,
            failed=bool(failed),
            message=message,
            attributes=dict(zip(keys, said, strict=True)),
            events=_events(*noted) if noted[0] else (),
            links=tuple(map(SpanId, *linked)) if linked[0] else (),
        )


def _events(
    names: Sequence[str], types: Sequence[str], messages: Sequence[str]
) -> tuple[SpanEvent, ...]:
    return tuple(
        SpanEvent(
            name=name,
            attributes={"exception.type": type_, "exception.message": said} if type_ else {},
        )
        for name, type_, said in zip(names, types, messages, strict=True)
    )


def _lists(column: pl.Series) -> Iterator[Sequence[str]]:
    """The lists in a column."""
    lengths = column.list.len()
    if not lengths.sum():
        return repeat((), len(column))
    flat = column.filter(lengths > 0).explode().to_list()
    return (flat[start:end] for start, end in pairwise(accumulate(lengths.to_list(), initial=0)))
