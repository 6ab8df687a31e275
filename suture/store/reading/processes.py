"""How the instances of each process stand: counts by status and by worst verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from suture.clock import to_micros
from suture.contracts.process import InstanceStatus
from suture.contracts.verdict import SEVERITY_ORDER, VerdictState
from suture.store.engine import Store
from suture.store.queries import load

BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
END = datetime(2299, 1, 1, tzinfo=UTC)
"""The bounds of what the store can hold: a period without limits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Counts of one process; statuses and states that do not occur are missing."""

    statuses: Mapping[InstanceStatus, int] = field(default_factory=dict)
    states: Mapping[VerdictState, int] = field(default_factory=dict)
    earliest_start: datetime | None = None
    latest_start: datetime | None = None
    latest_at: datetime | None = None

    @property
    def total(self) -> int:
        """All its instances."""
        return sum(self.statuses.values())


class ProcessReader:
    """Reads of counts; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store
        self._sql = load("reading_processes")

    def standings(
        self,
        *,
        environment: str,
        now: datetime,
        started_from: datetime = BEGINNING,
        started_to: datetime = END,
        states: Sequence[VerdictState] = SEVERITY_ORDER,
    ) -> dict[str, Standing]:
        """Counts by process name over instances that started in [started_from, started_to).

        `states` as in `worst_states`.
        """
        parameters = {"now": to_micros(now), **_bounds(environment, started_from, started_to)}
        statuses: dict[str, dict[InstanceStatus, int]] = {}
        spans: dict[str, tuple[datetime, datetime, datetime]] = {}
        for row in self._store.rows(self._sql["statuses"], parameters):
            process = row["process"]
            statuses.setdefault(process, {})[InstanceStatus(row["shown_status"])] = row["found"]
            here = row["earliest_start"], row["latest_start"], row["latest_at"]
            known = spans.get(process, here)
            spans[process] = min(known[0], here[0]), max(known[1], here[1]), max(known[2], here[2])
        worst = self.worst_states(
            environment=environment,
            started_from=started_from,
            started_to=started_to,
            states=states,
        )
        return {
            process: Standing(
                statuses=found,
                states=worst.get(process, {}),
                earliest_start=spans[process][0],
                latest_start=spans[process][1],
                latest_at=spans[process][2],
            )
            for process, found in statuses.items()
        }

    def worst_states(
        self,
        *,
        environment: str,
        started_from: datetime,
        started_to: datetime,
        states: Sequence[VerdictState],
    ) -> dict[str, dict[VerdictState, int]]:
        """How many instances of each process have which worst verdict.

        `states` are the verdicts to count, worst first and none left out between them: the fewer,
        the faster.
        """
        if not states:
            return {}
        parameters = {
            "order": [state.value for state in states],
            **_bounds(environment, started_from, started_to),
        }
        found: dict[str, dict[VerdictState, int]] = {}
        for row in self._store.rows(self._sql["worst_states"], parameters):
            found.setdefault(row["process"], {})[VerdictState(row["state"])] = row["found"]
        return found


def _bounds(environment: str, started_from: datetime, started_to: datetime) -> dict[str, Any]:
    return {
        "environment": environment,
        "started_from": to_micros(started_from),
        "started_to": to_micros(started_to),
    }
