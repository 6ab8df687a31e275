"""What attribution is computed from: one instance, its spans, and the landscape around it.

Times are integer microseconds since 1970. Half-open intervals throughout.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from suture.contracts.process import MilestoneKind
from suture.definitions.landscape import SystemRole

HOUR = 3_600_000_000
"""Microseconds."""


class Interval(NamedTuple):
    """[start, end)."""

    start: int
    end: int


class SpanId(NamedTuple):
    """What a span is: the same id sent twice is one span."""

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """Something noted within a span: an exception, a lock wait."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class Span(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """One span, itself only. `kind` is internal, server, client, producer, consumer or empty.

    `failed` says whether its status is an error, `message` what the status says. There are tens of
    thousands at a time, none of which can be part of a circle: the collector need not follow them.
    """

    trace_id: str
    span_id: str
    parent_id: str
    kind: str
    name: str
    service: str
    start: int
    end: int
    failed: bool = False
    message: str = ""
    attributes: Mapping[str, str] = msgspec.field(default_factory=dict)
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanId, ...] = ()

    @property
    def id(self) -> SpanId:
        """Its identity."""
        return SpanId(self.trace_id, self.span_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """A declared milestone of the process."""

    name: str
    kind: MilestoneKind = MilestoneKind.SYSTEM
    system: str | None = None
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One event of the instance. Outcomes other than `ok` are attempts."""

    milestone: str
    at: int
    outcome: str = "ok"
    reason: str = ""
    trace_id: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance: `members` in their order, `end` None while it is open."""

    start: int
    end: int | None
    members: Sequence[Member]
    declared: Sequence[Milestone]


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A system. `closed` are the times outside its batch windows, ascending and disjoint."""

    role: SystemRole
    closed: Sequence[Interval] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOffset:
    """How far a service's clock is ahead, give or take `uncertainty`."""

    micros: int
    uncertainty: int = 0

    @property
    def correction(self) -> int:
        """What to take off its times: nothing where the clock may well be right."""
        return self.micros if abs(self.micros) > self.uncertainty else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """The systems around: `services`, `queues` and `addresses` name the system of each.

    `senders` are the services that send spans at all. `offsets` holds the clock of a service by the
    hour, counted from 1970; an hour without an estimate is taken for right.
    """

    systems: Mapping[str, System] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    queues: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    senders: frozenset[str] = frozenset()
    offsets: Mapping[tuple[str, int], ClockOffset] = field(default_factory=dict)

    def correction(self, service: str, at: int) -> int:
        """What to take off the times of a service around `at`."""
        if not self.offsets:
            return 0
        found = self.offsets.get((service, at // HOUR))
        return found.correction if found else 0

    def role(self, system: str | None) -> SystemRole | None:
        """What a system is for; None for one that nobody declared."""
        found = self.systems.get(system) if system else None
        return found.role if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWait:
    """A stretch that is planned: a pause, or time outside a calendar. `why` names it."""

    start: int
    end: int
    why: str
    system: str | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A segment: the stretch between two consecutive members; `to` is None for the open one."""

    origin: Member
    to: Member | None
    start: int
    end: int
