"""Milestones on telemetry: what spans and log records that carry one have in common. Pure.

A milestone rides on telemetry as attribute `business.milestone`. Its objects are attributes
`business.object.<type>` (text, or a list for several), its facets `business.attr.<name>`, its
outcome `business.outcome` with `business.reason`, its identity `business.event.source` and
`business.event.id` where given, so that the same event sent as a CloudEvent too counts once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from collector.redaction import Redactor
from collector.refusals import Refusal, make_refusal, quoted
from suture.clock import from_micros
from suture.contracts.milestone import ALLOWED_FUTURE_SECONDS, Milestone, Outcome, overlong
from suture.contracts.objects import ObjectRef
from suture.contracts.trace import (
    EVENT_ID_ATTRIBUTE,
    EVENT_SOURCE_ATTRIBUTE,
    FACET_PREFIX,
    MILESTONE_ATTRIBUTE,
    OBJECT_PREFIX,
    OUTCOME_ATTRIBUTE,
)
from suture.definitions.event_contract import SpanContract
from suture.definitions.redaction import Redacted
from suture.errors import InvalidInput

BUSINESS_PREFIX = "business."


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedObject:
    """An object that a span carries, as the span's producer spelled it."""

    environment: str
    object: ObjectRef
    attributes: Mapping[str, str]
    trace_id: str
    span_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryFindings:
    """What a segment says about the business. `received` stands beside `milestones`."""

    milestones: Sequence[Milestone] = ()
    received: Sequence[datetime] = ()
    refusals: Sequence[Refusal] = ()
    objects: Sequence[NamedObject] = ()

    def redacted(self, redactor: Redactor) -> "TelemetryFindings":
        """The same as milestones have to be redacted; as telemetry it was already."""
        if not redactor.rules[Redacted.MILESTONES].any:
            return self
        named = [replace(found, object=redactor.object(found.object)) for found in self.objects]
        return replace(
            self, milestones=list(map(redactor.milestone, self.milestones)), objects=named
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """The span or log record that carries a milestone.

    `door` is the signal it came by, `name` what a person would know it by, `identity` what tells it
    from all others of its service.
    """

    door: str
    service: str
    name: str
    identity: str
    trace_id: str
    span_id: str
    environment: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A milestone as its carrier puts it, before it is checked. `place` counts span events."""

    name: str
    attributes: Mapping[str, str]
    objects: tuple[ObjectRef, ...]
    facets: Mapping[str, str]
    occurred_micros: int
    place: int | None = None
    outcome: str
    reason: str = ""
    contract: SpanContract | None = None


class Collected:
    """Gathers findings."""

    def __init__(self, systems: Mapping[str, str]) -> None:
        """Start with none; `systems` says which system a service belongs to."""
        self._systems = systems
        self._milestones: list[Milestone] = []
        self._received: list[datetime] = []
        self._refusals: list[Refusal] = []
        self._objects: list[NamedObject] = []

    def add_claim(self, carrier: Carrier, claim: Claim) -> None:
        """Make a milestone of a claim, or a refusal where it is no good one."""
        try:
            milestone = _milestone(carrier, claim, self._systems)
            if reason := overlong(milestone):
                raise InvalidInput(reason)
        except InvalidInput as error:
            self._refusals.append(_refuse(carrier, claim, error))
        else:
            self._milestones.append(milestone)
            self._received.append(carrier.received_at)

    def add_objects(self, objects: Sequence[NamedObject]) -> None:
        """Add objects that spans carry."""
        self._objects += objects

    def findings(self) -> TelemetryFindings:
        """All that was gathered."""
        return TelemetryFindings(
            milestones=self._milestones,
            received=self._received,
            refusals=self._refusals,
            objects=self._objects,
        )


def objects_of(attributes: Mapping[str, str]) -> tuple[ObjectRef, ...]:
    """The objects that attributes name."""
    return tuple(
        ObjectRef(type=key[len(OBJECT_PREFIX) :], id=id_)
        for key, value in attributes.items()
        if key.startswith(OBJECT_PREFIX) and len(key) > len(OBJECT_PREFIX)
        for id_ in ids_of(value)
    )


def ids_of(text: str) -> Sequence[str]:
    """The ids in an attribute's text: a list attribute is stored as a JSON list."""
    if not text.startswith("["):
        return (text,) if text.strip() else ()
    try:
        found: list[Any] = json.loads(text)
    except ValueError:
        return (text,)
    given = (item for item in found if item is not None)
    ids = (item if isinstance(item, str) else json.dumps(item) for item in given)
    return list(dict.fromkeys(id_ for id_ in ids if id_.strip()))


def is_type(text: str) -> bool:
    """Whether objects can be of this type: `type:id` has to be taken apart again."""
    return bool(text.strip()) and ":" not in text


def facets_of(attributes: Mapping[str, str]) -> dict[str, str]:
    """The facets that attributes give."""
    return {
        key.removeprefix(FACET_PREFIX): value
        for key, value in attributes.items()
        if key.startswith(FACET_PREFIX)
    }


def _milestone(carrier: Carrier, claim: Claim, systems: Mapping[str, str]) -> Milestone:
    contract = claim.contract
    source = claim.attributes.get(EVENT_SOURCE_ATTRIBUTE) if contract is None else None
    event_id = claim.attributes.get(EVENT_ID_ATTRIBUTE) if contract is None else None
    system = contract.system if contract else systems.get(carrier.service, carrier.service)
    return Milestone(
        source=source or f"otel:{carrier.service}",
        id=event_id or _identity(carrier, claim),
        milestone=_require_name(claim.name),
        occurred_at=_require_past(claim.occurred_micros, carrier.received_at),
        objects=_require_objects(claim),
        environment=carrier.environment,
        system=system,
        attributes=claim.facets,
        outcome=_require_outcome(claim.outcome),
        reason=claim.reason,
        trace_id=carrier.trace_id,
        span_id=carrier.span_id,
        contract=contract.span_contract if contract else "",
        contract_version=contract.version if contract else "",
    )


def _identity(carrier: Carrier, claim: Claim) -> str:
    return carrier.identity if claim.place is None else f"{carrier.identity}:{claim.place}"


def _require_name(name: str) -> str:
    if not name.strip():
        raise InvalidInput(f"{MILESTONE_ATTRIBUTE}: is empty")
    return name


def _require_objects(claim: Claim) -> tuple[ObjectRef, ...]:
    if not claim.objects:
        where = (
            ", ".join(sorted(claim.contract.objects.values()))
            if claim.contract
            else f"{OBJECT_PREFIX}<type>"
        )
        raise InvalidInput(f"{where}: a milestone needs at least one object")
    for named in claim.objects:
        if not is_type(named.type):
            raise InvalidInput(f"{OBJECT_PREFIX}{named.type}: types are not blank and hold no ':'")
    return claim.objects


def _require_outcome(text: str) -> Outcome:
    try:
        return Outcome(text)
    except ValueError:
        message = f"{OUTCOME_ATTRIBUTE}: {quoted(text)} is none of ok, failed, rejected"
        raise InvalidInput(message) from None


def _require_past(micros: int, received_at: datetime) -> datetime:
    occurred_at = from_micros(micros)
    if occurred_at > received_at + timedelta(seconds=ALLOWED_FUTURE_SECONDS):
        raise InvalidInput(f"time: {occurred_at.isoformat()} is more than 10 minutes in the future")
    return occurred_at


def _refuse(carrier: Carrier, claim: Claim, error: InvalidInput) -> Refusal:
    content: dict[str, Any] = {
        "trace_id": carrier.trace_id,
        "span_id": carrier.span_id,
        "service": carrier.service,
        "name": carrier.name,
        "milestone": claim.name,
        "occurred_at_micros": claim.occurred_micros,
        "attributes": dict(claim.attributes),
    }
    return make_refusal(
        json.dumps(content, ensure_ascii=False, sort_keys=True).encode(),
        reason=error.message,
        received_at=carrier.received_at,
        door=carrier.door,
        content_type="application/json",
        environment=carrier.environment,
        source=f"otel:{carrier.service}",
        event_id=_identity(carrier, claim),
        type_=claim.name or MILESTONE_ATTRIBUTE,
        owner=claim.contract.owner if claim.contract else "",
    )
