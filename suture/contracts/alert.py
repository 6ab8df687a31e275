"""Alerts: what needs somebody's attention, and the life of one."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class AlertState(StrEnum):
    """Where an alert stands."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class AlertAction(StrEnum):
    """What can be recorded of an alert; the log of these is also the audit trail."""

    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    REOPENED = "reopened"


class Severity(StrEnum):
    """How much a breach matters, least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class NoticeKind(StrEnum):
    """What a notification says: trouble started, or it ended."""

    FIRING = "firing"
    RESOLVED = "resolved"


class DeliveryState(StrEnum):
    """Where a notification stands after its latest attempt; the last two are final."""

    QUEUED = "queued"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    FAILED = "failed"


PLATFORM = "suture"
"""The actor of what the platform itself does to an alert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """Something that happened to an alert; what an alert is, is folded from these.

    `comment` says why, in a sentence. `over` marks what the platform opened or resolved when the
    clock had already stopped: the breach stands, but nothing is awaited any more. `notify` says
    whether anybody is to be told. `until` is the end of a snooze.
    """

    alert_id: str
    at: datetime
    action: AlertAction
    actor: str
    environment: str
    process: str
    sla: str
    anchor: str
    severity: Severity
    owner: str
    title: str
    breached_at: datetime | None = None
    assignee: str = ""
    comment: str = ""
    until: datetime | None = None
    over: bool = False
    notify: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as it stands. `reason` is the sentence it was last opened with.

    `closed_by` is who resolved it. `notified` says whether its latest opening was to be told to
    anybody; `opened_over` and `closed_over` repeat `AlertEvent.over` of the latest opening and the
    latest resolution. `last_at` is the time of the latest event of any kind.
    """

    id: str
    environment: str
    process: str
    sla: str
    anchor: str
    state: AlertState
    severity: Severity
    title: str
    reason: str
    owner: str
    opened_at: datetime
    last_at: datetime
    breached_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    assignee: str | None = None
    acknowledged_by: str | None = None
    snoozed_until: datetime | None = None
    cause: str | None = None
    step: str | None = None
    members_count: int = 1
    notified: bool = False
    opened_over: bool = False
    closed_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One notification on one channel. `key` is what makes a repeat harmless to the receiver.

    `body` is the JSON text that is sent, the same at every attempt. `attempts` counts those made.
    """

    key: str
    alert_id: str
    kind: NoticeKind
    channel: str
    queued_at: datetime
    state: DeliveryState
    attempts: int
    next_at: datetime | None
    detail: str
    body: str


def alert_id(*, environment: str, sla: str, anchor: str, clock_started_at: datetime) -> str:
    """The id of the one alert for a breach: rule, instance and clock start decide it."""
    started = clock_started_at.astimezone(UTC).isoformat()
    text = "|".join((environment, sla, anchor, started))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
