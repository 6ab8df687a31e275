"""The outbox: sends what is queued, at least once, and writes down how every attempt ended.

A delivery stands in the store before it is sent and stays due until an attempt has been recorded as
delivered or failed. Attempts are recorded a few at a time, as to write a row costs more than to
send most notices: a process that dies after sending and before recording sends those again, under
the same keys. What fails for now is tried again with growing pauses; what fails for good, or too
often, is left as failed, with the reason, for a person to see.
"""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from alerting.channels import Channel
from suture.clock import EPOCH, require_utc
from suture.contracts.alert import Delivery, DeliveryState
from suture.errors import DeliveryDeferred, DeliveryRejected
from suture.store import deliveries
from suture.store.engine import Store

BATCH = 200
"""Deliveries attempted in one tick at most."""

RECORD_TOGETHER = 50
RECORD_WITHIN_SECONDS = 0.25
"""No attempt waits longer to be recorded than this and the one attempt after it."""

_LOOK_EVERY = timedelta(seconds=5)
"""So often at least, though nothing was queued and nothing that is known of falls due."""

_SEEK_EVERY = timedelta(minutes=10)
_LOOK_BACK = timedelta(days=1)
_DETAIL = 500

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """Pauses between attempts: `first`, doubled each time up to `longest`, then `attempts` is all.

    As given, about a day passes before a delivery is given up. Up to half of a pause is taken off,
    by a share that the delivery's key decides, so that many do not come back at one instant.
    """

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=15)
    attempts: int = 120

    def pause(self, key: str, attempt: int) -> timedelta:
        """How long to wait after the `attempt`-th attempt (from 1) has failed."""
        whole = min(self.longest, self.first * 2.0 ** min(attempt - 1, 30))
        digest = hashlib.sha256(f"{key}|{attempt}".encode()).digest()
        return whole * (1 - int.from_bytes(digest[:4]) / 2**33)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTickResult:
    """How the attempts of one tick ended."""

    delivered: int = 0
    deferred: int = 0
    failed: int = 0


class _Record:
    """The attempts of one tick that are made and not yet written down."""

    def __init__(self, store: Store, now: datetime) -> None:
        self._store = store
        self._now = now
        self._unwritten: list[Delivery] = []
        self._oldest = 0.0

    def add(self, attempted: Delivery) -> None:
        if not self._unwritten:
            self._oldest = time.monotonic()
        self._unwritten.append(attempted)
        late = time.monotonic() - self._oldest >= RECORD_WITHIN_SECONDS
        if late or len(self._unwritten) >= RECORD_TOGETHER:
            self.write()

    def write(self) -> None:
        attempted, self._unwritten = self._unwritten, []
        deliveries.record_attempts(self._store, attempted, at=self._now)


class Outbox:
    """Sends queued notifications through channels. One tick at a time."""

    def __init__(
        self, store: Store, channels: Iterable[Channel], *, retry: RetryRule | None = None
    ) -> None:
        """Send through `channels`, each under its own name, and try again by `retry`."""
        self._store = store
        self._channels = {channel.name: channel for channel in channels}
        self._retry = retry or RetryRule()
        self._since = EPOCH
        self._sought_at: datetime | None = None
        self._held: dict[str, datetime] = {}
        self._rows: int | None = None
        self._looked_at = EPOCH
        self._again: list[datetime] = []

    def tick(self, now: datetime) -> DeliveryTickResult:
        """Attempt what is due by `now`, oldest first.

        After an attempt that is to be repeated, nothing more goes out on that channel in this tick:
        a receiver that is down is asked once per tick, not once per alert. Raises StoreUnavailable
        when the store does not answer; what was sent and not recorded then is sent again.
        """
        now = require_utc(now)
        rows = deliveries.row_count(self._store)
        if rows == self._rows and now < min([self._looked_at + _LOOK_EVERY, *self._again]):
            return DeliveryTickResult()
        self._looked_at = now
        self._again = [at for at in self._again if at > now]
        self._seek(now)
        held = {channel for channel, until in self._held.items() if until > now}
        ended: list[DeliveryState] = []
        record = _Record(self._store, now)
        due = deliveries.waiting(self._store, now=now, since=self._since, held=held, limit=BATCH)
        for delivery in due:
            if delivery.channel in held:
                continue
            after = self._attempt(delivery, now)
            record.add(after)
            ended.append(after.state)
            if after.state is DeliveryState.DEFERRED:
                held.add(delivery.channel)
        record.write()
        self._rows = rows
        return DeliveryTickResult(
            delivered=ended.count(DeliveryState.DELIVERED),
            deferred=ended.count(DeliveryState.DEFERRED),
            failed=ended.count(DeliveryState.FAILED),
        )

    def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            channel.close()

    def _attempt(self, delivery: Delivery, now: datetime) -> Delivery:
        """The delivery as it stands after one attempt."""
        after = replace(delivery, attempts=delivery.attempts + 1, next_at=None, detail="")
        try:
            self._send(delivery, now)
        except DeliveryRejected as error:
            return self._failed(after, error.message)
        except DeliveryDeferred as error:
            return self._deferred(after, error, now)
        return replace(after, state=DeliveryState.DELIVERED)

    def _send(self, delivery: Delivery, now: datetime) -> None:
        channel = self._channels.get(delivery.channel)
        if channel is None:
            raise DeliveryDeferred(f"the channel {delivery.channel} is not set up")
        try:
            channel.send(delivery, now)
        except (DeliveryRejected, DeliveryDeferred):
            raise
        except Exception as error:
            # A mistake in one channel must not keep the others from sending.
            _log.exception("channel_broken", channel=delivery.channel, key=delivery.key)
            raise DeliveryDeferred(f"{type(error).__name__}: {error}") from error

    def _deferred(self, after: Delivery, error: DeliveryDeferred, now: datetime) -> Delivery:
        if after.attempts >= self._retry.attempts:
            return self._failed(after, f"given up after {after.attempts} attempts: {error.message}")
        pause = self._retry.pause(after.key, after.attempts)
        if error.retry_after_seconds is not None:
            asked = timedelta(seconds=min(error.retry_after_seconds, 86_400))
            pause = max(pause, asked)
            self._held[after.channel] = now + asked
        _log.warning(
            "delivery_deferred",
            channel=after.channel,
            key=after.key,
            attempt=after.attempts,
            pause_seconds=round(pause.total_seconds(), 3),
            detail=error.message[:_DETAIL],
        )
        next_at = now + pause
        self._again.append(next_at)
        return replace(
            after,
            state=DeliveryState.DEFERRED,
            next_at=next_at,
            detail=error.message[:_DETAIL],
        )

    def _failed(self, after: Delivery, message: str) -> Delivery:
        _log.error(
            "delivery_failed", channel=after.channel, key=after.key, detail=message[:_DETAIL]
        )
        return replace(after, state=DeliveryState.FAILED, detail=message[:_DETAIL])

    def _seek(self, now: datetime) -> None:
        """Now and then find out how far back unfinished deliveries reach, to read no further."""
        if self._sought_at is not None and now - self._sought_at < _SEEK_EVERY:
            return
        oldest = deliveries.oldest_unfinished(self._store)
        recent = now - _LOOK_BACK
        self._since = min(oldest, recent) if oldest is not None else recent
        self._sought_at = now
