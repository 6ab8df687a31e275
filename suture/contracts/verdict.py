"""Verdicts: what one SLA says of one instance, and why."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from suture.contracts.process import InstanceStatus

_MICROSECOND = timedelta(microseconds=1)


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

UNDECIDED_STATES = frozenset(
    {VerdictState.PENDING, VerdictState.AT_RISK, VerdictState.PAUSED, VerdictState.UNKNOWN}
)
"""States that time alone can change."""


def worst(states: Iterable[VerdictState]) -> VerdictState | None:
    """The worst of several states, or None where there are none."""
    return min(states, key=SEVERITY_ORDER.index, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFacts:
    """What a rule has to know of an instance.

    `milestone_times` holds the reached times of each milestone, ascending. `ended_at` is when the
    instance was completed or ended, None while it is open.
    """

    environment: str
    process: str
    anchor: str
    status: InstanceStatus
    started_at: datetime
    start_inferred: bool = False
    ended_at: datetime | None = None
    milestone_times: Mapping[str, Sequence[datetime]] = field(default_factory=dict)
    facets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One SLA about one instance as decided at `decided_at`.

    All other times are event time. `deadline_at` is the first instant at which the allowance is
    used up. `completed_at` is when what was awaited came; `stopped_at` is when the clock stopped
    for that or another reason (the instance ended), None while it runs. Durations are integer
    microseconds. `reason` is a sentence for a person. `facets` are the instance's as they were
    then.
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
    stopped_at: datetime | None = None
    facets: Mapping[str, str] = field(default_factory=dict)

    def elapsed_by(self, now: datetime) -> int:
        """Microseconds from the clock's start to its stop, or to `now` while it runs."""
        return max(0, ((self.stopped_at or now) - self.started_at) // _MICROSECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The half-open stretch of event time [start, end) that a figure is about."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attainment:
    """How often a rule held in a window, for one group of instances.

    A verdict counts where its clock was decided: at its completion, or at its deadline where it is
    breached without one. `pending` and `unknown` are clocks that began before the window's end and
    are still undecided. `by` names the facet values of the group, empty for the total.
    """

    by: Mapping[str, str]
    met: int
    breached: int
    pending: int
    unknown: int
    target: float

    @property
    def ratio(self) -> float | None:
        """Met of all decided; None where nothing was decided."""
        decided = self.met + self.breached
        return self.met / decided if decided else None

    @property
    def budget_remaining_ratio(self) -> float | None:
        """The share of the error budget that is left: 1 untouched, 0 used up, negative overspent.

        The budget is the breaches that the target allows among all decided verdicts; None where
        nothing was decided. A target of 100 % allows none: 1 without a breach, else 0.
        """
        decided = self.met + self.breached
        if not decided:
            return None
        budget = (1 - self.target) * decided
        if budget <= 0:
            return 0.0 if self.breached else 1.0
        return 1 - self.breached / budget
