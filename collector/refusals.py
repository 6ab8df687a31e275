"""Refusals: input that cannot be taken becomes a dead letter, kept whole with the reason. Pure.

The payload stays in the spool's file, which only its owner can read; the store holds the reason, a
hash and a short preview. The same input refused again has the same id, whatever the reason, so that
it shows as one letter with a count and the latest reason. What is done about a letter is written
down the same way: as one more row under its id.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from suture.contracts.dead_letter import LetterAction
from suture.contracts.objects import DEFAULT_ENVIRONMENT

PREVIEW_CHARACTERS = 512
REASON_CHARACTERS = 2000
QUOTED_CHARACTERS = 200
LOADER_DOOR = "loader"
"""The door of what turned out bad behind the doors: the payload is a record of the spool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """What happened to a refused input at one instant; `make_refusal` builds the first of these.

    `received_at` is when it was refused, refused again, replayed or discarded, as `action` says,
    and `actor` who did that; it is empty for what came in by itself. `door` is where the input came
    in: milestones, traces, logs, or loader for what turned out bad behind the door. `event_id` and
    `type` are as far as they could be read. `owner` is the team that answers for it, empty where
    nobody is named.
    """

    id: str
    received_at: datetime
    action: LetterAction = LetterAction.REFUSED
    actor: str = ""
    comment: str = ""
    environment: str = DEFAULT_ENVIRONMENT
    door: str
    source: str = ""
    event_id: str = ""
    type: str = ""
    reason: str
    owner: str = ""
    payload_sha256: str
    payload_bytes: int
    preview: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A dead letter with the payload it is about.

    `items` is how many spans, records or milestones a record of the spool holds, so that it can be
    put back; 0 for all else. `came_at` is when the input was received, where that was earlier than
    its refusal.
    """

    letter: DeadLetter
    content_type: str
    payload: bytes
    items: int = 0
    came_at: datetime | None = None


def make_refusal(
    payload: bytes,
    *,
    reason: str,
    received_at: datetime,
    door: str,
    content_type: str,
    environment: str = DEFAULT_ENVIRONMENT,
    source: str = "",
    event_id: str = "",
    type_: str = "",
    owner: str = "",
    items: int = 0,
    came_at: datetime | None = None,
) -> Refusal:
    """A refusal whose id says what was refused and where, but neither when nor why."""
    reason = reason[:REASON_CHARACTERS]
    digest = hashlib.sha256(payload).hexdigest()
    identity = msgspec.json.encode((door, source, event_id, type_, digest))
    letter = DeadLetter(
        id=hashlib.sha256(identity).hexdigest()[:32],
        received_at=received_at,
        environment=environment,
        door=door,
        source=source[:REASON_CHARACTERS],
        event_id=event_id[:REASON_CHARACTERS],
        type=type_[:REASON_CHARACTERS],
        reason=reason,
        owner=owner,
        payload_sha256=digest,
        payload_bytes=len(payload),
        preview=preview(payload),
    )
    return Refusal(
        letter=letter, content_type=content_type, payload=payload, items=items, came_at=came_at
    )


def quoted(value: Any) -> str:
    """A value as a reason quotes it; a long one is not, since a part of a secret is one too."""
    text = repr(value)
    return text if len(text) <= QUOTED_CHARACTERS else f"(a value of {len(text)} characters)"


def preview(payload: bytes) -> str:
    """The beginning of a payload as text; bytes that are no text become replacement characters."""
    text = payload[: PREVIEW_CHARACTERS * 4].decode("utf-8", errors="replace")
    return "".join(c if c.isprintable() else " " for c in text[:PREVIEW_CHARACTERS])
