"""Batches of native milestone events without a flaw, read at once. Pure.

Most requests are such batches. Decoding them straight into their shape takes a third of the time
that looking into one event after the other does. Whatever is not plain gives None, and is read by
`collector.milestones`, which alone knows what to say of it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from collector.cloudevents import MAX_EVENTS, parse_time, require_uri_reference
from suture.contracts.milestone import (
    LONGEST_IDENTITY,
    LONGEST_NAME,
    Milestone,
    Outcome,
    attribute_text,
)
from suture.contracts.objects import DEFAULT_ENVIRONMENT, LONGEST_ID, LONGEST_TYPE, ObjectRef
from suture.definitions.ownership import first_part
from suture.errors import InvalidInput

NATIVE_TYPE = "suture.milestone"

_Identity = Annotated[str, msgspec.Meta(max_length=LONGEST_IDENTITY)]


class _Object(msgspec.Struct):
    type: Annotated[str, msgspec.Meta(max_length=LONGEST_TYPE)]
    id: Annotated[str, msgspec.Meta(max_length=LONGEST_ID)]


class _Data(msgspec.Struct):
    milestone: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]
    objects: list[_Object]
    attributes: dict[str, str | int | float | bool | None] | None = None
    environment: str | None = None
    system: str | None = None
    outcome: str | None = None
    reason: str | None = None
    sequence: int | float | None = None


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    """An event without extensions, which may say more than its data does."""

    specversion: str
    id: _Identity
    source: _Identity
    type: str
    time: str
    data: _Data


_decode = msgspec.json.Decoder(list[_Event]).decode
_OUTCOMES = {None: Outcome.OK} | {outcome.value: outcome for outcome in Outcome}


def read_native_batch(
    body: bytes, systems: Mapping[str, str], latest: datetime, earliest: datetime
) -> Sequence[Milestone] | None:
    """The milestones of a JSON batch; None where any event is anything but plain.

    `systems` are those of milestones that name none; times lie from `earliest` to `latest`.
    """
    try:
        events = _decode(body)
        if len(events) > MAX_EVENTS:
            return None
        found = [_milestone(event, systems) for event in events]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidInput, KeyError):
        return None
    sound = all(one is not None and earliest <= one.occurred_at <= latest for one in found)
    return [one for one in found if one is not None] if sound else None


def _milestone(event: _Event, systems: Mapping[str, str]) -> Milestone | None:
    data = event.data
    name, objects, sequence = data.milestone, data.objects, data.sequence or 0
    if event.specversion != "1.0" or event.type != NATIVE_TYPE or not objects:
        return None
    if not (event.id.strip() and event.source.strip() and name.strip()):
        return None
    for one in objects:
        if not one.type.strip() or ":" in one.type or not one.id.strip():
            return None
    if not isinstance(sequence, int) or not -(2**63) <= sequence < 2**63:
        return None
    require_uri_reference(event.source)
    refs = dict.fromkeys([ObjectRef(type=one.type, id=one.id) for one in objects])
    given = data.attributes or {}
    return Milestone(
        source=event.source,
        id=event.id,
        milestone=name,
        occurred_at=parse_time(event.time, "time"),
        objects=tuple(refs),
        environment=data.environment or DEFAULT_ENVIRONMENT,
        system=data.system or systems.get(name) or first_part(event.source),
        attributes={key: attribute_text(v) for key, v in given.items() if v is not None},
        outcome=_OUTCOMES[data.outcome],
        reason=data.reason or "",
        sequence=sequence,
    )
