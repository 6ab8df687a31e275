"""What becomes of a breach: an alert or none, told or not told, and in which words.

Pure. A decision follows from the verdict as it counts now and the alerts that exist already, never
from what happened in between; so a run that is repeated decides nothing twice.

The life of an alert as far as the platform acts:

- a breach opens it, once per rule, instance and start of the clock
- it is told, unless the breach was already too old when it was found
- when what was awaited comes late, or the instance ends, trouble is over: it is resolved. A breach
  that was over before anybody could know of it stays open until somebody has seen it; one that is
  too old to be told is resolved at once
- a breach that is withdrawn (a late event shows it was in time) resolves it; should it come back,
  the alert is opened again
- what a person resolved stays resolved
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from suture.contracts.alert import (
    PLATFORM,
    Alert,
    AlertAction,
    AlertEvent,
    AlertState,
    Severity,
    alert_id,
)
from suture.contracts.objects import ObjectKey
from suture.contracts.verdict import Verdict, VerdictState
from suture.definitions.catalog import Catalog

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyRule:
    """Which breaches are told: those at most `max_age` old when found, or with `history` all."""

    max_age: timedelta = timedelta(hours=24)
    history: bool = False

    def tells(self, verdict: Verdict) -> bool:
        """Whether anybody is told of this breach; its age runs from the deadline it missed."""
        breached_at = verdict.deadline_at or verdict.decided_at
        return self.history or verdict.decided_at - breached_at <= self.max_age


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How alerts about one rule are addressed."""

    severity: Severity
    owner: str
    title: str


def wording(catalog: Catalog, verdict: Verdict) -> Wording:
    """Severity, owner (the rule's, else the process's) and title of an alert about a verdict."""
    rule = catalog.slas.get(verdict.sla)
    process = catalog.processes.get(verdict.process)
    owner = (rule.owner if rule else None) or (process.owner if process else "")
    return Wording(
        severity=rule.severity if rule else Severity.MEDIUM,
        owner=owner,
        title=f"{_named(verdict.anchor)}: {rule.title if rule else verdict.sla}",
    )


def reconcile(
    verdict: Verdict, alerts: Sequence[Alert], notify: NotifyRule, words: Wording
) -> list[AlertEvent]:
    """What has to happen so that the alerts about one rule and instance fit its verdict.

    `alerts` are all there are, of earlier starts of the clock too.
    """
    wanted = _alert_id(verdict) if verdict.state is VerdictState.BREACHED else None
    events = [
        _resolved(alert, verdict, over=False)
        for alert in alerts
        if alert.id != wanted and alert.state is not AlertState.RESOLVED
    ]
    if wanted is None:
        return events
    alert = next((one for one in alerts if one.id == wanted), None)
    if alert is None:
        return [*events, *_opened(verdict, notify, words)]
    return [*events, *_followed(alert, verdict, notify, words)]


def _opened(verdict: Verdict, notify: NotifyRule, words: Wording) -> list[AlertEvent]:
    over, told = verdict.stopped_at is not None, notify.tells(verdict)
    opened = _event(verdict, words, AlertAction.OPENED, over=over, notify=told)
    if not over or told:
        return [opened]
    closed = _event(verdict, words, AlertAction.RESOLVED, over=True, notify=False)
    return [opened, closed]


def _followed(
    alert: Alert, verdict: Verdict, notify: NotifyRule, words: Wording
) -> list[AlertEvent]:
    over, told = verdict.stopped_at is not None, notify.tells(verdict)
    if alert.state is not AlertState.RESOLVED:
        return [_resolved(alert, verdict, over=True)] if over and not alert.opened_over else []
    if alert.closed_by != PLATFORM or (over and (alert.closed_over or not told)):
        return []
    return [_event(verdict, words, AlertAction.REOPENED, over=over, notify=told, after=alert)]


def _resolved(alert: Alert, verdict: Verdict, *, over: bool) -> AlertEvent:
    """Resolve `alert`; what its own opening said of it still holds, the rule may be gone."""
    words = Wording(severity=alert.severity, owner=alert.owner, title=alert.title)
    return _event(
        verdict, words, AlertAction.RESOLVED, over=over, notify=alert.notified, after=alert
    )


def _event(
    verdict: Verdict,
    words: Wording,
    action: AlertAction,
    *,
    over: bool,
    notify: bool,
    after: Alert | None = None,
) -> AlertEvent:
    """An event at the time of the verdict's decision, which a repeated run knows as well."""
    at = verdict.decided_at
    if after is not None:
        at = max(at, after.last_at + _MICROSECOND)
    elif action is AlertAction.RESOLVED:
        at += _MICROSECOND
    return AlertEvent(
        alert_id=after.id if after else _alert_id(verdict),
        at=at,
        action=action,
        actor=PLATFORM,
        environment=verdict.environment,
        process=verdict.process,
        sla=verdict.sla,
        anchor=verdict.anchor,
        severity=words.severity,
        owner=words.owner,
        title=words.title,
        breached_at=after.breached_at if after else verdict.deadline_at,
        comment=verdict.reason,
        over=over,
        notify=notify,
    )


def _alert_id(verdict: Verdict) -> str:
    return alert_id(
        environment=verdict.environment,
        sla=verdict.sla,
        anchor=verdict.anchor,
        clock_started_at=verdict.started_at,
    )


def _named(anchor: str) -> str:
    key = ObjectKey.decode(anchor)
    kind = key.type.replace("_", " ")
    scope = f" ({key.scope})" if key.scope else ""
    return f"{kind} {key.id}{scope}"
