"""Alerts on a real store: what opens, what closes, who is told, over kills and repeats."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from stage_doubles import (
    PROCESS,
    T0,
    Correlator,
    DyingStore,
    Killed,
    catalog,
    key,
    requisition,
    rule,
)

from alerting.pipeline import AlertPipeline, AlertTickResult
from alerting.policy import NotifyRule
from sla_rules.job import SlaJob
from suture.clock import ManualClock
from suture.contracts.alert import Alert, AlertState, alert_id
from suture.store.alerts import (
    AlertFilter,
    acknowledge,
    alert_by_id,
    alert_log,
    alert_page,
    resolve,
)
from suture.store.deliveries import deliveries_of
from suture.store.engine import Store
from suture.testing import wipe

pytestmark = pytest.mark.store

HOUR = timedelta(hours=1)
RULES = catalog(rule(severity="high", owner="supply-desk"))


class Timeline:
    """`at(instant)` lets the stages run, twice, as of then."""

    def __init__(self, store: Store, notify: NotifyRule | None = None) -> None:
        self.store = store
        self.clock = ManualClock(T0)
        self.correlator = Correlator(store)
        self.notify = notify

    def at(self, hours: float, *changes: dict[str, Any]) -> AlertTickResult:
        self.clock.set(T0 + hours * HOUR)
        if changes:
            self.correlator.writes(*changes)
        SlaJob(self.store, RULES).tick(self.clock.now())
        result = self.alerting()
        again = self.alerting()
        assert (again.opened, again.resolved, again.queued) == (0, 0, 0)
        return result

    def alerting(self, store: Any = None) -> AlertTickResult:
        pipeline = AlertPipeline(
            store or self.store, RULES, channels=["log", "webhook"], notify=self.notify, page=2
        )
        return pipeline.tick(self.clock.now())

    @property
    def alerts(self) -> list[Alert]:
        return list(alert_page(self.store, AlertFilter(environment="production")).items)

    def told(self, id_: str) -> list[str]:
        """What the webhook is to be told of an alert, in order."""
        found = deliveries_of(self.store, id_)
        assert sorted(d.channel for d in found) == sorted(["log", "webhook"] * (len(found) // 2))
        return [d.kind.value for d in found if d.channel == "webhook"]


def actions(store: Store, id_: str) -> list[tuple[str, str]]:
    return [(event.action.value, event.actor) for event in alert_log(store, id_)]


def test_a_breach_becomes_one_alert_that_is_told_once(store: Store) -> None:
    timeline = Timeline(store)
    timeline.at(0, requisition("R-1"), requisition("R-2"))
    assert timeline.alerts == []
    timeline.at(49, requisition("R-2", received=T0 + HOUR))
    (alert,) = timeline.alerts
    assert alert.id == alert_id(
        environment="production", sla="cycle-time", anchor=key("R-1"), clock_started_at=T0
    )
    assert len(alert.id) == 16
    assert (alert.state, alert.severity, alert.owner) == ("firing", "high", "supply-desk")
    assert alert.title == "requisition R-1: Requisitions are fulfilled within two days"
    assert alert.reason.startswith("waiting for goods_received since 2026-11-20 08:00 UTC")
    assert (alert.opened_at, alert.breached_at) == (T0 + 49 * HOUR, T0 + 48 * HOUR)
    assert (alert.cause, alert.step, alert.members_count) == (None, None, 1)
    timeline.at(60, requisition("R-1", facets={"facility": "mercy-west"}))
    assert timeline.told(alert.id) == ["firing"]
    assert actions(store, alert.id) == [("opened", "suture")]


def test_late_arrival_ends_the_trouble_and_is_told(store: Store) -> None:
    timeline = Timeline(store)
    timeline.at(0, requisition("R-1"))
    timeline.at(49)
    timeline.at(52, requisition("R-1", received=T0 + 51 * HOUR))
    (alert,) = timeline.alerts
    assert (alert.state, alert.closed_at, alert.closed_by) == (
        AlertState.RESOLVED,
        T0 + 52 * HOUR,
        "suture",
    )
    assert timeline.told(alert.id) == ["firing", "resolved"]
    assert alert_log(store, alert.id)[-1].comment == (
        "goods_received came 2 d 3 h after requisition_created, 3 h over the 2 d allowed"
    )


def test_a_withdrawn_breach_is_resolved_and_comes_back(any_store: Store) -> None:
    store = any_store
    timeline = Timeline(store)
    timeline.at(0, requisition("R-1"))
    timeline.at(49)
    timeline.at(50, requisition("R-1", received=T0 + 47 * HOUR))
    timeline.at(51, requisition("R-1"))
    (alert,) = timeline.alerts
    assert alert.state is AlertState.FIRING
    assert actions(store, alert.id) == [
        ("opened", "suture"),
        ("resolved", "suture"),
        ("reopened", "suture"),
    ]
    assert timeline.told(alert.id) == ["firing", "resolved", "firing"]


def test_another_start_of_the_clock_is_another_alert(store: Store) -> None:
    timeline = Timeline(store)
    timeline.at(0, requisition("R-1"))
    timeline.at(49)
    timeline.at(50, requisition("R-1", created=T0 - HOUR))
    states = {alert.state.value: alert.id for alert in timeline.alerts}
    assert set(states) == {"firing", "resolved"}
    assert timeline.told(states["resolved"]) == ["firing", "resolved"]
    assert timeline.told(states["firing"]) == ["firing"]


def test_old_breaches_are_shown_and_told_to_nobody(store: Store) -> None:
    timeline = Timeline(store)
    timeline.at(
        24 * 30,
        requisition("over", received=T0 + timedelta(days=3)),
        requisition("open"),
        requisition("just-young-enough", T0 + timedelta(days=27)),
        requisition("just-too-old", T0 + timedelta(days=27) - timedelta(microseconds=1)),
    )
    found = {alert.anchor.split("|")[-1]: alert for alert in timeline.alerts}
    assert {name: alert.state.value for name, alert in found.items()} == {
        "over": "resolved",
        "open": "firing",
        "just-young-enough": "firing",
        "just-too-old": "firing",
    }
    told = {name: timeline.told(alert.id) for name, alert in found.items()}
    assert told == {
        "over": [],
        "open": [],
        "just-young-enough": ["firing"],
        "just-too-old": [],
    }
    timeline.at(24 * 31, requisition("open", received=T0 + timedelta(days=30)))
    assert alert_by_id(store, found["open"].id).state is AlertState.RESOLVED
    assert timeline.told(found["open"].id) == []


def test_history_is_told_when_asked_for(store: Store) -> None:
    timeline = Timeline(store, NotifyRule(history=True))
    timeline.at(24 * 30, requisition("R-1", received=T0 + timedelta(days=3)))
    (alert,) = timeline.alerts
    assert (alert.state, timeline.told(alert.id)) == (AlertState.FIRING, ["firing"])


def test_a_breach_found_when_over_waits_for_somebody_to_see_it(store: Store) -> None:
    timeline = Timeline(store)
    timeline.at(52, requisition("R-1", received=T0 + 51 * HOUR))
    timeline.at(53, requisition("R-1", received=T0 + 50 * HOUR))
    (alert,) = timeline.alerts
    assert (alert.state, timeline.told(alert.id)) == (AlertState.FIRING, ["firing"])


def test_what_a_person_resolved_stays_resolved_and_is_told(store: Store) -> None:
    timeline = Timeline(store)
    timeline.at(0, requisition("R-1"))
    timeline.at(49)
    (alert,) = timeline.alerts
    acknowledge(store, alert.id, actor="night-shift", at=timeline.clock.now())
    resolve(
        store, alert.id, actor="night-shift", at=timeline.clock.now() + HOUR, comment="by courier"
    )
    timeline.at(60, requisition("R-1", received=T0 + 59 * HOUR))
    assert actions(store, alert.id) == [
        ("opened", "suture"),
        ("acknowledged", "night-shift"),
        ("resolved", "night-shift"),
    ]
    assert timeline.told(alert.id) == ["firing", "resolved"]


def test_the_owner_of_the_process_answers_where_the_rule_names_none(store: Store) -> None:
    Correlator(store).writes(requisition("R-1"))
    now = T0 + 49 * HOUR
    SlaJob(store, catalog()).tick(now)
    AlertPipeline(store, catalog(), channels=["log"]).tick(now)
    (alert,) = alert_page(store, AlertFilter(environment="production")).items
    assert alert.owner == "supply-integration"


def everything(store: Store) -> list[list[dict[str, Any]]]:
    return [
        store.rows(f"SELECT * FROM {table} FINAL ORDER BY {order}")
        for table, order in (
            ("alert_events", "alert_id, at, action, actor"),
            ("deliveries", "delivery_key, attempt"),
        )
    ]


def story(store: Store) -> Timeline:
    """Three alerts stand; then one breach is withdrawn, one is over, two are new."""
    wipe(store)
    timeline = Timeline(store)
    timeline.at(0, *[requisition(f"R-{i}") for i in range(3)])
    timeline.at(49)
    timeline.clock.set(T0 + 50 * HOUR)
    timeline.correlator.writes(
        requisition("R-0", received=T0 + HOUR),
        requisition("R-1", received=T0 + 49 * HOUR),
        requisition("R-4", T0 + HOUR),
        requisition("R-5", T0 - 999 * HOUR, T0),
    )
    SlaJob(store, RULES).tick(timeline.clock.now())
    return timeline


def test_killed_between_any_two_writes_it_ends_the_same(store: Store) -> None:
    timeline = story(store)
    timeline.alerting()
    expected = everything(store)
    assert [len(rows) for rows in expected] == [8, 12]
    deaths = 0
    while True:
        timeline = story(store)
        try:
            timeline.alerting(DyingStore(store, deaths))
        except Killed:
            pass
        else:
            break
        timeline.clock.advance(seconds=5)
        timeline.alerting()
        timeline.alerting()
        assert everything(store) == expected, f"killed before write {deaths}"
        deaths += 1
    assert deaths >= 3


def test_a_notification_survives_a_kill_and_a_change_of_the_verdict(store: Store) -> None:
    """Killed after the alert is written, and by the next run its breach is withdrawn."""
    timeline = Timeline(store)
    timeline.correlator.writes(requisition("R-1"))
    timeline.clock.set(T0 + 49 * HOUR)
    SlaJob(store, RULES).tick(timeline.clock.now())
    with pytest.raises(Killed):
        timeline.alerting(DyingStore(store, 1))
    timeline.at(50, requisition("R-1", received=T0 + HOUR))
    (alert,) = timeline.alerts
    assert timeline.told(alert.id) == ["firing", "resolved"]


def test_pages_of_alerts(store: Store) -> None:
    timeline = Timeline(store)
    timeline.at(200, *[requisition(f"R-{i}", T0 + i // 3 * HOUR) for i in range(20)])
    seen: list[tuple[datetime, str]] = []
    cursor = None
    while True:
        page = alert_page(store, AlertFilter(environment="production"), limit=6, cursor=cursor)
        seen += [(alert.opened_at, alert.id) for alert in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert len(set(seen)) == 20
    assert seen == sorted(seen, reverse=True)
    firing = alert_page(
        store, AlertFilter(environment="production", states=[AlertState.FIRING]), limit=100
    )
    assert len(firing.items) == 20
    assert alert_page(store, AlertFilter(environment="staging")).items == []
    assert alert_page(store, AlertFilter(environment="production", sla="other")).items == []
    one = alert_page(
        store, AlertFilter(environment="production", anchor=key("R-7"), sla="cycle-time")
    )
    assert [alert.anchor for alert in one.items] == [key("R-7")]
    assert one.items[0].process == PROCESS
