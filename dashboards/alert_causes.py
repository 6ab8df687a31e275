"""What an alert's instance lost most of its time to, and in which step.

Read when alerts are shown, not when they are opened: a breach is told at once, and what it was due
to is known when its spans are there. Until then an alert has no cause.
"""

from collections.abc import Sequence
from dataclasses import replace

from dashboards.services import Services
from suture.clock import to_micros
from suture.contracts.alert import Alert
from suture.contracts.attribution import Attribution, largest_part


def with_causes(services: Services, environment: str, alerts: Sequence[Alert]) -> list[Alert]:
    """Alerts of one environment with cause and step, as far as their instances are attributed."""
    keys = {(alert.process, alert.anchor) for alert in alerts}
    found = services.attribution.some(environment, keys)
    upto = to_micros(services.now())
    return [_with(alert, found.get((alert.process, alert.anchor)), upto) for alert in alerts]


def with_cause(services: Services, alert: Alert) -> Alert:
    """One alert with cause and step, by its instance as it stands."""
    attribution = services.attributed(alert.environment, alert.process, alert.anchor)
    return _with(alert, attribution, to_micros(services.now()))


def _with(alert: Alert, attribution: Attribution | None, upto: int) -> Alert:
    part = largest_part(attribution, upto) if attribution else None
    return replace(alert, cause=part.cause.value, step=part.step) if part else alert
