"""Sources with all that is known of them: how they stand, what came of them, their clocks."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboards.coverage import coverage_of
from dashboards.services import Services
from dashboards.source_states import SourceKind, SourceStanding, standings
from suture.store.reading.sources import ClockOffset, Traffic

_DAY = timedelta(days=1)
_TELEMETRY = (SourceKind.SPANS, SourceKind.LOGS, SourceKind.METRICS)


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredSource:
    """One source. `coverage` is that of its system in the last day.

    `traffic` is None where nothing came in the last day; `clock` where no call of that time tells
    the service's clock from another. `callers` says the same against each service that calls it.
    """

    standing: SourceStanding
    traffic: Traffic | None
    clock: ClockOffset | None
    callers: tuple[ClockOffset, ...]
    coverage: float | None


def measured_sources(
    services: Services, *, environment: str, now: datetime
) -> list[MeasuredSource]:
    """Every source of an environment, and every system that owes one; overdue ones first."""
    reader = services.sources
    found = standings(reader.sources(environment=environment), services.catalog.systems, now=now)
    traffic = reader.traffic(environment=environment, now=now)
    clocks = reader.offsets(environment=environment, now=now)
    callers = reader.callers(environment=environment, now=now)
    coverage = coverage_of(services, environment=environment, start=now - _DAY, end=now, now=now)
    return [
        MeasuredSource(
            standing=one,
            traffic=traffic.get((one.kind.value, one.source)),
            clock=clocks.get(one.source) if one.kind in _TELEMETRY else None,
            callers=tuple(callers.get(one.source, ())) if one.kind in _TELEMETRY else (),
            coverage=coverage.of_systems({one.system}) if one.system else None,
        )
        for one in found
    ]
