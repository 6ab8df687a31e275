"""Alerting at work: follow the SLA stage, open and resolve alerts, queue what is to be told.

Order of writes: the alert events page by page, then the deliveries that are missing for them, then
the cursor. Deliveries are made from what stands in `alert_events`, also what a person wrote there,
so neither a killed run nor one whose verdicts have changed since can lose a notification. Nothing
is sent here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from alerting.notices import notice
from alerting.policy import NotifyRule, reconcile, wording
from suture.clock import EPOCH, require_utc
from suture.contracts.alert import AlertAction, AlertEvent
from suture.definitions.catalog import Catalog
from suture.store import alerts, breaches, deliveries
from suture.store.breaches import BreachPage
from suture.store.engine import Store

PAGE = 2_000
"""Instances held in memory at a time."""

QUEUE_BATCH = 1_000

LOOK_BACK = timedelta(days=7)
"""How far back events without a delivery are sought once the first run has sought everywhere."""

_SEEK_EVERY = timedelta(minutes=1)
"""So often at least, though the number of alert events has not changed."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTickResult:
    """What one tick did. `position` is the last tick of the SLA stage that is worked in."""

    opened: int = 0
    resolved: int = 0
    queued: int = 0
    position: int = 0


class AlertPipeline:
    """Turns breaches into alerts and alerts into queued notifications. One tick at a time."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        *,
        channels: Sequence[str],
        notify: NotifyRule | None = None,
        page: int = PAGE,
    ) -> None:
        """Queue for each of `channels` (names that the outbox knows) what `notify` lets through."""
        if not channels:
            raise ValueError("alerts need at least one channel: the log, say")
        self._store = store
        self._catalog = catalog
        self._channels = tuple(channels)
        self._notify = notify or NotifyRule()
        self._page = page
        self._told_of: int | None = None
        self._sought_at = EPOCH

    def tick(self, now: datetime) -> AlertTickResult:
        """Work in what the SLA stage finished, and queue what is to be told.

        Raises StoreUnavailable when the store does not answer; the next tick goes on from there.
        """
        now = require_utc(now)
        standing = breaches.standing(self._store)
        position, finished = standing.alerted, standing.judged
        written: list[AlertAction] = []
        if finished > position:
            for page in breaches.breach_pages(
                self._store, after=position, upto=finished, size=self._page
            ):
                events = self._decide(page)
                alerts.append(self._store, events)
                written += [event.action for event in events]
        queued = 0
        if written or standing.events != self._told_of or now - self._sought_at >= _SEEK_EVERY:
            queued = self._queue(now)
            self._told_of, self._sought_at = standing.events + len(written), now
        if finished > position:
            breaches.finish(self._store, tick=finished, at=now)
        resolved = written.count(AlertAction.RESOLVED)
        if written or queued:
            _log.info(
                "alerts_written", opened=len(written) - resolved, resolved=resolved, queued=queued
            )
        return AlertTickResult(
            opened=len(written) - resolved,
            resolved=resolved,
            queued=queued,
            position=max(position, finished),
        )

    def _decide(self, page: BreachPage) -> list[AlertEvent]:
        return [
            event
            for verdict in page.verdicts
            for event in reconcile(
                verdict,
                page.alerts.get((verdict.sla, verdict.anchor), ()),
                self._notify,
                wording(self._catalog, verdict),
            )
        ]

    def _queue(self, now: datetime) -> int:
        """Queue every notification that is due to be told and is not queued; returns how many."""
        since = now - LOOK_BACK if self._told_of is not None else EPOCH
        count = 0
        while events := deliveries.unqueued(self._store, since=since, limit=QUEUE_BATCH):
            batch = [notice(event, channel) for event in events for channel in self._channels]
            deliveries.queue(self._store, batch)
            count += len(batch)
        return count
