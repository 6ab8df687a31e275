"""Alerts: what needs somebody's attention, and the life of one."""

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
