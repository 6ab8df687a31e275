"""What people do to alerts, and what an alert is, folded from all that happened to it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suture.contracts.alert import Alert, AlertAction, AlertEvent, AlertState, Severity
from suture.errors import InvalidInput, InvalidQuery, NotFound
from suture.store.alerts import (
    AlertFilter,
    acknowledge,
    alert_by_id,
    alert_counts,
    alert_log,
    alert_page,
    append,
    assign,
    comment_on,
    resolve,
    snooze,
)
from suture.store.engine import Store

pytestmark = pytest.mark.store

T0 = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def event(action: AlertAction, minute: int, **changes: Any) -> AlertEvent:
    content: dict[str, Any] = {
        "alert_id": "a1",
        "at": T0 + minute * MINUTE,
        "action": action,
        "actor": "suture",
        "environment": "production",
        "process": "p",
        "sla": "cycle-time",
        "anchor": "production|requisition||R-1",
        "severity": Severity.HIGH,
        "owner": "supply-desk",
        "title": "requisition R-1: in time",
        "breached_at": T0,
        **changes,
    }
    return AlertEvent(**content)


@pytest.fixture
def opened(store: Store) -> Store:
    append(store, [event(AlertAction.OPENED, 0, comment="waiting", notify=True)])
    return store


Doer = Callable[..., Alert]

DOINGS: list[tuple[Doer, dict[str, Any]]] = [
    (acknowledge, {}),
    (assign, {"assignee": "erp-platform"}),
    (comment_on, {"comment": "asked the supplier"}),
    (snooze, {"until": T0 + timedelta(hours=5)}),
    (resolve, {}),
]


@pytest.mark.parametrize(("doer", "more"), DOINGS)
def test_nobody_acts_on_what_is_not_there(store: Store, doer: Doer, more: dict[str, Any]) -> None:
    with pytest.raises(NotFound, match="there is no alert 'nothing'"):
        doer(store, "nothing", actor="night-shift", at=T0 + MINUTE, **more)


def test_a_life(any_store: Store) -> None:
    opened = any_store
    append(opened, [event(AlertAction.OPENED, 0, comment="waiting", notify=True)])
    at = T0 + 5 * MINUTE
    done: dict[str, Any] = {"actor": "night-shift", "at": at}
    assert acknowledge(opened, "a1", **done).state is AlertState.ACKNOWLEDGED
    assert assign(opened, "a1", assignee=" erp-platform ", **done).assignee == "erp-platform"
    comment_on(opened, "a1", comment="asked the supplier", **done)
    until = T0 + timedelta(hours=1)
    assert snooze(opened, "a1", until=until, **done).snoozed_until == until
    closed = resolve(opened, "a1", comment="by courier", **done)
    assert (closed.state, closed.closed_by, closed.snoozed_until) == (
        AlertState.RESOLVED,
        "night-shift",
        None,
    )
    log = alert_log(opened, "a1")
    assert [(e.action.value, e.comment, e.notify) for e in log] == [
        ("opened", "waiting", True),
        ("acknowledged", "", False),
        ("assigned", "", False),
        ("commented", "asked the supplier", False),
        ("snoozed", "", False),
        ("resolved", "by courier", True),
    ]
    times = [e.at for e in log]
    assert times == sorted(set(times)), "five actions at one instant keep their order"
    comment_on(opened, "a1", comment="it arrived", actor="day-shift", at=at)
    assert alert_counts(opened, environment="production") == {
        AlertState.FIRING: 0,
        AlertState.ACKNOWLEDGED: 0,
        AlertState.RESOLVED: 1,
    }


@pytest.mark.parametrize(("doer", "more"), [d for d in DOINGS if d[0] is not comment_on])
def test_a_resolved_alert_takes_comments_only(
    opened: Store, doer: Doer, more: dict[str, Any]
) -> None:
    resolve(opened, "a1", actor="night-shift", at=T0 + MINUTE)
    with pytest.raises(InvalidInput, match="alert a1 was resolved by night-shift"):
        doer(opened, "a1", actor="day-shift", at=T0 + 2 * MINUTE, **more)


def test_what_makes_no_sense_is_refused(opened: Store) -> None:
    done: dict[str, Any] = {"actor": "night-shift", "at": T0 + MINUTE}
    with pytest.raises(InvalidInput, match="assignee"):
        assign(opened, "a1", assignee=" ", **done)
    with pytest.raises(InvalidInput, match="comment"):
        comment_on(opened, "a1", comment="\n", **done)
    with pytest.raises(InvalidInput, match="until"):
        snooze(opened, "a1", until=T0 + MINUTE, **done)
    with pytest.raises(InvalidInput, match="longer than"):
        comment_on(opened, "a1", comment="x" * 5000, **done)
    with pytest.raises(InvalidInput, match="actor"):
        acknowledge(opened, "a1", actor="", at=T0 + MINUTE)
    acknowledge(opened, "a1", **done)
    with pytest.raises(InvalidInput, match="already acknowledged by night-shift"):
        acknowledge(opened, "a1", **done)
    assert len(alert_log(opened, "a1")) == 2


def test_what_stands_in_no_page_is_refused(opened: Store) -> None:
    for bad in ("nonsense", "WyJhIl0", "", "é"):
        if bad:
            with pytest.raises(InvalidQuery, match="cursor"):
                alert_page(opened, AlertFilter(environment="production"), cursor=bad)
    with pytest.raises(InvalidQuery, match="limit"):
        alert_page(opened, AlertFilter(environment="production"), limit=0)


def folded(events: list[AlertEvent]) -> tuple[str, datetime, datetime | None, str | None]:
    """The oracle walks through time: (state, opened, closed, assignee)."""
    state, opened, closed, assignee = "none", T0, None, None
    for one in sorted(events, key=lambda e: e.at):
        match one.action:
            case AlertAction.OPENED | AlertAction.REOPENED:
                opened = one.at if state == "none" else opened
                state, closed = "firing", None
            case AlertAction.ACKNOWLEDGED if state == "firing":
                state = "acknowledged"
            case AlertAction.RESOLVED:
                state, closed = "resolved", one.at
            case AlertAction.ASSIGNED:
                assignee = one.assignee
            case _:
                pass
    return state, opened, closed, assignee


later = st.tuples(
    st.sampled_from([a for a in AlertAction if a is not AlertAction.OPENED]),
    st.integers(1, 500),
    st.sampled_from(["x", "y"]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    lives=st.lists(st.lists(later, max_size=8, unique_by=lambda s: s[1]), max_size=4),
    data=st.data(),
)
def test_an_alert_is_the_same_in_whatever_order_its_events_were_written(
    store: Store, lives: list[list[tuple[AlertAction, int, str]]], data: st.DataObject
) -> None:
    store.execute("TRUNCATE TABLE alert_events")
    by_id = {
        f"a{number}": [
            event(AlertAction.OPENED, 0, alert_id=f"a{number}"),
            *[
                event(action, minute, alert_id=f"a{number}", assignee=who, actor=who)
                for action, minute, who in life
            ],
        ]
        for number, life in enumerate(lives)
    }
    everything = [one for events in by_id.values() for one in events]
    shuffled = data.draw(st.permutations(everything + everything[:3]))
    cut = data.draw(st.integers(0, len(shuffled)))
    append(store, shuffled[:cut])
    append(store, shuffled[cut:])
    found = {
        alert.id: (alert.state.value, alert.opened_at, alert.closed_at, alert.assignee)
        for alert in alert_page(store, AlertFilter(environment="production")).items
    }
    assert found == {id_: folded(events) for id_, events in by_id.items()}
    for id_ in by_id:
        assert alert_by_id(store, id_).state == found[id_][0]
