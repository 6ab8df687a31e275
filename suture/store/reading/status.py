"""How far each stage is, and what waits before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from suture.store.engine import Store
from suture.store.queries import load

STITCHED = "correlator-change"
DECIDED = "correlator-decisions"
JUDGED = "sla_rules"
PLANNED = "sla_rules-tick"
FINISHED = "sla_rules-done"
ALERTED = "alerting"
ATTRIBUTED = "attribution-change"
"""Cursor stages, as their owners name them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Segments of one signal that are loaded and not stitched yet."""

    signal: str
    segments: int
    rows: int
    oldest_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """How far a stage is, and when it last moved."""

    position: int
    moved_at: datetime


class StatusReader:
    """Reads of the platform's own state; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store
        self._sql = load("reading_status")

    def answers(self) -> bool:
        """Whether the store answers; raises StoreUnavailable or another StoreError if not."""
        return bool(self._store.rows(self._sql["answers"]))

    def waiting(self) -> list[Waiting]:
        """What the correlator has not read yet, by signal."""
        return [
            Waiting(
                signal=row["signal"],
                segments=row["segments_count"],
                rows=row["rows_count"],
                oldest_at=row["oldest_at"],
            )
            for row in self._store.rows(self._sql["waiting"])
        ]

    def decisions_waiting(self, cursors: Mapping[str, Cursor]) -> int:
        """Decisions about links that the correlator has not read yet."""
        found = int(self._store.rows(self._sql["decisions"])[0]["found"])
        return max(0, found - _position(cursors, DECIDED))

    def cursors(self) -> dict[str, Cursor]:
        """Where each stage is; of a stage with several streams the furthest."""
        return {
            row["stage"]: Cursor(position=row["furthest"], moved_at=row["moved_at"])
            for row in self._store.rows(self._sql["cursors"])
        }

    def judging(self, cursors: Mapping[str, Cursor]) -> int:
        """Instances that were stitched anew and wait to be judged; at least 1 during a run."""
        stitched, judged = _position(cursors, STITCHED), _position(cursors, JUDGED)
        parameters = {"stitched": stitched, "judged": judged}
        waiting = int(self._store.rows(self._sql["changes_waiting"], parameters)[0]["found"])
        unfinished = _position(cursors, PLANNED) > _position(cursors, FINISHED)
        return waiting or int(stitched > judged or unfinished)

    def attribution(self, cursors: Mapping[str, Cursor]) -> int:
        """Instances and segments of spans that attribution has not looked at."""
        parameters = {
            "stitched": _position(cursors, STITCHED),
            "followed": _position(cursors, ATTRIBUTED),
        }
        found = int(self._store.rows(self._sql["attribution_waiting"], parameters)[0]["found"])
        return found or int(parameters["stitched"] > parameters["followed"])

    def alerting(self, cursors: Mapping[str, Cursor]) -> int:
        """Verdicts that became or ceased to be breaches and that alerting has not looked at."""
        parameters = {
            "judged": _position(cursors, FINISHED),
            "alerted": _position(cursors, ALERTED),
        }
        return int(self._store.rows(self._sql["verdicts_waiting"], parameters)[0]["found"])


def _position(cursors: Mapping[str, Cursor], stage: str) -> int:
    cursor = cursors.get(stage)
    return cursor.position if cursor else 0
