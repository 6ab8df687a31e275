"""Milestones on spans: from rows of loaded spans to milestones, dead letters and named objects.

A milestone rides on a span as attribute `business.milestone`, or on a span event that has it. Its
objects are attributes `business.object.<type>` (text, or a list for several), its facets
`business.attr.<name>`, its outcome `business.outcome` with `business.reason`. A span event that
names no object is about the span's objects, and adds its facets to the span's. Spans nobody
instrumented become milestones by span contracts; a span's own milestone goes first, then the first
contract by name that matches.

A milestone on a span happened when the span ended; one on an event when the event did. Without
`business.outcome`, a span that ended in error is a failed attempt, and an event is `ok`.

Identity is `business.event.source` and `business.event.id` where given, so that the same event sent
as a CloudEvent too counts once; else source `otel:<service>` and id `trace:span`, for an event
`trace:span:<place>`, counted from 0.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.refusals import Refusal, make_refusal
from suture.clock import from_micros
from suture.contracts.milestone import ALLOWED_FUTURE_SECONDS, Milestone, Outcome
from suture.contracts.objects import DEFAULT_ENVIRONMENT, ObjectRef
from suture.contracts.trace import (
    EVENT_ID_ATTRIBUTE,
    EVENT_SOURCE_ATTRIBUTE,
    FACET_PREFIX,
    MILESTONE_ATTRIBUTE,
    OBJECT_PREFIX,
    OUTCOME_ATTRIBUTE,
    REASON_ATTRIBUTE,
)
from suture.definitions.catalog import Catalog
from suture.definitions.event_contract import SpanContract
from suture.errors import InvalidInput

BUSINESS_PREFIX = "business."
DOOR = "traces"


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
class SpanFindings:
    """What a segment of spans says about the business. `received` stands beside `milestones`."""

    milestones: Sequence[Milestone]
    received: Sequence[datetime]
    refusals: Sequence[Refusal]
    objects: Sequence[NamedObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """A milestone as its span puts it, before it is checked."""

    name: str
    attributes: Mapping[str, str]
    objects: tuple[ObjectRef, ...]
    facets: Mapping[str, str]
    occurred_micros: int
    place: int | None = None
    outcome: str
    reason: str = ""
    contract: SpanContract | None = None


class SpanReader:
    """Reads milestones off spans, by the catalogue's span contracts and systems."""

    def __init__(self, catalog: Catalog) -> None:
        """Prepare the contracts of `catalog`."""
        self._systems = catalog.service_systems
        self._contracts: dict[str, list[SpanContract]] = {}
        for _, contract in sorted(catalog.span_contracts.items()):
            self._contracts.setdefault(contract.match.service, []).append(contract)

    @property
    def services(self) -> tuple[str, ...]:
        """Services that some span contract is about: all their spans have to be read."""
        return tuple(sorted(self._contracts))

    def may_matter(self, payload: bytes) -> bool:
        """Whether a serialized trace request may hold anything for `read`; errs towards yes."""
        return BUSINESS_PREFIX.encode() in payload or any(
            service.encode() in payload for service in self._contracts
        )

    def read(self, rows: Sequence[Mapping[str, Any]]) -> SpanFindings:
        """What the rows of `facts.business_spans` say. A bad milestone is a dead letter."""
        milestones: list[Milestone] = []
        received: list[datetime] = []
        refusals: list[Refusal] = []
        objects: list[NamedObject] = []
        for row in rows:
            received_at = from_micros(row["received"])
            environment = row["environment"] or DEFAULT_ENVIRONMENT
            of_span = _objects(row["attributes"])
            objects += _named(row, environment, row["attributes"], of_span)
            for of_event in row["event_attributes"]:
                objects += _named(row, environment, of_event, _objects(of_event))
            for claim in self._claims(row, of_span):
                try:
                    milestones.append(self._milestone(row, claim, environment, received_at))
                except InvalidInput as error:
                    refusals.append(_refuse(row, claim, environment, received_at, error))
                else:
                    received.append(received_at)
        return SpanFindings(
            milestones=milestones, received=received, refusals=refusals, objects=objects
        )

    def _claims(self, row: Mapping[str, Any], objects: tuple[ObjectRef, ...]) -> Iterator[_Claim]:
        attributes: Mapping[str, str] = row["attributes"]
        failed = row["status"] == "Error"
        if MILESTONE_ATTRIBUTE in attributes:
            outcome = attributes.get(OUTCOME_ATTRIBUTE) or ("failed" if failed else "ok")
            cause = row["status_message"] if failed else ""
            yield _Claim(
                name=attributes[MILESTONE_ATTRIBUTE],
                attributes=attributes,
                objects=objects,
                facets=_facets(attributes),
                occurred_micros=row["ended"],
                outcome=outcome,
                reason=attributes.get(REASON_ATTRIBUTE) or cause,
            )
        elif contract := self._matching(row):
            yield _by_contract(contract, row, failed=failed)
        events = zip(row["event_places"], row["event_times"], row["event_attributes"], strict=True)
        for place, micros, of_event in events:
            yield _Claim(
                name=of_event[MILESTONE_ATTRIBUTE],
                attributes=of_event,
                objects=_objects(of_event) or objects,
                facets={**_facets(attributes), **_facets(of_event)},
                occurred_micros=micros,
                place=place - 1,
                outcome=of_event.get(OUTCOME_ATTRIBUTE) or "ok",
                reason=of_event.get(REASON_ATTRIBUTE, ""),
            )

    def _matching(self, row: Mapping[str, Any]) -> SpanContract | None:
        for contract in self._contracts.get(row["service"], ()):
            match = contract.match
            if match.span_name not in (None, row["name"]):
                continue
            if all(row["attributes"].get(key) == value for key, value in match.attributes.items()):
                return contract
        return None

    def _milestone(
        self, row: Mapping[str, Any], claim: _Claim, environment: str, received_at: datetime
    ) -> Milestone:
        service = row["service"]
        contract = claim.contract
        source = claim.attributes.get(EVENT_SOURCE_ATTRIBUTE) if contract is None else None
        event_id = claim.attributes.get(EVENT_ID_ATTRIBUTE) if contract is None else None
        return Milestone(
            source=source or f"otel:{service}",
            id=event_id or _identity(row, claim),
            milestone=_require_name(claim.name),
            occurred_at=_require_past(claim.occurred_micros, received_at),
            objects=_require_objects(claim),
            environment=environment,
            system=contract.system if contract else self._systems.get(service, service),
            attributes=claim.facets,
            outcome=_require_outcome(claim.outcome),
            reason=claim.reason,
            trace_id=row["trace_id"],
            span_id=row["span_id"],
            contract=contract.span_contract if contract else "",
            contract_version=contract.version if contract else "",
        )


