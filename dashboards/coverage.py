"""Coverage: which share of the heartbeats that systems declare was met in a period."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboards.services import Services
from suture.contracts.verdict import Window
from suture.definitions.process import ProcessDefinition
from suture.store.reading.sources import Heartbeat

_LONGEST = timedelta(days=366)


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """(heard, expected) heartbeats by system; systems that declare none are missing."""

    systems: Mapping[str, tuple[int, int]]

    def of_process(self, process: ProcessDefinition) -> float | None:
        """The share over the systems of a process's milestones; None: not declared."""
        return self.of_systems({m.system for m in process.milestones if m.system})

    def of_systems(self, systems: set[str]) -> float | None:
        """The share over some systems, each heartbeat counting once; None: not declared."""
        counted = [self.systems[system] for system in systems if system in self.systems]
        expected = sum(pair[1] for pair in counted)
        return sum(pair[0] for pair in counted) / expected if expected else None


def coverage_of(
    services: Services,
    *,
    environment: str,
    start: datetime | None,
    end: datetime | None,
    now: datetime,
) -> Coverage:
    """Coverage in [start, end); at most the year before the end is looked at.

    A system whose heartbeat follows a calendar counts as not declared: calendars are not judged.
    """
    last = min(end or now, now)
    window = Window(start=max(start or last - _LONGEST, last - _LONGEST), end=last)
    declared = [
        Heartbeat(system=name, every=system.judged_heartbeat, services=system.services)
        for name, system in services.catalog.systems.items()
        if system.judged_heartbeat
    ]
    if window.end <= window.start:
        return Coverage(systems={})
    return Coverage(
        systems=services.sources.coverage(declared, window, environment=environment, now=now)
    )
