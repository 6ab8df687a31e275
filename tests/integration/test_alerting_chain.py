"""From a deadline that passes to a webhook that arrives, with every part running on its own."""

import time
from datetime import timedelta

import pytest
from stage_doubles import Correlator, catalog, requisition, rule
from webhook_receiver import WebhookReceiver, signed_by

from alerting.channels.log import LogChannel
from alerting.channels.webhook import WebhookChannel
from alerting.outbox import Outbox
from alerting.pipeline import AlertPipeline
from sla_rules.job import SlaJob
from suture.app.schedule import Schedule, Step
from suture.clock import SystemClock
from suture.store.engine import Store

pytestmark = pytest.mark.store

SECRET = "a shared secret"


def test_a_deadline_passes_and_somebody_is_told(any_store: Store) -> None:
    clock, rules = SystemClock(), catalog(rule(within="2s", segments=[]))
    receiver = WebhookReceiver()
    channels = [LogChannel(), WebhookChannel(receiver.url, secret=SECRET)]
    outbox = Outbox(any_store, channels)
    alerts = AlertPipeline(any_store, rules, channels=[channel.name for channel in channels])
    schedule = Schedule(clock)
    tick = timedelta(seconds=0.2)
    schedule.line(
        "facts",
        tick,
        Step(name="judge", run=SlaJob(any_store, rules).tick),
        Step(name="alert", run=alerts.tick),
    )
    schedule.line("deliveries", tick, Step(name="deliver", run=outbox.tick))
    schedule.start()
    created = clock.now()
    try:
        Correlator(any_store).writes(requisition("R-1", created))
        end = time.monotonic() + 30
        while not receiver.requests and time.monotonic() < end:
            time.sleep(0.02)
        arrived = clock.now()
    finally:
        assert schedule.stop(timedelta(seconds=20))
        outbox.close()
        receiver.close()
    assert {record.failures for record in schedule.records().values()} == {0}
    (request,) = receiver.requests
    assert signed_by(SECRET, request)
    assert request.content["kind"] == "firing"
    assert arrived > created + timedelta(seconds=2)
