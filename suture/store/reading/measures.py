"""What KPIs are made of: how long clocks ran, how many instances completed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from suture.clock import from_micros, to_micros
from suture.contracts.verdict import VerdictState, Window
from suture.store.engine import Store
from suture.store.queries import load

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Durations:
    """The clocks of one rule that were decided in a period; microseconds.

    Quantiles are over those that were completed, and None where none was. The others are breaches
    whose end never came, or has not come yet.
    """

    met: int
    breached: int
    completed: int
    median_micros: float | None
    p90_micros: float | None

    @property
    def uncompleted(self) -> int:
        """Decided without an end: no one can say how long they take."""
        return self.met + self.breached - self.completed


@dataclass(frozen=True, kw_only=True, slots=True)
class Completions:
    """How the instances that started in a period stand."""

    completed: int = 0
    ended: int = 0
    stalled: int = 0
    running: int = 0

    def __add__(self, other: "Completions") -> "Completions":
        """The two together."""
        return Completions(
            completed=self.completed + other.completed,
            ended=self.ended + other.ended,
            stalled=self.stalled + other.stalled,
            running=self.running + other.running,
        )

    @property
    def total(self) -> int:
        """All of them."""
        return self.completed + self.ended + self.stalled + self.running

    @property
    def settled(self) -> int:
        """Those that no longer run."""
        return self.completed + self.ended + self.stalled

    @property
    def ratio(self) -> float | None:
        """Completed of all that no longer run; None where all still do."""
        return self.completed / self.settled if self.settled else None


Rules = Mapping[str, str]
"""The process of each rule that is asked about."""


class MeasureReader:
    """Aggregates for KPIs; safe to share between threads. `facet` splits one by its values."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store
        self._sql = load("reading_measures")

    def durations(
        self,
        rules: Rules,
        window: Window,
        bucket: timedelta,
        *,
        environment: str,
        facet: str | None = None,
    ) -> dict[tuple[str, str], tuple[Durations, dict[datetime, Durations]]]:
        """By (rule, facet value) over clocks that were decided in `window`.

        In total, and by the start of each stretch of `bucket` in which something was decided.
        """
        width = bucket // _MICROSECOND
        parameters = _counted(rules, window, environment=environment, facet=facet)
        parameters["bucket"] = width
        totals: dict[tuple[str, str], Durations] = {}
        trends: dict[tuple[str, str], dict[datetime, Durations]] = {}
        for row in self._store.rows(self._sql["durations"], parameters):
            group, one = (row["sla"], row["facet_value"]), _durations(row)
            if row["is_total"]:
                totals[group] = one
            else:
                trends.setdefault(group, {})[from_micros(row["bucket_index"] * width)] = one
        return {group: (total, trends.get(group, {})) for group, total in totals.items()}

    def undecided(
        self, rules: Rules, window: Window, *, environment: str, facet: str | None = None
    ) -> dict[tuple[str, str], dict[VerdictState, int]]:
        """Clocks that began before the window's end and still run, by (rule, facet value)."""
        parameters = _counted(rules, window, environment=environment, facet=facet)
        found: dict[tuple[str, str], dict[VerdictState, int]] = {}
        for row in self._store.rows(self._sql["undecided"], parameters):
            group = found.setdefault((row["sla"], row["facet_value"]), {})
            group[VerdictState(row["state"])] = row["found"]
        return found

    def completions(
        self,
        window: Window,
        bucket: timedelta,
        *,
        environment: str,
        now: datetime,
        facet: str | None = None,
    ) -> dict[tuple[str, str], dict[datetime, Completions]]:
        """Instances that started in `window` by (process, facet value) and stretch of `bucket`."""
        width = bucket // _MICROSECOND
        parameters = {
            "environment": environment,
            "now": to_micros(now),
            "facet": facet or "",
            "bucket": width,
            "started_from": to_micros(window.start),
            "started_to": to_micros(window.end),
        }
        found: dict[tuple[str, str], dict[datetime, Completions]] = {}
        for row in self._store.rows(self._sql["completions"], parameters):
            start = from_micros(row["bucket_index"] * width)
            found.setdefault((row["process"], row["facet_value"]), {})[start] = Completions(
                completed=row["completed"],
                ended=row["ended"],
                stalled=row["stalled"],
                running=row["running"],
            )
        return found


def _durations(row: Mapping[str, Any]) -> Durations:
    median, p90 = row["elapsed_micros"] if row["completed"] else (None, None)
    return Durations(
        met=row["met"],
        breached=row["breached"],
        completed=row["completed"],
        median_micros=median,
        p90_micros=p90,
    )


def _counted(
    rules: Rules, window: Window, *, environment: str, facet: str | None
) -> dict[str, Any]:
    return {
        "environment": environment,
        "processes": sorted(set(rules.values())),
        "slas": sorted(rules),
        "facet": facet or "",
        "counted_from": to_micros(window.start),
        "counted_to": to_micros(window.end),
    }
