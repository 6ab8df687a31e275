"""The outbox on a real store and a real receiver: at least once, in order, never silently lost."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from stage_doubles import DyingStore, Killed
from webhook_receiver import Answer, WebhookReceiver, signed_by

from alerting.channels.log import LogChannel
from alerting.channels.webhook import WebhookChannel
from alerting.notices import notice
from alerting.outbox import RECORD_TOGETHER, DeliveryTickResult, Outbox, RetryRule
from suture.clock import ManualClock
from suture.contracts.alert import (
    AlertAction,
    AlertEvent,
    Delivery,
    DeliveryState,
    Severity,
)
from suture.store import deliveries
from suture.store.engine import Store

pytestmark = pytest.mark.store

ROOT = Path(__file__).resolve().parents[2]
T0 = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
SECRET = "a shared secret"


def event(number: int = 1, action: AlertAction = AlertAction.OPENED, minute: int = 0) -> AlertEvent:
    return AlertEvent(
        alert_id=f"alert-{number}",
        at=T0 + timedelta(minutes=minute),
        action=action,
        actor="suture",
        environment="production",
        process="requisition_to_fulfilment",
        sla="cycle-time",
        anchor=f"production|requisition|mercy-west|R|{number}",
        severity=Severity.HIGH,
        owner="supply-desk",
        title="requisition: in time",
        breached_at=T0 - timedelta(hours=1),
        comment="waiting for goods_received, größer als erlaubt",
        notify=True,
    )


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    opened = WebhookReceiver()
    yield opened
    opened.close()


class Sender:
    """An outbox with a webhook on a manual clock."""

    def __init__(self, store: Any, url: str, retry: RetryRule | None = None) -> None:
        self.clock = ManualClock(T0 + timedelta(hours=1))
        self.store = store
        self.url = url
        self.retry = retry

    def tick(self, **advance: float) -> DeliveryTickResult:
        """Each tick is one of a new process."""
        self.clock.advance(**advance)
        outbox = Outbox(
            self.store, [WebhookChannel(self.url, secret=SECRET), LogChannel()], retry=self.retry
        )
        try:
            return outbox.tick(self.clock.now())
        finally:
            outbox.close()

    def only(self, alert: str = "alert-1") -> Delivery:
        (delivery,) = deliveries.deliveries_of(self.store, alert)
        return delivery


def test_a_notification_arrives_signed_and_once(store: Store, receiver: WebhookReceiver) -> None:
    deliveries.queue(store, [notice(event(), "webhook")])
    sender = Sender(store, receiver.url)
    assert sender.tick() == DeliveryTickResult(delivered=1)
    assert sender.tick(hours=5) == DeliveryTickResult()
    (request,) = receiver.requests
    assert request.path == "/hook?token=abc"
    assert signed_by(SECRET, request) == (T0 + timedelta(hours=1)).timestamp()
    assert signed_by("another secret", request) is None
    assert request.key == sender.only().key
    assert request.content == {
        "version": 1,
        "kind": "firing",
        "key": request.key,
        "at": "2026-11-20T08:00:00Z",
        "alert": {
            "id": "alert-1",
            "state": "firing",
            "severity": "high",
            "title": "requisition: in time",
            "text": "waiting for goods_received, größer als erlaubt",
            "owner": "supply-desk",
            "sla": "cycle-time",
            "process": "requisition_to_fulfilment",
            "environment": "production",
            "anchor": {"type": "requisition", "id": "R|1", "scope": "mercy-west"},
            "breached_at": "2026-11-20T07:00:00Z",
            "actor": "suture",
        },
    }
    assert (sender.only().state, sender.only().attempts) == (DeliveryState.DELIVERED, 1)


def test_it_is_tried_again_with_growing_pauses_until_it_arrives(store: Store) -> None:
    receiver = WebhookReceiver([Answer(status=500, body=b"oh no")] * 4)
    try:
        deliveries.queue(store, [notice(event(), "webhook")])
        sender = Sender(store, receiver.url)
        pauses = []
        while sender.tick().delivered == 0:
            waiting = sender.only()
            assert (waiting.state, waiting.detail) == (DeliveryState.DEFERRED, "HTTP 500: oh no")
            assert waiting.next_at is not None
            pauses.append((waiting.next_at - sender.clock.now()).total_seconds())
            sender.clock.set(waiting.next_at - timedelta(microseconds=1))
            assert sender.tick() == DeliveryTickResult()
            sender.clock.set(waiting.next_at)
    finally:
        receiver.close()
    for pause, whole in zip(pauses, (1, 2, 4, 8), strict=True):
        assert whole / 2 < pause <= whole
    assert len(receiver.requests) == 5
    assert len(receiver.effects) == 1
    assert len({request.body for request in receiver.requests}) == 1
    assert all(signed_by(SECRET, request) for request in receiver.requests)
    assert len({request.signature for request in receiver.requests}) > 1
    attempts = deliveries.attempts_of(store, receiver.requests[0].key)
    assert [a["state"] for a in attempts] == ["queued", *["deferred"] * 4, "delivered"]


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410])
def test_a_refusal_is_final_and_visible(store: Store, status: int) -> None:
    answer = Answer(status=status, headers={"Location": "http://127.0.0.1:1/"}, body=b"no")
    receiver = WebhookReceiver([answer])
    try:
        deliveries.queue(store, [notice(event(), "webhook")])
        sender = Sender(store, receiver.url)
        assert sender.tick() == DeliveryTickResult(failed=1)
        assert sender.tick(hours=48) == DeliveryTickResult()
    finally:
        receiver.close()
    assert (sender.only().state, sender.only().detail) == (
        DeliveryState.FAILED,
        f"HTTP {status}: no",
    )
    counts = deliveries.delivery_counts(store)
    assert counts == {("webhook", DeliveryState.FAILED): 1}


def test_the_receiver_says_when(store: Store) -> None:
    receiver = WebhookReceiver([Answer(status=429, headers={"Retry-After": "100"})])
    try:
        deliveries.queue(store, [notice(event(1), "webhook"), notice(event(2), "webhook")])
        sender = Sender(store, receiver.url)
        outbox = Outbox(store, [WebhookChannel(sender.url, secret=SECRET)])
        assert outbox.tick(sender.clock.now()) == DeliveryTickResult(deferred=1)
        assert outbox.tick(sender.clock.advance(seconds=99)) == DeliveryTickResult()
        assert outbox.tick(sender.clock.advance(seconds=1)) == DeliveryTickResult(delivered=2)
        outbox.close()
    finally:
        receiver.close()


def test_one_that_goes_on_is_quiet_until_something_is_queued_or_due(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    ask = deliveries.waiting

    def counted(*arguments: Any, **named: Any) -> list[Delivery]:
        looks.append("look")
        return ask(*arguments, **named)

    monkeypatch.setattr(deliveries, "waiting", counted)
    receiver = WebhookReceiver([Answer(status=500)])
    clock = ManualClock(T0 + timedelta(hours=1))
    outbox = Outbox(store, [WebhookChannel(receiver.url, secret=SECRET)])
    try:
        deliveries.queue(store, [notice(event(1), "webhook")])
        assert outbox.tick(clock.now()) == DeliveryTickResult(deferred=1)
        (deferred,) = deliveries.deliveries_of(store, "alert-1")
        assert deferred.next_at is not None
        assert outbox.tick(clock.now()) == DeliveryTickResult()  # its own record is news to it
        looks.clear()
        clock.set(deferred.next_at - timedelta(microseconds=1))
        assert outbox.tick(clock.now()) == DeliveryTickResult()
        assert looks == []
        clock.set(deferred.next_at)
        assert outbox.tick(clock.now()) == DeliveryTickResult(delivered=1)
        assert outbox.tick(clock.now()) == DeliveryTickResult()
        looks.clear()
        assert outbox.tick(clock.advance(seconds=1)) == DeliveryTickResult()
        assert looks == []
        deliveries.queue(store, [notice(event(2), "webhook")])
        assert outbox.tick(clock.advance(seconds=1)) == DeliveryTickResult(delivered=1)
    finally:
        outbox.close()
        receiver.close()


def test_it_gives_up_where_everybody_can_see_it(store: Store) -> None:
    deliveries.queue(store, [notice(event(), "webhook")])
    nobody = WebhookReceiver()
    nobody.close()
    sender = Sender(store, nobody.url, RetryRule(attempts=3))
    assert [sender.tick(hours=1).failed for _ in range(4)] == [0, 0, 1, 0]
    assert sender.only().state is DeliveryState.FAILED
    assert sender.only().detail.startswith("given up after 3 attempts: 127.0.0.1: ConnectError")
    assert "token" not in sender.only().detail


def test_a_receiver_that_is_down_is_asked_once_per_tick(store: Store) -> None:
    receiver = WebhookReceiver([Answer(status=503)] * 2)
    try:
        deliveries.queue(store, [notice(event(n), "webhook") for n in range(5)])
        deliveries.queue(store, [notice(event(1), "log")])
        sender = Sender(store, receiver.url)
        assert sender.tick() == DeliveryTickResult(deferred=1, delivered=1)
        assert sender.tick() == DeliveryTickResult(deferred=1)
        assert sender.tick(seconds=10) == DeliveryTickResult(delivered=5)
    finally:
        receiver.close()


def test_the_end_never_arrives_before_the_start(store: Store) -> None:
    receiver = WebhookReceiver([Answer(status=500)])
    try:
        resolved = event(1, AlertAction.RESOLVED, minute=5)
        deliveries.queue(store, [notice(resolved, "webhook"), notice(event(1), "webhook")])
        sender = Sender(store, receiver.url)
        for _ in range(6):
            sender.tick(seconds=10)
    finally:
        receiver.close()
    assert [r.content["kind"] for r in receiver.requests] == ["firing", "firing", "resolved"]


def test_a_channel_that_is_broken_or_gone_does_not_stop_the_others(
    store: Store, receiver: WebhookReceiver
) -> None:
    class Broken(LogChannel):
        def send(self, delivery: Delivery, now: datetime) -> None:
            raise ZeroDivisionError("oops")

    deliveries.queue(store, [notice(event(), name) for name in ("gone", "log", "webhook")])
    outbox = Outbox(store, [Broken(), WebhookChannel(receiver.url, secret=None)])
    result = outbox.tick(T0 + timedelta(hours=1))
    outbox.close()
    assert result == DeliveryTickResult(delivered=1, deferred=2)
    details = {d.channel: d.detail for d in deliveries.deliveries_of(store, "alert-1")}
    assert details == {
        "gone": "the channel gone is not set up",
        "log": "ZeroDivisionError: oops",
        "webhook": "",
    }
    assert receiver.requests[0].signature == ""


def test_deliveries_of_long_ago_are_found_after_a_long_stop(
    store: Store, receiver: WebhookReceiver
) -> None:
    deliveries.queue(store, [notice(event(), "webhook")])
    sender = Sender(store, receiver.url)
    assert sender.tick(days=400) == DeliveryTickResult(delivered=1)


def test_killed_between_sending_and_recording_it_sends_again_under_the_same_key(
    store: Store, receiver: WebhookReceiver
) -> None:
    deliveries.queue(store, [notice(event(), "webhook")])
    with pytest.raises(Killed):
        Sender(DyingStore(store, 0), receiver.url).tick()
    assert Sender(store, receiver.url).tick() == DeliveryTickResult(delivered=1)
    assert len(receiver.requests) == 2
    assert len(receiver.effects) == 1


def test_a_kill_repeats_no_more_than_what_was_to_be_recorded_together(
    store: Store, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerting.outbox.RECORD_WITHIN_SECONDS", 60.0)
    everything = 2 * RECORD_TOGETHER + 20
    deliveries.queue(store, [notice(event(number), "webhook") for number in range(everything)])
    with pytest.raises(Killed):
        Sender(DyingStore(store, 1), receiver.url).tick()
    assert len(receiver.requests) == 2 * RECORD_TOGETHER
    left = everything - RECORD_TOGETHER
    assert Sender(store, receiver.url).tick() == DeliveryTickResult(delivered=left)
    assert len(receiver.requests) == everything + RECORD_TOGETHER
    assert len(receiver.effects) == everything


def test_a_slow_receiver_does_not_keep_attempts_from_being_recorded(
    store: Store, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerting.outbox.RECORD_WITHIN_SECONDS", 0.0)
    deliveries.queue(store, [notice(event(number), "webhook") for number in range(4)])
    with pytest.raises(Killed):
        Sender(DyingStore(store, 3), receiver.url).tick()
    assert len(receiver.requests) == 4
    assert Sender(store, receiver.url).tick() == DeliveryTickResult(delivered=1)


PROCESS_THAT_SENDS = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path

from alerting.channels.webhook import WebhookChannel
from alerting.notices import notice
from alerting.outbox import Outbox
from suture.contracts.alert import AlertAction, AlertEvent, Severity
from suture.store import alerts, deliveries
from suture.store.engine import Store
from suture.store.migrate import migrate

store_url, url, die = sys.argv[1:]  # where this process dies, if anywhere
now = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Channel(WebhookChannel):
    def send(self, delivery, now):
        if die == "before sending":
            kill()
        super().send(delivery, now)
        if die == "after sending":
            kill()


store = Store(store_url)
migrate(store)
event = AlertEvent(
    alert_id="alert-1", at=datetime(2026, 11, 20, 8, 0, tzinfo=UTC), action=AlertAction.OPENED,
    actor="suture", environment="production", process="p", sla="s",
    anchor="production|requisition||R-1", severity=Severity.HIGH, owner="o", title="t", notify=True,
)
if die == "after queueing":
    alerts.append(store, [event])
    deliveries.queue(store, [notice(event, "webhook")])
    kill()
outbox = Outbox(store, [Channel(url, secret="a shared secret")])
result = outbox.tick(now)
outbox.close()
(delivery,) = deliveries.deliveries_of(store, "alert-1")
print(result.delivered, delivery.state.value)
store.close()
"""


def test_processes_killed_one_after_the_other_lose_nothing(
    lone_engine_url: str, receiver: WebhookReceiver
) -> None:
    def run(die: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", PROCESS_THAT_SENDS, lone_engine_url, receiver.url, die],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
        )

    for moment, arrived in (("after queueing", 0), ("before sending", 0), ("after sending", 1)):
        killed = run(moment)
        assert (killed.returncode, killed.stderr) == (-signal.SIGKILL, ""), moment
        assert len(receiver.requests) == arrived, moment
    last = run("nowhere")
    assert last.stdout.split() == ["1", "delivered"], last.stderr
    assert len(receiver.requests) == 2
    assert len(receiver.effects) == 1
    assert all(signed_by(SECRET, request) for request in receiver.requests)
