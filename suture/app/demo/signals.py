"""What the network produces, as values: spans, events, and the facts and truth behind them.

Times are aware datetimes in UTC. Nothing here knows how anything is sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

AttributeValue = str | bool | int | float | Sequence[str]
SpanKind = Literal["internal", "server", "client", "producer", "consumer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanPoint:
    """A span event."""

    name: str
    at: datetime
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanOut:
    """A finished span. Ids are integers as in OpenTelemetry; `parent_id` 0 marks a root.

    `links` are (trace id, span id) pairs. `error` is the status message of a failed span, empty
    where it did not fail.
    """

    service: str
    name: str
    kind: SpanKind
    trace_id: int
    span_id: int
    parent_id: int = 0
    parent_service: str = ""
    start: datetime
    end: datetime
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    points: tuple[SpanPoint, ...] = ()
    links: tuple[tuple[int, int], ...] = ()
    error: str = ""

    @property
    def traceparent(self) -> str:
        """This span's context as a W3C `traceparent` value."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-01"

    @property
    def has_remote_parent(self) -> bool:
        """Whether the parent belongs to another service."""
        return bool(self.parent_id) and self.parent_service != self.service


@dataclass(frozen=True, slots=True, kw_only=True)
class EventOut:
    """A CloudEvent in its JSON form, the system that sends it, and when it happened.

    One that is not `valid` breaks its contract: it is to be refused.
    """

    system: str
    at: datetime
    event: Mapping[str, Any]
    valid: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Anchor:
    """The object an instance is about; the id is the normalised one."""

    type: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A milestone of one instance: what a perfect observer would have noted."""

    anchor: Anchor
    milestone: str
    at: datetime
    outcome: str = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthLine:
    """One injected fault as it bears on one instance and, where `sla` is given, on one SLA.

    `cause` is the attribution class the delay belongs to, None for a fault that delays nothing.
    """

    fault: str
    process: str
    anchor: Anchor
    sla: str | None
    should_breach: bool
    expected_breach_at: datetime | None
    cause: str | None
    step: tuple[str, str] | None
    injected_at: datetime
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Something to hand over at `at`; `again` marks a deliberate repetition of an earlier one."""

    at: datetime
    item: SpanOut | EventOut | TruthLine
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One piece of business: the requisitions of one order, or one procedure.

    `deliveries` are in the order of their times.
    """

    process: str
    start: datetime
    anchors: tuple[Anchor, ...]
    deliveries: tuple[Delivery, ...]
    facts: tuple[Fact, ...]
