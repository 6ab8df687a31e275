"""What people do on the pages: each act by its name, and the sentence that says it was done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from suture.definitions.values import format_duration
from suture.errors import InvalidQuery
from suture.store import alerts
from suture.store.engine import Store

NOBODY_NAMED = "operator"
"""Who acts where nobody gave a name: one key has no names."""

SNOOZES = (timedelta(hours=1), timedelta(hours=4), timedelta(days=1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """One act on an alert. `text` is what was typed for it: a name, or a remark."""

    do: str
    alert_id: str
    actor: str
    at: datetime
    text: str = ""


def perform(store: Store, act: Act) -> str:
    """Do it; raises NotFound, InvalidInput where the alert does not allow it, or InvalidQuery."""
    does = _ACTS.get(act.do.partition(":")[0])
    if does is None:
        raise InvalidQuery(f"there is no act {act.do!r}")
    return does(store, act)


def _acknowledge(store: Store, act: Act) -> str:
    alerts.acknowledge(store, act.alert_id, actor=act.actor, at=act.at, comment=act.text)
    return "Acknowledged"


def _assign(store: Store, act: Act) -> str:
    alerts.assign(store, act.alert_id, actor=act.actor, at=act.at, assignee=act.text)
    return f"Assigned to {act.text.strip()}"


def _comment(store: Store, act: Act) -> str:
    alerts.comment_on(store, act.alert_id, actor=act.actor, at=act.at, comment=act.text)
    return "Comment added"


def _snooze(store: Store, act: Act) -> str:
    seconds = act.do.partition(":")[2]
    span = next((s for s in SNOOZES if str(int(s.total_seconds())) == seconds), None)
    if span is None:
        raise InvalidQuery(f"nobody offers to snooze for {seconds!r} seconds")
    alerts.snooze(store, act.alert_id, actor=act.actor, at=act.at, until=act.at + span)
    return f"Snoozed for {format_duration(span)}"


def _resolve(store: Store, act: Act) -> str:
    alerts.resolve(store, act.alert_id, actor=act.actor, at=act.at, comment=act.text)
    return "Resolved"


_ACTS: Mapping[str, Callable[[Store, Act], str]] = {
    "ack": _acknowledge,
    "assign": _assign,
    "comment": _comment,
    "snooze": _snooze,
    "resolve": _resolve,
}
