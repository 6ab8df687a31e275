"""Milestones: what happened in a business process, at a system, about one or more objects."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from math import isfinite
from typing import Any

import msgspec

from suture.contracts.objects import DEFAULT_ENVIRONMENT, LONGEST_ID, LONGEST_TYPE, ObjectRef

ALLOWED_FUTURE_SECONDS = 600
"""An event further ahead of the platform's clock than this is refused."""

LONGEST_NAME = 256
LONGEST_IDENTITY = 2_048
"""In characters: of a milestone's name, and of its id and source."""


class Outcome(StrEnum):
    """How an attempt at a milestone ended; only `ok` reaches the milestone."""

    OK = "ok"
    FAILED = "failed"
    REJECTED = "rejected"


class Milestone(msgspec.Struct, frozen=True, kw_only=True):
    """One milestone event. Its identity is (source, id): sent again, it changes nothing.

    `occurred_at` is when it happened, by its producer's clock. `sequence` orders events of one
    instance at one instant. Attribute values are text (see `attribute_text`). `extensions` holds
    the CloudEvents extensions that are understood, by their CloudEvents names.
    """

    source: str
    id: str
    milestone: str
    occurred_at: datetime
    objects: tuple[ObjectRef, ...]
    environment: str = DEFAULT_ENVIRONMENT
    system: str = ""
    attributes: Mapping[str, str] = {}
    outcome: Outcome = Outcome.OK
    reason: str = ""
    sequence: int = 0
    trace_id: str = ""
    span_id: str = ""
    extensions: Mapping[str, str] = {}
    contract: str = ""
    contract_version: str = ""

    def __post_init__(self) -> None:
        """Refuse naive times; everything else is checked where events come in."""
        if self.occurred_at.tzinfo is None:
            raise ValueError("occurred_at is naive")


def overlong(milestone: Milestone) -> str:
    """Which name or id is longer than it may be, as a reason; empty where none is."""
    return (
        _overlong("source", milestone.source, LONGEST_IDENTITY)
        or overlong_event(milestone.id, milestone.milestone)
        or overlong_object((named.type, named.id) for named in milestone.objects)
    )


def overlong_event(id_: str, name: str) -> str:
    """The same for an event's id and the name of its milestone."""
    return _overlong("id", id_, LONGEST_IDENTITY) or _overlong("milestone", name, LONGEST_NAME)


def overlong_object(objects: Iterable[tuple[str, str]]) -> str:
    """The same for objects, given as (type, id)."""
    for place, (type_, id_) in enumerate(objects):
        if fault := _overlong(f"objects[{place}].type", type_, LONGEST_TYPE):
            return fault
        if fault := _overlong(f"objects[{place}].id", id_, LONGEST_ID):
            return fault
    return ""


def _overlong(field: str, text: str, longest: int) -> str:
    count = len(text)
    return "" if count <= longest else f"{field}: has {count} characters, {longest} are taken"


def attribute_text(value: Any) -> str:
    """An attribute value as stored: text verbatim, true / false, numbers as JSON writes them.

    Lists and objects become compact JSON with sorted keys. A number keeps its own spelling
    (1250.0 stays '1250.0'); None becomes the empty text.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if type(value) is int or (type(value) is float and isfinite(value)):
        return repr(value)  # as JSON writes it, in a tenth of the time
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
