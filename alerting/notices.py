"""The words of a notification: one JSON text per alert event, the same on every channel.

Pure. The key is made of what the notification says, so that the same one has the same key however
often it is queued or sent, and a receiver can drop repeats.
"""

import hashlib
import json
from datetime import datetime
from typing import Any

from suture.clock import rfc3339
from suture.contracts.alert import (
    AlertAction,
    AlertEvent,
    Delivery,
    DeliveryState,
    NoticeKind,
)
from suture.contracts.objects import ObjectKey

BODY_VERSION = 1


def notice(event: AlertEvent, channel: str) -> Delivery:
    """What to send on `channel` about an opening or a resolution."""
    kind = NoticeKind.RESOLVED if event.action is AlertAction.RESOLVED else NoticeKind.FIRING
    text = "|".join((event.alert_id, kind, rfc3339(event.at), channel))
    key = hashlib.sha256(text.encode()).hexdigest()[:32]
    return Delivery(
        key=key,
        alert_id=event.alert_id,
        kind=kind,
        channel=channel,
        queued_at=event.at,
        state=DeliveryState.QUEUED,
        attempts=0,
        next_at=event.at,
        detail="",
        body=json.dumps(_body(event, kind, key), separators=(",", ":"), ensure_ascii=False),
    )


def _body(event: AlertEvent, kind: NoticeKind, key: str) -> dict[str, Any]:
    anchor = ObjectKey.decode(event.anchor)
    return {
        "version": BODY_VERSION,
        "kind": kind.value,
        "key": key,
        "at": rfc3339(event.at),
        "alert": {
            "id": event.alert_id,
            "state": kind.value,
            "severity": event.severity.value,
            "title": event.title,
            "text": event.comment,
            "owner": event.owner,
            "sla": event.sla,
            "process": event.process,
            "environment": event.environment,
            "anchor": {"type": anchor.type, "id": anchor.id, "scope": anchor.scope},
            "breached_at": _time(event.breached_at),
            "actor": event.actor,
        },
    }


def _time(instant: datetime | None) -> str | None:
    return None if instant is None else rfc3339(instant)
