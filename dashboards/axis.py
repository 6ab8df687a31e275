"""What the time axis in the browser draws: milestones, deadlines, traces and spans as plain lists.

Pure. All times are milliseconds after a common base, since microseconds do not fit into the numbers
of a browser when they count from 1970. See `assets/50-timeline.js` for the shape.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from dashboards.timeline import Stretch, in_tree_order
from suture.clock import to_micros

_NANOS_PER_MS = 1_000_000
_MICROS_PER_MS = 1_000
ERROR = "Error"


class DrawnSpan(Stretch, Protocol):
    """A span, as far as drawing it goes."""

    @property
    def trace_id(self) -> str:
        """Its trace."""
        ...

    @property
    def name(self) -> str:
        """What was done."""
        ...

    @property
    def service(self) -> str:
        """By whom."""
        ...

    @property
    def kind(self) -> str:
        """Server, client, producer, consumer or internal."""
        ...

    @property
    def status(self) -> str:
        """Unset, Ok or Error."""
        ...

    @property
    def ended_nanos(self) -> int:
        """When it ended."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A milestone or a deadline on the axis."""

    at: datetime
    title: str
    tone: str
    details: tuple[str, str, str] = ("", "", "")


def axis(
    of: str,
    spans: Sequence[DrawnSpan],
    *,
    milestones: Sequence[Point] = (),
    marks: Sequence[Point] = (),
    until: datetime | None = None,
    single: bool = False,
    note: str = "",
) -> dict[str, Any]:
    """Everything on one axis. `until` is now, for what still runs; `of` names what is drawn."""
    points = [to_micros(p.at) * 1_000 for p in milestones]
    ends = [to_micros(until) * 1_000] if until else []
    nanos = [*points, *ends, *(s.started_nanos for s in spans), *(s.ended_nanos for s in spans)]
    base = min(nanos, default=0) // _NANOS_PER_MS
    services = sorted({span.service for span in spans})
    traces = _by_trace(spans)
    return {
        "of": of,
        "base": base,
        "range": [0, _ms(max(nanos, default=0), base)],
        "open": until is not None,
        "single": single,
        "note": note,
        "milestones": [[_at(p.at, base), p.title, p.tone, *p.details] for p in milestones],
        "marks": [[_at(p.at, base), p.title, p.tone] for p in marks],
        "services": services,
        "traces": [_trace(id_, found, base) for id_, found in traces.items()],
        "spans": [
            row
            for index, found in enumerate(traces.values())
            for row in _rows(index, found, services, base)
        ],
    }


def _by_trace(spans: Iterable[DrawnSpan]) -> dict[str, list[DrawnSpan]]:
    found: dict[str, list[DrawnSpan]] = defaultdict(list)
    for span in spans:
        found[span.trace_id].append(span)
    starts: Mapping[str, int] = {id_: min(s.started_nanos for s in ss) for id_, ss in found.items()}
    return dict(sorted(found.items(), key=lambda item: (starts[item[0]], item[0])))


def _trace(id_: str, spans: Sequence[DrawnSpan], base: int) -> list[Any]:
    root = in_tree_order(spans)[0].span
    return [
        id_,
        root.name,
        _ms(min(s.started_nanos for s in spans), base),
        _ms(max(s.ended_nanos for s in spans), base),
        len(spans),
        sum(s.status == ERROR for s in spans),
    ]


def _rows(
    index: int, spans: Sequence[DrawnSpan], services: Sequence[str], base: int
) -> Iterable[list[Any]]:
    numbers = {service: number for number, service in enumerate(services)}
    for placed in in_tree_order(spans):
        span = placed.span
        yield [
            index,
            span.span_id,
            placed.depth,
            span.name,
            numbers[span.service],
            _ms(span.started_nanos, base),
            round((span.ended_nanos - span.started_nanos) / _NANOS_PER_MS, 6),
            int(span.status == ERROR),
            span.kind,
        ]


def _at(instant: datetime, base: int) -> float:
    return to_micros(instant) / _MICROS_PER_MS - base


def _ms(nanos: int, base: int) -> float:
    return round((nanos - base * _NANOS_PER_MS) / _NANOS_PER_MS, 6)
