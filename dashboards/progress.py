"""How far the platform is: what was accepted and still waits somewhere.

The stages are read in the order of the flow: what moves on while they are read is then seen at
least once, so `settled` is never said too early.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboards.services import CollectorStatus, Services
from suture.store.reading.status import Cursor


@dataclass(frozen=True, kw_only=True, slots=True)
class StageProgress:
    """One stage, and what waits before it."""

    stage: str
    waiting: int
    unit: str
    since: datetime | None = None
    moved_at: datetime | None = None
    aside: bool = False

    def lag_seconds(self, now: datetime) -> float:
        """How long the oldest has waited; 0 where nothing does or since when is not known."""
        if not self.waiting or self.since is None:
            return 0.0
        return max(0.0, (now - self.since).total_seconds())


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """All stages. `settled`: nothing acknowledged still waits to be stitched and judged.

    What is computed beside the flow (`aside`) may lag and keeps nothing from being settled.
    """

    stages: Sequence[StageProgress]
    collector: CollectorStatus

    @property
    def settled(self) -> bool:
        """Whether nothing waits on the way from the doors to an alert."""
        return not any(stage.waiting for stage in self.stages if not stage.aside)


def progress_of(services: Services) -> Progress:
    """Ask every stage, in the order of the flow."""
    collector = services.collector()
    waiting = services.status.waiting()
    cursors = services.status.cursors()
    judging = services.status.judging(cursors)
    alerting = services.status.alerting(cursors)
    attribution = services.status.attribution(cursors)
    return Progress(
        collector=collector,
        stages=[
            StageProgress(
                stage="collector",
                waiting=collector.spool_records,
                unit="records",
                since=collector.waiting_since,
            ),
            StageProgress(
                stage="correlator",
                waiting=sum(one.segments for one in waiting)
                + services.status.decisions_waiting(cursors),
                unit="segments",
                since=min((one.oldest_at for one in waiting), default=None),
                moved_at=_moved(cursors.get("correlator")),
            ),
            StageProgress(
                stage="sla_rules",
                waiting=judging,
                unit="instances",
                since=_moved(cursors.get("correlator-change")),
                moved_at=_moved(cursors.get("sla_rules")),
            ),
            StageProgress(
                stage="alerting",
                waiting=alerting,
                unit="verdicts",
                since=_moved(cursors.get("sla_rules")),
                moved_at=_moved(cursors.get("alerting")),
            ),
            StageProgress(
                stage="attribution",
                waiting=attribution,
                unit="changes",
                since=_moved(cursors.get("correlator-change")),
                moved_at=_moved(cursors.get("attribution-change")),
                aside=True,
            ),
        ],
    )


def _moved(cursor: Cursor | None) -> datetime | None:
    return cursor.moved_at if cursor else None
