"""Alerts: the log of what happened to them, and what they are by it.

`alert_events` only grows; an alert is folded from its events, in whatever order they were written,
so that two people and the platform may act at the same time and nobody waits for anybody.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from suture.clock import require_utc
from suture.contracts.alert import Alert, AlertAction, AlertEvent, AlertState, Severity
from suture.errors import InvalidInput, NotFound
from suture.store.engine import Store
from suture.store.paging import check_limit, decode_cursor, encode_cursor
from suture.store.queries import load

_END = 2**62
_MICROSECOND = timedelta(microseconds=1)
_ALERT_FIELDS = {f.name for f in fields(Alert)}
_LONGEST_TEXT = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """Which alerts are asked about: in any of `states`, in every state where there are none.

    `anchor` is an object key. What is empty or None narrows nothing. Severity and owner are those
    of the latest opening.
    """

    environment: str
    states: Collection[AlertState] = ()
    severity: Severity | None = None
    process: str = ""
    owner: str = ""
    sla: str = ""
    anchor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPage:
    """Some alerts, and the cursor of the next page, None after the last."""

    items: Sequence[Alert]
    next_cursor: str | None


def alert_page(
    store: Store, wanted: AlertFilter, *, limit: int = 100, cursor: str | None = None
) -> AlertPage:
    """Alerts, latest opening first: an order in which none moves, whatever is done about it.

    Raises InvalidQuery for a limit that is not between 1 and 1000 or a cursor of another list.
    """
    check_limit(limit)
    position, id_ = decode_cursor(cursor, (int, str)) if cursor else (_END, "")
    more = {"cursor_position": position, "cursor_id": id_, "limit": limit + 1}
    rows = store.rows(compose("latest", "which_environment"), _parameters(wanted) | more)
    next_cursor = None
    if len(rows) > limit:
        next_cursor = encode_cursor(rows[limit - 1]["position"], rows[limit - 1]["id"])
    return AlertPage(items=_by_ids(store, rows[:limit]), next_cursor=next_cursor)


def urgent_alerts(store: Store, wanted: AlertFilter, *, limit: int, offset: int = 0) -> list[Alert]:
    """Alerts, what needs somebody first before the rest.

    Firing before acknowledged before resolved; of those that are open the most severe, then the
    longest breached; of resolved ones the latest breached.
    """
    more = {
        "state_order": [state.value for state in AlertState],
        "severity_order": [severity.value for severity in Severity],
        "limit": limit,
        "offset": offset,
    }
    rows = store.rows(compose("urgent", "which_environment"), _parameters(wanted) | more)
    return _by_ids(store, rows)


def alert_total(store: Store, wanted: AlertFilter) -> int:
    """How many alerts there are."""
    rows = store.rows(compose("total", "which_environment"), _parameters(wanted))
    return int(rows[0]["alerts"])


def alert_counts(store: Store, *, environment: str) -> dict[AlertState, int]:
    """How many alerts stand in each state."""
    parameters = _parameters(AlertFilter(environment=environment))
    rows = store.rows(compose("counts", "which_environment"), parameters)
    found = {AlertState(row["state"]): row["alerts"] for row in rows}
    return {state: found.get(state, 0) for state in AlertState}


def alert_by_id(store: Store, id_: str) -> Alert:
    """One alert; raises NotFound."""
    rows = store.rows(compose("one", "which_one"), {"id": id_})
    if not rows:
        raise NotFound(f"there is no alert {id_!r}")
    return alert_of_row(rows[0])


def alert_log(store: Store, id_: str) -> list[AlertEvent]:
    """All that happened to one alert, oldest first; empty where there is no such alert."""
    rows = store.rows(load("alerts")["log"], {"id": id_})
    return [
        AlertEvent(
            **{
                **row,
                "action": AlertAction(row["action"]),
                "severity": Severity(row["severity"]),
                "over": bool(row["over"]),
                "notify": bool(row["notify"]),
            }
        )
        for row in rows
    ]


def append(store: Store, events: Sequence[AlertEvent]) -> None:
    """Write events down; the same ones again change nothing."""
    store.insert("alert_events", [_row(event) for event in events])


def acknowledge(store: Store, id_: str, *, actor: str, at: datetime, comment: str = "") -> Alert:
    """Say that somebody looks after it; raises NotFound, or InvalidInput unless it is firing."""
    alert = alert_by_id(store, id_)
    if alert.state is AlertState.ACKNOWLEDGED:
        raise InvalidInput(f"alert {id_} is already acknowledged by {alert.acknowledged_by}")
    _require_open(alert, "acknowledged")
    return _act(store, alert, AlertAction.ACKNOWLEDGED, actor, at, comment=_text(comment))


def assign(
    store: Store, id_: str, *, actor: str, at: datetime, assignee: str, comment: str = ""
) -> Alert:
    """Give it to somebody; raises NotFound, or InvalidInput for nobody or a resolved alert."""
    alert = alert_by_id(store, id_)
    _require_open(alert, "assigned")
    name = _text(assignee).strip()
    if not name:
        raise InvalidInput("assignee: whom is it assigned to?")
    return _act(
        store, alert, AlertAction.ASSIGNED, actor, at, assignee=name, comment=_text(comment)
    )


def comment_on(store: Store, id_: str, *, actor: str, at: datetime, comment: str) -> Alert:
    """Add a remark, in whatever state it is; raises NotFound, or InvalidInput for an empty one."""
    alert = alert_by_id(store, id_)
    if not _text(comment).strip():
        raise InvalidInput("comment: is empty")
    return _act(store, alert, AlertAction.COMMENTED, actor, at, comment=comment)


def snooze(
    store: Store, id_: str, *, actor: str, at: datetime, until: datetime, comment: str = ""
) -> Alert:
    """Ask to be left alone until an instant.

    Raises NotFound, or InvalidInput for an instant that is not after `at` or a resolved alert.
    """
    alert = alert_by_id(store, id_)
    _require_open(alert, "snoozed")
    if require_utc(until) <= require_utc(at):
        raise InvalidInput("until: is not in the future")
    return _act(store, alert, AlertAction.SNOOZED, actor, at, until=until, comment=_text(comment))


def resolve(store: Store, id_: str, *, actor: str, at: datetime, comment: str = "") -> Alert:
    """Close it; whoever was told of it is told of this. Raises NotFound, or InvalidInput if it is.

    A breach stays a breach: this says only that nobody has to act on it any more.
    """
    alert = alert_by_id(store, id_)
    _require_open(alert, "resolved")
    return _act(
        store,
        alert,
        AlertAction.RESOLVED,
        actor,
        at,
        comment=_text(comment),
        notify=alert.notified,
    )


def event_about(
    alert: Alert, action: AlertAction, *, actor: str, at: datetime, **more: Any
) -> AlertEvent:
    """An event about an existing alert, later than all before it, whatever the clocks say."""
    return AlertEvent(
        alert_id=alert.id,
        at=max(require_utc(at), alert.last_at + _MICROSECOND),
        action=action,
        actor=actor,
        environment=alert.environment,
        process=alert.process,
        sla=alert.sla,
        anchor=alert.anchor,
        severity=alert.severity,
        owner=alert.owner,
        title=alert.title,
        breached_at=alert.breached_at,
        **more,
    )


def compose(name: str, which: str) -> str:
    """A query over folded alerts, of the events that the block `which` chooses."""
    blocks = load("alerts")
    return (
        blocks[name]
        .replace("{{filtered}}", blocks["filtered"])
        .replace("{{folded}}", blocks["folded"])
        .replace("{{columns}}", blocks["columns"])
        .replace("{{which}}", blocks[which])
    )


def alert_of_row(row: Mapping[str, Any]) -> Alert:
    """An alert from a row with the columns of the block `columns`."""
    values = {name: value for name, value in row.items() if name in _ALERT_FIELDS}
    values["state"] = AlertState(row["state"])
    values["severity"] = Severity(row["severity"])
    for name in ("notified", "opened_over", "closed_over"):
        values[name] = bool(row[name])
    return Alert(**values)


def _by_ids(store: Store, rows: Sequence[Mapping[str, Any]]) -> list[Alert]:
    """The alerts that rows name, in their order, as they stand by now."""
    ids = [row["id"] for row in rows]
    if not ids:
        return []
    found = store.rows(compose("one", "which_ids"), {"ids": ids})
    alerts = {row["id"]: alert_of_row(row) for row in found}
    return [alerts[id_] for id_ in ids if id_ in alerts]


def _parameters(wanted: AlertFilter) -> dict[str, Any]:
    return {
        "environment": wanted.environment,
        "process": wanted.process,
        "sla": wanted.sla,
        "anchor": wanted.anchor,
        "states": sorted(state.value for state in wanted.states),
        "severity": wanted.severity.value if wanted.severity else "",
        "owner": wanted.owner,
    }


def _act(
    store: Store, alert: Alert, action: AlertAction, actor: str, at: datetime, **more: Any
) -> Alert:
    if not actor.strip():
        raise InvalidInput("actor: who does this?")
    append(store, [event_about(alert, action, actor=actor, at=at, **more)])
    return alert_by_id(store, alert.id)


def _require_open(alert: Alert, verb: str) -> None:
    if alert.state is AlertState.RESOLVED:
        raise InvalidInput(
            f"alert {alert.id} was resolved by {alert.closed_by} and cannot be {verb}"
        )


def _text(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise InvalidInput(f"the text is longer than {_LONGEST_TEXT} characters")
    return text


def _row(event: AlertEvent) -> dict[str, Any]:
    row = {f.name: getattr(event, f.name) for f in fields(event)}
    return {**row, "action": event.action.value, "severity": event.severity.value}
