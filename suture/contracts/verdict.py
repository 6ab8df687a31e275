"""Verdicts: what one SLA says of one instance, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class VerdictState(StrEnum):
    """The seven answers. `unknown` is a real one: the source that would report is silent."""

    PENDING = "pending"
    AT_RISK = "at_risk"
    MET = "met"
    BREACHED = "breached"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


SEVERITY_ORDER = (
    VerdictState.BREACHED,
    VerdictState.UNKNOWN,
    VerdictState.AT_RISK,
    VerdictState.PAUSED,
    VerdictState.PENDING,
    VerdictState.MET,
    VerdictState.CANCELLED,
)
"""Worst first: the state of an instance is the worst of its verdicts."""


def worst(states: Iterable[VerdictState]) -> VerdictState | None:
    """The worst of several states, or None where there are none."""
    return min(states, key=SEVERITY_ORDER.index, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One SLA about one instance as decided at `decided_at`.

    All other times are event time. `deadline_at` is the first instant at which the allowance is
    used up. Durations are integer microseconds. `reason` is a sentence for a person.
    """

    environment: str
    process: str
    anchor: str
    sla: str
    sla_version: int
    state: VerdictState
    reason: str
    started_at: datetime
    deadline_at: datetime | None
    at_risk_at: datetime | None
    completed_at: datetime | None
    elapsed_micros: int
    allowed_micros: int
    decided_at: datetime
