"""How far each stage is: what waits, who was heard from when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from suture.store.engine import Store
from suture.store.queries import load

STITCHED = "correlator-change"
JUDGED = "sla_rules"
PLANNED = "sla_rules-tick"
FINISHED = "sla_rules-done"
ALERTED = "alerting"
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Someone who sends: the event time of the latest, and when that or another arrived."""

    source: str
    kind: str
    system: str
    last_event_at: datetime
    last_seen_at: datetime


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

    def alerting(self, cursors: Mapping[str, Cursor]) -> int:
        """Verdicts that became or ceased to be breaches and that alerting has not looked at."""
        parameters = {
            "judged": _position(cursors, FINISHED),
            "alerted": _position(cursors, ALERTED),
        }
        return int(self._store.rows(self._sql["verdicts_waiting"], parameters)[0]["found"])

    def sources(self, *, environment: str, service_systems: Mapping[str, str]) -> list[Source]:
        """Everyone heard from: sources of milestones, then services that sent spans."""
        events = self._store.rows(self._sql["sources"], {"environment": environment})
        spans = self._store.rows(self._sql["services"])
        return [
            Source(
                source=row["source"],
                kind="events",
                system=row["system"],
                last_event_at=row["last_event_at"],
                last_seen_at=row["last_seen_at"],
            )
            for row in events
        ] + [
            Source(
                source=row["service"],
                kind="spans",
                system=service_systems.get(row["service"], ""),
                last_event_at=row["last_event_at"],
                last_seen_at=row["last_seen_at"],
            )
            for row in spans
        ]


def _position(cursors: Mapping[str, Cursor], stage: str) -> int:
    cursor = cursors.get(stage)
    return cursor.position if cursor else 0
