"""What the time of an alert's clock went to most, and in which step.

The stretch is the verdict's: from the start of the clock that was breached to its stop, or to the
end of the alert if that came first, else to now. What the instance did before or afterwards is no
part of it, and pieces that reach over either end are cut. The stretch of a resolved alert stands
still: time that passes afterwards changes nothing.

Read when alerts are shown, not when they are opened: a breach is told at once, and what it was due
to is known when its spans are there. Until then an alert has no cause.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from dashboards.services import Services
from suture.clock import to_micros
from suture.contracts.alert import Alert, AlertState, alert_id
from suture.contracts.attribution import LargestPart, largest_part
from suture.store.verdicts import VerdictClock, clocks_of


def largest_parts(
    services: Services, environment: str, alerts: Sequence[Alert]
) -> dict[str, LargestPart]:
    """By the ids of alerts of one environment, as far as their instances are attributed."""
    clocks = _clocks(services, environment, alerts)
    keys = {(alert.process, alert.anchor) for alert in alerts if alert.id in clocks}
    attributions = services.attribution.some(environment, keys)
    found = {}
    for alert in alerts:
        attribution = attributions.get((alert.process, alert.anchor))
        if attribution is None or alert.id not in clocks:
            continue
        part = largest_part(attribution, *_stretch(alert, clocks[alert.id], services.now()))
        if part is not None:
            found[alert.id] = part
    return found


def part_of(services: Services, alert: Alert) -> LargestPart | None:
    """The same of one alert, by its instance as it stands."""
    clock = _clocks(services, alert.environment, [alert]).get(alert.id)
    attribution = services.attributed(alert.environment, alert.process, alert.anchor)
    if clock is None or attribution is None:
        return None
    return largest_part(attribution, *_stretch(alert, clock, services.now()))


def with_causes(services: Services, environment: str, alerts: Sequence[Alert]) -> list[Alert]:
    """Alerts of one environment with cause and step, as far as their instances are attributed."""
    parts = largest_parts(services, environment, alerts)
    return [_with(alert, parts.get(alert.id)) for alert in alerts]


def with_cause(services: Services, alert: Alert) -> Alert:
    """One alert with cause and step, by its instance as it stands."""
    return _with(alert, part_of(services, alert))


def _with(alert: Alert, part: LargestPart | None) -> Alert:
    return replace(alert, cause=part.cause.value, step=part.step) if part else alert


def _clocks(
    services: Services, environment: str, alerts: Sequence[Alert]
) -> dict[str, VerdictClock]:
    """The clock that each alert is about, by its id: mostly the one that counts now."""
    found = _by_alert(environment, _read(services, environment, alerts, ever=False))
    earlier = [alert for alert in alerts if alert.id not in found]
    if earlier:
        found |= _by_alert(environment, _read(services, environment, earlier, ever=True))
    return found


def _read(
    services: Services, environment: str, alerts: Sequence[Alert], *, ever: bool
) -> list[VerdictClock]:
    about = {(alert.process, alert.sla, alert.anchor) for alert in alerts}
    return clocks_of(services.store, environment=environment, about=about, ever=ever)


def _by_alert(environment: str, clocks: Iterable[VerdictClock]) -> dict[str, VerdictClock]:
    return {
        alert_id(
            environment=environment,
            sla=clock.sla,
            anchor=clock.anchor,
            clock_started_at=clock.started_at,
        ): clock
        for clock in clocks
    }


def _stretch(alert: Alert, clock: VerdictClock, now: datetime) -> tuple[int, int]:
    closed = alert.closed_at if alert.state is AlertState.RESOLVED else None
    ends = [at for at in (clock.stopped_at, closed) if at is not None]
    return to_micros(clock.started_at), to_micros(min(ends, default=now))
