"""Milestone events: from a request at `/v1/milestones` to milestones and refusals. Pure.

Events of type `suture.milestone` carry the milestone themselves; all others go through an event
contract. Each event of a batch stands for itself: what is wrong with one is said of that one, and
it is kept as a dead letter.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from collector.cloudevents import (
    BATCHED,
    CloudEvent,
    RawEvent,
    check_event,
    media_type_of,
    read_request,
    require_shallow,
)
from collector.event_contracts import ContractBroken, EventContracts
from collector.native_batches import NATIVE_TYPE, read_native_batch
from collector.redaction import Redactor
from collector.refusals import Refusal, make_refusal, quoted
from suture.clock import EARLIEST, rfc3339
from suture.contracts.milestone import (
    ALLOWED_FUTURE_SECONDS,
    Milestone,
    Outcome,
    attribute_text,
    overlong,
)
from suture.contracts.objects import DEFAULT_ENVIRONMENT, ObjectRef
from suture.definitions.catalog import Catalog
from suture.definitions.ownership import Ownership, first_part
from suture.errors import InvalidInput

ENVIRONMENT_EXTENSION = "deploymentenvironment"
TRANSACTION_EXTENSION = "bamtxid"
SEQUENCE_EXTENSION = "sequence"
KEPT_EXTENSIONS = (
    "traceparent",
    "recordedtime",
    "correlationid",
    "causationid",
    TRANSACTION_EXTENSION,
    "bampid",
    "dataclassification",
    "expirytime",
    SEQUENCE_EXTENSION,
)
DOOR = "milestones"

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """What the answer says of one event of a request."""

    index: int
    id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a request came to. `refusals` are the dead letters of `rejected`, in the same order."""

    accepted: Sequence[Milestone]
    rejected: Sequence[Rejection]
    refusals: Sequence[Refusal]