def _by_contract(contract: SpanContract, row: Mapping[str, Any], *, failed: bool) -> _Claim:
    attributes: Mapping[str, str] = row["attributes"]
    failed = failed and contract.outcome_from_status
    return _Claim(
        name=contract.milestone,
        attributes=attributes,
        objects=tuple(
            ObjectRef(type=type_, id=id_)
            for type_, name in contract.objects.items()
            for id_ in _ids(attributes.get(name, ""))
        ),
        facets={
            name: attributes[key] for name, key in contract.attributes.items() if key in attributes
        },
        occurred_micros=row["ended"],
        outcome="failed" if failed else "ok",
        reason=row["status_message"] if failed else "",
        contract=contract,
    )


def _named(
    row: Mapping[str, Any],
    environment: str,
    attributes: Mapping[str, str],
    objects: Sequence[ObjectRef],
) -> list[NamedObject]:
    if not objects:
        return []
    facets = _facets(attributes)
    occurred_at = from_micros(row["started"])
    return [
        NamedObject(
            environment=environment,
            object=named,
            attributes=facets,
            trace_id=row["trace_id"],
            span_id=row["span_id"],
            occurred_at=occurred_at,
        )
        for named in objects
    ]


def _objects(attributes: Mapping[str, str]) -> tuple[ObjectRef, ...]:
    return tuple(
        ObjectRef(type=key[len(OBJECT_PREFIX) :], id=id_)
        for key, value in attributes.items()
        if key.startswith(OBJECT_PREFIX) and len(key) > len(OBJECT_PREFIX)
        for id_ in _ids(value)
    )


def _ids(text: str) -> Sequence[str]:
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


def _facets(attributes: Mapping[str, str]) -> dict[str, str]:
    return {
        key.removeprefix(FACET_PREFIX): value
        for key, value in attributes.items()
        if key.startswith(FACET_PREFIX)
    }


def _identity(row: Mapping[str, Any], claim: _Claim) -> str:
    span = f"{row['trace_id']}:{row['span_id']}"
    return span if claim.place is None else f"{span}:{claim.place}"


def _require_name(name: str) -> str:
    if not name.strip():
        raise InvalidInput(f"{MILESTONE_ATTRIBUTE}: is empty")
    return name


def _require_objects(claim: _Claim) -> tuple[ObjectRef, ...]:
    if not claim.objects:
        where = (
            ", ".join(sorted(claim.contract.objects.values()))
            if claim.contract
            else f"{OBJECT_PREFIX}<type>"
        )
        raise InvalidInput(f"{where}: a milestone needs at least one object")
    return claim.objects


def _require_outcome(text: str) -> Outcome:
    try:
        return Outcome(text)
    except ValueError:
        message = f"{OUTCOME_ATTRIBUTE}: {text!r} is none of ok, failed, rejected"
        raise InvalidInput(message) from None


def _require_past(micros: int, received_at: datetime) -> datetime:
    occurred_at = from_micros(micros)
    if occurred_at > received_at + timedelta(seconds=ALLOWED_FUTURE_SECONDS):
        raise InvalidInput(f"time: {occurred_at.isoformat()} is more than 10 minutes in the future")
    return occurred_at


def _refuse(
    row: Mapping[str, Any],
    claim: _Claim,
    environment: str,
    received_at: datetime,
    error: InvalidInput,
) -> Refusal:
    content = {
        "trace_id": row["trace_id"],
        "span_id": row["span_id"],
        "service": row["service"],
        "span": row["name"],
        "milestone": claim.name,
        "occurred_at_micros": claim.occurred_micros,
        "attributes": dict(claim.attributes),
    }
    return make_refusal(
        json.dumps(content, ensure_ascii=False, sort_keys=True).encode(),
        reason=error.message,
        received_at=received_at,
        door=DOOR,
        content_type="application/json",
        environment=environment,
        source=f"otel:{row['service']}",
        event_id=_identity(row, claim),
        type_=claim.name or MILESTONE_ATTRIBUTE,
        owner=claim.contract.owner if claim.contract else "",
    )
