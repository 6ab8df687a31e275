"""Milestones on spans: from rows of loaded spans to milestones, dead letters and named objects.

A milestone rides on a span or on a span event. A span event that names no object is about the
span's objects, and adds its facets to the span's. Spans nobody instrumented become milestones by
span contracts; a span's own milestone goes first, then the first contract by name that matches.

A milestone on a span happened when the span ended; one on an event when the event did. Without
`business.outcome`, a span that ended in error is a failed attempt, and an event is `ok`. Without an
identity of its own, a milestone's source is `otel:<service>` and its id `trace:span`, for an event
`trace:span:<place>`, counted from 0.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collector.telemetry_milestones import (
    BUSINESS_PREFIX,
    Carrier,
    Claim,
    Collected,
    NamedObject,
    TelemetryFindings,
    facets_of,
    ids_of,
    is_type,
    objects_of,
)
from suture.clock import from_micros
from suture.contracts.milestone import overlong_object
from suture.contracts.objects import DEFAULT_ENVIRONMENT, ObjectRef
from suture.contracts.trace import MILESTONE_ATTRIBUTE, OUTCOME_ATTRIBUTE, REASON_ATTRIBUTE
from suture.definitions.catalog import Catalog
from suture.definitions.event_contract import SpanContract

DOOR = "traces"


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

    def read(self, rows: Sequence[Mapping[str, Any]]) -> TelemetryFindings:
        """What the rows of `facts.business_spans` say. A bad milestone is a dead letter."""
        collected = Collected(self._systems)
        for row in rows:
            carrier = _carrier(row)
            of_span = objects_of(row["attributes"])
            collected.add_objects(_named(carrier, row, row["attributes"], of_span))
            for of_event in row["event_attributes"]:
                collected.add_objects(_named(carrier, row, of_event, objects_of(of_event)))
            for claim in self._claims(row, of_span):
                collected.add_claim(carrier, claim)
        return collected.findings()

    def _claims(self, row: Mapping[str, Any], objects: tuple[ObjectRef, ...]) -> Iterator[Claim]:
        attributes: Mapping[str, str] = row["attributes"]
        failed = row["status"] == "Error"
        if MILESTONE_ATTRIBUTE in attributes:
            outcome = attributes.get(OUTCOME_ATTRIBUTE) or ("failed" if failed else "ok")
            cause = row["status_message"] if failed else ""
            yield Claim(
                name=attributes[MILESTONE_ATTRIBUTE],
                attributes=attributes,
                objects=objects,
                facets=facets_of(attributes),
                occurred_micros=row["ended"],
                outcome=outcome,
                reason=attributes.get(REASON_ATTRIBUTE) or cause,
            )
        elif contract := self._matching(row):
            yield _by_contract(contract, row, failed=failed)
        events = zip(row["event_places"], row["event_times"], row["event_attributes"], strict=True)
        for place, micros, of_event in events:
            yield Claim(
                name=of_event[MILESTONE_ATTRIBUTE],
                attributes=of_event,
                objects=objects_of(of_event) or objects,
                facets={**facets_of(attributes), **facets_of(of_event)},
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


def _carrier(row: Mapping[str, Any]) -> Carrier:
    return Carrier(
        door=DOOR,
        service=row["service"],
        name=row["name"],
        identity=f"{row['trace_id']}:{row['span_id']}",
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        environment=row["environment"] or DEFAULT_ENVIRONMENT,
        received_at=from_micros(row["received"]),
    )


def _by_contract(contract: SpanContract, row: Mapping[str, Any], *, failed: bool) -> Claim:
    attributes: Mapping[str, str] = row["attributes"]
    failed = failed and contract.outcome_from_status
    return Claim(
        name=contract.milestone,
        attributes=attributes,
        objects=tuple(
            ObjectRef(type=type_, id=id_)
            for type_, name in contract.objects.items()
            for id_ in ids_of(attributes.get(name, ""))
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
    carrier: Carrier,
    row: Mapping[str, Any],
    attributes: Mapping[str, str],
    objects: Sequence[ObjectRef],
) -> list[NamedObject]:
    if not objects:
        return []
    # What can be no object stays on its span only.
    taken = [
        one for one in objects if is_type(one.type) and not overlong_object([(one.type, one.id)])
    ]
    facets = facets_of(attributes)
    occurred_at = from_micros(row["started"])
    return [
        NamedObject(
            environment=carrier.environment,
            object=named,
            attributes=facets,
            trace_id=carrier.trace_id,
            span_id=carrier.span_id,
            occurred_at=occurred_at,
        )
        for named in taken
    ]