class MilestoneReader:
    """Reads milestone events by the contracts and definitions of a catalogue."""

    def __init__(self, catalog: Catalog, redactor: Redactor | None = None) -> None:
        """Prepare the contracts, owners, and the system of each declared milestone.

        What a contract's expressions see, and what is shown of refusals, is as `redactor` leaves
        it; milestones themselves are redacted when they are loaded. Without one nothing is.
        """
        self._redactor = redactor or Redactor.none()
        self._contracts = EventContracts(catalog.contracts)
        self._ownership = Ownership(catalog)
        self._systems = {
            milestone.name: milestone.system
            for name in sorted(catalog.processes, reverse=True)
            for process in catalog.versions_of(name)
            for milestone in process.milestones
            if milestone.system
        }

    def read(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Reading:
        """Read a request received at `now`; `headers` have lower-case names.

        Raises UnsupportedMedia or MalformedInput when no event can be told from another.
        """
        if media_type_of(headers) == (BATCHED, ""):
            latest = now + timedelta(seconds=ALLOWED_FUTURE_SECONDS)
            plain = read_native_batch(body, self._systems, latest, EARLIEST)
            if plain is not None:
                return Reading(accepted=plain, rejected=(), refusals=())
        accepted: list[Milestone] = []
        rejected: list[Rejection] = []
        refusals: list[Refusal] = []
        for index, raw in enumerate(read_request(headers, body)):
            try:
                require_shallow(raw)
                accepted.append(self._milestone(check_event(raw.content), now))
            except InvalidInput as error:
                rejected.append(
                    Rejection(index=index, id=raw.attribute("id"), reason=error.message)
                )
                refusals.append(self._refuse(raw, error, now))
        return Reading(accepted=accepted, rejected=rejected, refusals=refusals)

    def _refuse(self, raw: RawEvent, error: InvalidInput, now: datetime) -> Refusal:
        source, type_ = raw.attribute("source"), raw.attribute("type")
        broken = error.owner if isinstance(error, ContractBroken) else ""
        refusal = make_refusal(
            raw.payload,
            reason=error.message,
            received_at=now,
            door=DOOR,
            content_type=raw.content_type,
            environment=_environment_of(raw),
            source=source,
            event_id=raw.attribute("id"),
            type_=type_,
            owner=self._ownership.of(source=source, type_=type_, contract_owner=broken),
        )
        return self._redactor.refusal(refusal)

    def _milestone(self, event: CloudEvent, now: datetime) -> Milestone:
        is_native = event.type == NATIVE_TYPE
        read = self._native(event, now) if is_native else self._by_contract(event, now)
        milestone = _with_extensions(read, event)
        if reason := overlong(milestone):
            raise InvalidInput(reason)
        return milestone

    def _native(self, event: CloudEvent, now: datetime) -> Milestone:
        occurred_at = _require_time(event.time, now)
        data = event.data
        if not isinstance(data, dict):
            raise InvalidInput("data: has to be a JSON object")
        name = _text(data, "milestone", required=True)
        return Milestone(
            source=event.source,
            id=event.id,
            milestone=name,
            occurred_at=occurred_at,
            objects=_objects(data, event),
            environment=_text(data, "environment") or DEFAULT_ENVIRONMENT,
            system=(_text(data, "system") or self._systems.get(name) or first_part(event.source)),
            attributes=_attributes(data),
            outcome=_outcome(data),
            reason=_text(data, "reason"),
            sequence=_sequence(data),
        )

    def _by_contract(self, event: CloudEvent, now: datetime) -> Milestone:
        content = self._redactor.event_content(event.content)
        mapped = self._contracts.map(msgspec.structs.replace(event, content=content))
        contract = mapped.contract
        try:
            occurred_at = _require_time(event.time, now)
        except InvalidInput as error:
            raise ContractBroken(error.message, owner=contract.owner) from error
        if not mapped.objects and TRANSACTION_EXTENSION not in event.extensions:
            raise ContractBroken(
                f"contract {contract.contract} version {contract.version}: objects: none of"
                f" {', '.join(contract.objects.values())} gives an object",
                owner=contract.owner,
            )
        return Milestone(
            source=event.source,
            id=event.id,
            milestone=contract.milestone,
            occurred_at=occurred_at,
            objects=mapped.objects,
            system=contract.system,
            attributes=mapped.attributes,
            outcome=mapped.outcome,
            reason=mapped.reason,
            contract=contract.contract,
            contract_version=contract.version,
        )


def _require_time(time: datetime | None, now: datetime) -> datetime:
    if time is None:
        raise InvalidInput("time: is required, it says when the milestone happened")
    if time > now + timedelta(seconds=ALLOWED_FUTURE_SECONDS):
        ahead = f"more than {ALLOWED_FUTURE_SECONDS // 60} minutes in the future"
        raise InvalidInput(f"time: {rfc3339(time)} is {ahead}")
    if time < EARLIEST:
        raise InvalidInput(f"time: {rfc3339(time)} is before {EARLIEST.year}")
    return time


def _with_extensions(milestone: Milestone, event: CloudEvent) -> Milestone:
    """Add what the event's extensions say, whatever its type."""
    given = event.extensions
    objects = dict.fromkeys(milestone.objects)
    if not given and len(objects) == len(milestone.objects):
        return milestone  # nearly all events, and to copy one is a quarter of reading it
    if transaction := given.get(TRANSACTION_EXTENSION):
        objects[ObjectRef(type=TRANSACTION_EXTENSION, id=transaction)] = None
    trace = _TRACEPARENT.fullmatch(given.get("traceparent", ""))
    sequence = given.get(SEQUENCE_EXTENSION, "")
    return msgspec.structs.replace(
        milestone,
        objects=tuple(objects),
        environment=given.get(ENVIRONMENT_EXTENSION) or milestone.environment,
        sequence=int(sequence) if _is_int64(sequence) else milestone.sequence,
        trace_id=trace[1] if trace else "",
        span_id=trace[2] if trace else "",
        extensions={name: given[name] for name in KEPT_EXTENSIONS if name in given},
    )


def _objects(data: Mapping[str, Any], event: CloudEvent) -> tuple[ObjectRef, ...]:
    found = data.get("objects")
    if found is None and TRANSACTION_EXTENSION in event.extensions:
        return ()
    if not isinstance(found, list) or not (found or TRANSACTION_EXTENSION in event.extensions):
        raise InvalidInput("data.objects: has to be a list of at least one {type, id}")
    return tuple(_object(item, f"data.objects[{place}]") for place, item in enumerate(found))


def _object(item: Any, path: str) -> ObjectRef:
    if not isinstance(item, dict):
        raise InvalidInput(f"{path}: has to be an object with type and id")
    type_, id_ = item.get("type"), item.get("id")
    if not isinstance(type_, str) or not type_.strip() or ":" in type_:
        raise InvalidInput(f"{path}.type: has to be text, not empty and without ':'")
    if isinstance(id_, int) and not isinstance(id_, bool):
        id_ = str(id_)
    if not isinstance(id_, str) or not id_.strip():
        raise InvalidInput(f"{path}.id: has to be text that is not empty")
    return ObjectRef(type=type_, id=id_)


def _attributes(data: Mapping[str, Any]) -> dict[str, str]:
    found = data.get("attributes")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidInput("data.attributes: has to be an object of names and values")
    return {name: attribute_text(value) for name, value in found.items() if value is not None}


def _outcome(data: Mapping[str, Any]) -> Outcome:
    value = data.get("outcome")
    try:
        return Outcome.OK if value is None else Outcome(value)
    except ValueError:
        raise InvalidInput(
            f"data.outcome: {quoted(value)} is none of ok, failed, rejected"
        ) from None


def _sequence(data: Mapping[str, Any]) -> int:
    value = data.get("sequence")
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not _is_int64(str(value)):
        raise InvalidInput(f"data.sequence: {quoted(value)} is not a whole number")
    return value


def _text(data: Mapping[str, Any], name: str, *, required: bool = False) -> str:
    value = data.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"data.{name}: {'is required' if value is None else 'has to be text'}")
    if required and not value.strip():
        raise InvalidInput(f"data.{name}: is empty")
    return value


def _is_int64(text: str) -> bool:
    """Whether a text is a whole number of 64 bits; other sequences are kept as text only."""
    return bool(re.fullmatch(r"-?\d{1,19}", text, re.ASCII)) and -(2**63) <= int(text) < 2**63


def _environment_of(raw: RawEvent) -> str:
    """The environment of an event that was refused, as far as it can be read."""
    if extension := raw.attribute(ENVIRONMENT_EXTENSION):
        return extension
    data = raw.content.get("data") if raw.attribute("type") == NATIVE_TYPE else None
    named = data.get("environment") if isinstance(data, dict) else None
    return named if isinstance(named, str) and named else DEFAULT_ENVIRONMENT
