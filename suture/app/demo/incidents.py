"""Incidents: times in which a part of the network is unwell, for everybody it serves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from random import Random

from suture.app.demo.faults import Fault

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

LIVE_HORIZON_DAYS = 30
"""Incidents are planned this far beyond the start; after that only single faults occur."""

DRAIN = 40 * _MINUTE
"""A queue that will run again within this time is drained by hand, so nobody waits in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """`target` (a queue, service or system) suffers `fault` during [start, end).

    `facility` limits it to the traffic of one hospital. `offset` is how far a skewed clock is
    ahead.
    """

    fault: Fault
    target: str
    start: datetime
    end: datetime
    facility: str | None = None
    offset: timedelta = timedelta(0)

    def covers(self, at: datetime, facility: str | None) -> bool:
        """Whether it is on at `at` for the given hospital."""
        return self.start <= at < self.end and self.facility in (None, facility)


@dataclass(frozen=True, kw_only=True)
class Incidents:
    """All incidents of one run."""

    planned: tuple[Incident, ...] = ()

    @cached_property
    def _by_target(self) -> Mapping[tuple[Fault, str], Sequence[Incident]]:
        found: dict[tuple[Fault, str], list[Incident]] = {}
        for incident in self.planned:
            found.setdefault((incident.fault, incident.target), []).append(incident)
        return found

    def find(
        self, fault: Fault, target: str, at: datetime, facility: str | None = None
    ) -> Incident | None:
        """The incident that `target` suffers at `at`, if any."""
        for incident in self._by_target.get((fault, target), ()):
            if incident.covers(at, facility):
                return incident
        return None

    def queue_hold(self, queue: str, at: datetime, facility: str) -> timedelta | None:
        """How long a message that enters `queue` at `at` waits because the queue is stuck."""
        incident = self.find(Fault.STUCK_QUEUE, queue, at, facility)
        if incident is None or incident.end - at < DRAIN:
            return None
        return incident.end - at

    def erp_is_slow(self, at: datetime) -> bool:
        """Whether the ERP's database is held up at `at`."""
        return self.find(Fault.SLOW_ERP, "erp-worker", at) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pattern:
    fault: Fault
    target: str
    every: timedelta
    shortest: timedelta
    longest: timedelta
    offset: timedelta = timedelta(0)


_PATTERNS = (
    _Pattern(fault=Fault.STUCK_QUEUE, target="po.outbound", every=4 * _DAY,
             shortest=70 * _MINUTE, longest=150 * _MINUTE),
    _Pattern(fault=Fault.STUCK_QUEUE, target="staffing.demand", every=4 * _DAY,
             shortest=70 * _MINUTE, longest=130 * _MINUTE),
    _Pattern(fault=Fault.SLOW_ERP, target="erp-worker", every=4 * _DAY,
             shortest=50 * _MINUTE, longest=100 * _MINUTE),
    _Pattern(fault=Fault.SKEWED_CLOCK, target="supplier-gateway", every=6 * _DAY,
             shortest=2 * _HOUR, longest=5 * _HOUR, offset=timedelta(seconds=95)),
    _Pattern(fault=Fault.SILENT_SOURCE, target="supplier-network", every=7 * _DAY,
             shortest=2 * _HOUR, longest=4 * _HOUR),
)  # fmt: skip


def plan_incidents(rng: Random, start: datetime, history: timedelta) -> Incidents:
    """The incidents of a run that went live at `start` with `history` behind it."""
    past = _recurring(rng, start - history, start - 6 * _HOUR)
    later = _recurring(rng, start + 8 * _HOUR, start + LIVE_HORIZON_DAYS * _DAY)
    return Incidents(planned=(*past, *_around(start), *later))


def _recurring(rng: Random, begin: datetime, end: datetime) -> Iterator[Incident]:
    for pattern in _PATTERNS:
        at = begin + pattern.every * rng.uniform(0.1, 0.6)
        while at < end - pattern.longest:
            length = rng.uniform(pattern.shortest.total_seconds(), pattern.longest.total_seconds())
            yield Incident(
                fault=pattern.fault,
                target=pattern.target,
                start=at,
                end=at + timedelta(seconds=round(length)),
                offset=pattern.offset,
            )
            at += pattern.every * rng.uniform(0.7, 1.3)


def _around(start: datetime) -> Iterator[Incident]:
    """What happens to whoever looks at the first hours of a live run."""
    yield Incident(
        fault=Fault.SKEWED_CLOCK,
        target="supplier-gateway",
        start=start - 40 * _MINUTE,
        end=start + 3 * _HOUR,
        offset=timedelta(seconds=95),
    )
    yield Incident(
        fault=Fault.STUCK_QUEUE,
        target="staffing.demand",
        facility="mercy-east",
        start=start - 20 * _MINUTE,
        end=start + 41 * _MINUTE,
    )
    yield Incident(
        fault=Fault.SILENT_SOURCE,
        target="supplier-network",
        start=start + 5 * _MINUTE,
        end=start + 80 * _MINUTE,
    )
    yield Incident(
        fault=Fault.SLOW_ERP,
        target="erp-worker",
        start=start + 15 * _MINUTE,
        end=start + 25 * _MINUTE,
    )
    yield Incident(
        fault=Fault.STUCK_QUEUE,
        target="po.outbound",
        facility="mercy-west",
        start=start + 100 * _MINUTE,
        end=start + 170 * _MINUTE,
    )
