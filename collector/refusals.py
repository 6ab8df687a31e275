"""Refusals: input that cannot be taken becomes a dead letter, kept whole with the reason. Pure.

The payload stays in the spool's file, which only its owner can read; the store holds the reason, a
hash and a short preview. The same input refused again for the same reason has the same id, so that
it shows as one letter with a count.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import msgspec

from suture.contracts.objects import DEFAULT_ENVIRONMENT

PREVIEW_CHARACTERS = 512
REASON_CHARACTERS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """What is known of a refused input; `make_refusal` builds one.

    `door` is where it came in: milestones, traces, or loader for what turned out bad behind the
    door. `event_id` and `type` are as far as they could be read. `owner` is the team of the event
    contract it broke.
    """

    id: str
    received_at: datetime
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
    """A dead letter with the payload it is about."""

    letter: DeadLetter
    content_type: str
    payload: bytes


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
) -> Refusal:
    """A refusal whose id says what was refused where and why, but not when."""
    reason = reason[:REASON_CHARACTERS]
    digest = hashlib.sha256(payload).hexdigest()
    identity = msgspec.json.encode((door, source, event_id, type_, reason, digest))
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
    return Refusal(letter=letter, content_type=content_type, payload=payload)


def preview(payload: bytes) -> str:
    """The beginning of a payload as text; bytes that are no text become replacement characters."""
    text = payload[: PREVIEW_CHARACTERS * 4].decode("utf-8", errors="replace")
    return "".join(c if c.isprintable() else " " for c in text[:PREVIEW_CHARACTERS])
