"""Deliveries: notifications queued before they are sent, and every attempt to send them.

A delivery is a row when it is queued and one more for each attempt; where it stands is read from
its latest attempt. Nothing is ever changed, so a process may die between any two rows.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from suture.clock import EPOCH, to_micros
from suture.contracts.alert import (
    AlertAction,
    AlertEvent,
    Delivery,
    DeliveryState,
    NoticeKind,
    Severity,
)
from suture.store.engine import Store
from suture.store.queries import load

_FIELDS = {f.name for f in fields(Delivery)}


def unqueued(store: Store, *, since: datetime, limit: int) -> list[AlertEvent]:
    """Alert events since an instant that are to be told of and have no delivery, oldest first."""
    parameters = {"since": to_micros(since), "limit": limit}
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
        for row in store.rows(load("deliveries")["unqueued"], parameters)
    ]


def queue(store: Store, deliveries: Sequence[Delivery]) -> None:
    """Write deliveries down before anything is sent; the same ones again change nothing."""
    store.insert("deliveries", [_row(delivery, at=delivery.queued_at) for delivery in deliveries])


def record_attempts(store: Store, attempted: Sequence[Delivery], *, at: datetime) -> None:
    """Write down how attempts ended: each delivery as it stands after its own."""
    store.insert("deliveries", [{**_row(delivery, at=at), "body": ""} for delivery in attempted])


def row_count(store: Store) -> int:
    """A number that changes with everything that is queued, for little."""
    return int(store.poll(load("deliveries")["rows"], of=["deliveries"])[0]["rows"])


def waiting(
    store: Store, *, now: datetime, since: datetime, held: Collection[str], limit: int
) -> list[Delivery]:
    """Deliveries due by `now` that were queued since an instant, oldest first.

    Of each alert and channel only the first that is not finished. Channels in `held` are left out.
    """
    parameters = {
        "now": to_micros(now),
        "since": to_micros(since),
        "held": sorted(held),
        "limit": limit,
    }
    return [_delivery(row) for row in store.rows(_compose("waiting"), parameters)]


def oldest_unfinished(store: Store) -> datetime | None:
    """When the oldest delivery that is not finished was queued."""
    rows = store.rows(_compose("oldest_unfinished"), {"since": to_micros(EPOCH)})
    return rows[0]["queued_at"] if rows else None


def deliveries_of(store: Store, alert_id: str) -> list[Delivery]:
    """The deliveries about one alert, oldest first."""
    parameters = {"since": to_micros(EPOCH), "alert_id": alert_id}
    return [_delivery(row) for row in store.rows(_compose("of_alert"), parameters)]


def attempts_of(store: Store, key: str) -> list[dict[str, Any]]:
    """Every attempt of one delivery: attempt (0: queued), state, at, next_at, detail."""
    return store.rows(load("deliveries")["attempts"], {"key": key})


def delivery_counts(
    store: Store, *, since: datetime = EPOCH
) -> dict[tuple[str, DeliveryState], int]:
    """How many deliveries queued since an instant stand in each state, by channel."""
    rows = store.rows(_compose("counts"), {"since": to_micros(since)})
    return {(row["channel"], DeliveryState(row["state"])): row["deliveries"] for row in rows}


def _compose(name: str) -> str:
    blocks = load("deliveries")
    return (
        blocks[name]
        .replace("{{folded}}", blocks["folded"])
        .replace("{{columns}}", blocks["columns"])
    )


def _delivery(row: Mapping[str, Any]) -> Delivery:
    values = {name: value for name, value in row.items() if name in _FIELDS}
    values["state"] = DeliveryState(row["state"])
    values["kind"] = NoticeKind(row["kind"])
    return Delivery(**values)


def _row(delivery: Delivery, *, at: datetime) -> dict[str, Any]:
    return {
        "queued_at": delivery.queued_at,
        "delivery_key": delivery.key,
        "attempt": delivery.attempts,
        "alert_id": delivery.alert_id,
        "kind": delivery.kind.value,
        "channel": delivery.channel,
        "state": delivery.state.value,
        "at": at,
        "next_at": delivery.next_at,
        "detail": delivery.detail,
        "body": delivery.body,
    }
