"""What becomes of a breach."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.notices import notice
from alerting.policy import NotifyRule, Wording, reconcile, wording
from suture.contracts.alert import (
    Alert,
    AlertAction,
    AlertEvent,
    AlertState,
    NoticeKind,
    Severity,
)
from suture.contracts.verdict import Verdict, VerdictState
from suture.definitions.catalog import Catalog

T0 = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WORDS = Wording(severity=Severity.HIGH, owner="supply-desk", title="title")


def verdict(
    state: VerdictState = VerdictState.BREACHED,
    *,
    decided: float = 49,
    stopped: float | None = None,
    started: float = 0,
) -> Verdict:
    return Verdict(
        environment="production",
        process="p",
        anchor="production|purchase_order|mercy-west|P-1",
        sla="x",
        sla_version=1,
        state=state,
        reason="because",
        started_at=T0 + started * HOUR,
        deadline_at=T0 + (started + 48) * HOUR,
        at_risk_at=None,
        completed_at=None if stopped is None else T0 + stopped * HOUR,
        stopped_at=None if stopped is None else T0 + stopped * HOUR,
        elapsed_micros=0,
        allowed_micros=0,
        decided_at=T0 + decided * HOUR,
    )


def fold(events: list[AlertEvent]) -> list[Alert]:
    """Alerts as a store would fold them, for the platform's own events."""
    alerts: dict[str, Alert] = {}
    for event in events:
        if event.action in (AlertAction.OPENED, AlertAction.REOPENED):
            known = alerts.get(event.alert_id)
            alerts[event.alert_id] = Alert(
                id=event.alert_id,
                environment=event.environment,
                process=event.process,
                sla=event.sla,
                anchor=event.anchor,
                state=AlertState.FIRING,
                severity=event.severity,
                title=event.title,
                reason=event.comment,
                owner=event.owner,
                opened_at=known.opened_at if known else event.at,
                last_at=event.at,
                breached_at=event.breached_at,
                notified=event.notify,
                opened_over=event.over,
            )
        else:
            alerts[event.alert_id] = replace(
                alerts[event.alert_id],
                state=AlertState.RESOLVED,
                closed_at=event.at,
                closed_by=event.actor,
                closed_over=event.over,
                last_at=event.at,
            )
    return list(alerts.values())


@pytest.mark.parametrize(("age", "told"), [(0, True), (24, True), (24.001, False), (999, False)])
def test_only_young_breaches_are_told(age: float, told: bool) -> None:
    found = verdict(decided=48 + age)
    assert NotifyRule().tells(found) is told
    assert NotifyRule(history=True).tells(found)
    (event,) = reconcile(found, [], NotifyRule(), WORDS)
    assert (event.action, event.notify, event.at) == (AlertAction.OPENED, told, found.decided_at)


states = st.sampled_from([VerdictState.PENDING, VerdictState.MET, VerdictState.CANCELLED])
verdicts = st.builds(
    lambda state, stopped, started: verdict(state, stopped=stopped, started=started),
    states | st.just(VerdictState.BREACHED),
    st.none() | st.just(50.0),
    st.sampled_from([0, -1]),
)


@given(st.lists(verdicts, max_size=8), st.booleans())
def test_alerts_follow_verdicts_and_are_told_in_pairs(seen: list[Verdict], history: bool) -> None:
    rule = NotifyRule(history=history)
    events: list[AlertEvent] = []
    for number, one in enumerate(seen):
        now = replace(one, decided_at=T0 + timedelta(hours=49 + 10 * number))
        events += reconcile(now, fold(events), rule, WORDS)
        assert reconcile(now, fold(events), rule, WORDS) == []
        open_ones = [alert for alert in fold(events) if alert.state is AlertState.FIRING]
        assert len(open_ones) <= 1
        if now.state is not VerdictState.BREACHED:
            assert open_ones == []
        elif now.stopped_at is None:
            assert len(open_ones) == 1
    for id_ in {event.alert_id for event in events}:
        told = [notice(e, "log").kind for e in events if e.alert_id == id_ and e.notify]
        pairs = [NoticeKind.FIRING, NoticeKind.RESOLVED] * len(told)
        assert told == pairs[: len(told)]
        times = [e.at for e in events if e.alert_id == id_]
        assert times == sorted(set(times))


def test_a_rule_that_is_gone_still_has_words() -> None:
    assert wording(Catalog(), verdict()) == Wording(
        severity=Severity.MEDIUM, owner="", title="purchase order P-1 (mercy-west): x"
    )


def test_keys_of_notifications_differ_by_what_they_say() -> None:
    (opened,) = reconcile(verdict(), [], NotifyRule(), WORDS)
    resolved = replace(opened, action=AlertAction.RESOLVED)
    later = replace(opened, at=opened.at + HOUR)
    notices = [notice(e, c) for e in (opened, resolved, later) for c in ("log", "webhook")]
    assert len({n.key for n in notices}) == 6
    assert notice(opened, "log") == notices[0]
