"""The stages between the loaded facts and the people, as steps that a schedule runs in order."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta

from alerting.channels import Channel
from alerting.channels.log import LogChannel
from alerting.channels.webhook import WebhookChannel
from alerting.outbox import Outbox
from alerting.pipeline import AlertPipeline
from alerting.policy import NotifyRule
from collector.coverage import Coverage
from correlator.attribution.job import AttributionJob
from correlator.job import Correlator
from sla_rules.job import SlaJob
from suture.definitions.catalog import Catalog
from suture.settings import Settings
from suture.store.engine import Store

_LONGEST_RUN_SECONDS = 5.0
"""A stage works off a backlog for so long before the stages behind it have their turn."""

_COVER_EVERY = timedelta(seconds=10)
"""After counting what sources sent it rests so long: each time leaves a row per source behind."""

_COVER_IDLE = timedelta(seconds=2)
"""After it found nothing it looks again so much later: it is nothing that anybody waits for."""

_ATTRIBUTE_REST_SECONDS = 2.0
_RESTS_PER_WORK = 3
"""Attribution rests so long at least, and so many times as long as it worked."""

_PAUSE_SECONDS = 0.2
"""A stage that keeps up with an import looks for more so often."""

Work = Callable[[datetime], bool]
"""One tick of a stage at a given time; says whether more waits."""


class Stages:
    """Correlator, SLA rules, alerting and coverage over one store; `close` when nothing runs."""

    def __init__(self, store: Store, catalog: Catalog, settings: Settings) -> None:
        """Build the stages; raises InstallationError for a webhook address that is none."""
        self._channels = _channels(settings)
        self._correlator = Correlator(store, catalog, batch_events=settings.correlate_batch_events)
        self._judge = SlaJob(store, catalog)
        self._alerts = AlertPipeline(
            store,
            catalog,
            channels=[channel.name for channel in self._channels],
            notify=NotifyRule(
                max_age=timedelta(seconds=settings.notify_max_age_seconds),
                history=settings.notify_history,
            ),
        )
        self._outbox = Outbox(store, self._channels)
        self._coverage = Coverage(store)
        self._attribution = AttributionJob(store, catalog)
        self._cover_from: datetime | None = None
        self._attribute_from = 0.0

    @property
    def stitching(self) -> Work:
        """The first stage of the chain by itself."""
        return self._stitch

    @property
    def chain(self) -> list[tuple[str, Work]]:
        """Stitch, judge, alert: each reads what the one before wrote."""
        return [
            ("correlator", self._stitch),
            ("sla_rules", self._decide),
            ("alerting", self._alert),
        ]

    def deliver(self, now: datetime) -> None:
        """Send notifications that are due."""
        self._outbox.tick(now)

    def cover(self, now: datetime) -> None:
        """Count what sources sent: soon after a lull, every ten seconds while more comes."""
        if self._cover_from is not None and now < self._cover_from:
            return
        tick = self._coverage.tick(now)
        if tick.more:
            self._cover_from = None
        else:
            self._cover_from = now + (_COVER_EVERY if tick.segments else _COVER_IDLE)

    def attribute(self, now: datetime) -> None:
        """Say where the time of instances went, resting longer than it works.

        It is apart from the chain and shares the processor with it, which it must not hold up.
        """
        began = time.monotonic()
        if began < self._attribute_from:
            return
        self._attribution.tick(now)
        ended = time.monotonic()
        rest = max(_ATTRIBUTE_REST_SECONDS, _RESTS_PER_WORK * (ended - began))
        self._attribute_from = ended + rest

    def close(self) -> None:
        """Let go of connections."""
        self._outbox.close()

    def _stitch(self, now: datetime) -> bool:
        return self._correlator.tick(now).more

    def _decide(self, now: datetime) -> bool:
        return not self._judge.tick(now).caught_up

    def _alert(self, now: datetime) -> bool:
        self._alerts.tick(now)
        return False


def work_off(
    work: Work, now: Callable[[], datetime], *, seconds: float = _LONGEST_RUN_SECONDS
) -> bool:
    """Repeat a stage's tick while more waits, for about so many seconds; whether more waits."""
    until = time.monotonic() + seconds
    while more := work(now()):
        if time.monotonic() > until:
            break
    return more


def work_off_all(chain: Sequence[tuple[str, Work]], now: Callable[[], datetime]) -> None:
    """Run the chain again and again until no stage has more to do."""
    while any([work_off(work, now) for _, work in chain]):  # noqa: C419 - every stage has a turn
        continue


@contextmanager
def meanwhile(work: Work, now: Callable[[], datetime]) -> Iterator[None]:
    """Run a stage in a thread of its own for as long as the context lasts; its errors come last."""
    enough = threading.Event()

    def keep_up() -> None:
        while not enough.is_set():
            if not work(now()):
                enough.wait(_PAUSE_SECONDS)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="meanwhile") as pool:
        running = pool.submit(keep_up)
        try:
            yield
        finally:
            enough.set()
        running.result()


def _channels(settings: Settings) -> list[Channel]:
    channels: list[Channel] = [LogChannel()]
    if settings.webhook_url:
        secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else None
        channels.append(WebhookChannel(settings.webhook_url, secret=secret))
    return channels
