"""Instances: runs of a process, and what they say of themselves."""

from enum import StrEnum


class InstanceStatus(StrEnum):
    """Where an instance stands. `stalled` depends on now and is never stored."""

    OPEN = "open"
    COMPLETED = "completed"
    ENDED = "ended"
    STALLED = "stalled"


class MilestoneKind(StrEnum):
    """Whose time the waiting before a milestone is: a system's, a person's, or a partner's."""

    SYSTEM = "system"
    MANUAL = "manual"
    EXTERNAL = "external"


class EvidenceKind(StrEnum):
    """What supports a link between two objects."""

    EVENT = "event"
    TRACE = "trace"
    OPERATOR = "operator"
