"""How the instances of each process stand: counts by status and by worst verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

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
    ) -> dict[str, Standing]:
        """Counts by process name over instances that started in [started_from, started_to)."""
        parameters = {
            "environment": environment,
            "now": to_micros(now),
            "started_from": to_micros(started_from),
            "started_to": to_micros(started_to),
            "order": [state.value for state in SEVERITY_ORDER],
        }
        statuses: dict[str, dict[InstanceStatus, int]] = {}
        spans: dict[str, tuple[datetime, datetime, datetime]] = {}
        for row in self._store.rows(self._sql["statuses"], parameters):
            process = row["process"]
            statuses.setdefault(process, {})[InstanceStatus(row["shown_status"])] = row["found"]
            here = row["earliest_start"], row["latest_start"], row["latest_at"]
            known = spans.get(process, here)
            spans[process] = min(known[0], here[0]), max(known[1], here[1]), max(known[2], here[2])
        states: dict[str, dict[VerdictState, int]] = {}
        for row in self._store.rows(self._sql["worst_states"], parameters):
            states.setdefault(row["process"], {})[VerdictState(row["state"])] = row["found"]
        return {
            process: Standing(
                statuses=found,
                states=states.get(process, {}),
                earliest_start=spans[process][0],
                latest_start=spans[process][1],
                latest_at=spans[process][2],
            )
            for process, found in statuses.items()
        }
