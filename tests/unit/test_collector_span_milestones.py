import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.span_milestones import SpanReader
from suture.contracts.milestone import Milestone, Outcome
from suture.contracts.objects import ObjectRef
from suture.definitions.catalog import Catalog
from suture.definitions.event_contract import SpanContract
from suture.definitions.landscape import System

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
TRACE, SPAN = "ab" * 16, "cd" * 8


def micros(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


CONTRACT = SpanContract.model_validate(
    {
        "span_contract": "legacy-posting",
        "version": 3,
        "owner": "erp-platform",
        "system": "erp",
        "match": {"service": "legacy", "span_name": "post", "attributes": {"kind": "receipt"}},
        "milestone": "receipt_posted",
        "objects": {"goods_receipt": "receipt.id"},
        "attributes": {"facility": "plant"},
        "outcome_from_status": True,
    }
)


def reader(*contracts: SpanContract) -> SpanReader:
    return SpanReader(
        Catalog(
            systems={
                "erp": System.model_validate({"role": "system_of_record", "services": ["api"]})
            },
            span_contracts={c.span_contract: c for c in contracts},
        )
    )


def row(**change: Any) -> dict[str, Any]:
    return {
        "trace_id": TRACE,
        "span_id": SPAN,
        "name": "work",
        "service": "api",
        "started": micros(START),
        "ended": micros(START + timedelta(seconds=2)),
        "status": "Unset",
        "status_message": "",
        "received": micros(START + timedelta(seconds=3)),
        "environment": "",
        "attributes": {},
        "event_places": [],
        "event_times": [],
        "event_attributes": [],
        **change,
    }


MARKED = {
    "business.milestone": "sent",
    "business.object.order": "P-1",
    "business.attr.facility": "west",
}


def one(given: dict[str, Any], *contracts: SpanContract) -> Milestone:
    found = reader(*contracts).read([given])
    assert not found.refusals
    (milestone,) = found.milestones
    return milestone


def test_a_milestone_on_a_span_happened_when_the_span_ended() -> None:
    assert one(row(attributes=MARKED)) == Milestone(
        source="otel:api",
        id=f"{TRACE}:{SPAN}",
        milestone="sent",
        occurred_at=START + timedelta(seconds=2),
        objects=(ObjectRef(type="order", id="P-1"),),
        environment="production",
        system="erp",
        attributes={"facility": "west"},
        trace_id=TRACE,
        span_id=SPAN,
    )


def test_a_declared_identity_counts_instead() -> None:
    marked = {**MARKED, "business.event.source": "/erp", "business.event.id": "e1"}
    milestone = one(row(attributes=marked))
    assert (milestone.source, milestone.id) == ("/erp", "e1")


def test_an_undeclared_service_is_its_own_system() -> None:
    assert one(row(service="other", attributes=MARKED)).system == "other"


def test_the_environment_is_the_resource_s() -> None:
    assert one(row(environment="staging", attributes=MARKED)).environment == "staging"


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ('["a","b","a"]', ["a", "b"]),
        ("[1,2.5,null,true]", ["1", "2.5", "true"]),
        ("[broken", ["[broken"]),
        ("17", ["17"]),
    ],
)
def test_a_list_attribute_names_several_objects(text: str, ids: list[str]) -> None:
    milestone = one(row(attributes={**MARKED, "business.object.order": text}))
    assert [o.id for o in milestone.objects] == ids


@pytest.mark.parametrize(
    ("change", "status", "outcome", "reason"),
    [
        ({}, "Ok", Outcome.OK, ""),
        ({}, "Error", Outcome.FAILED, "timed out"),
        ({"business.outcome": "ok"}, "Error", Outcome.OK, "timed out"),
        (
            {"business.outcome": "rejected", "business.reason": "no"},
            "Unset",
            Outcome.REJECTED,
            "no",
        ),
    ],
)
def test_outcomes(change: dict[str, str], status: str, outcome: Outcome, reason: str) -> None:
    given = row(attributes={**MARKED, **change}, status=status, status_message="timed out")
    milestone = one(given)
    assert (milestone.outcome, milestone.reason) == (outcome, reason)


def test_a_span_event_is_a_milestone_of_its_own_time_and_place() -> None:
    at = START + timedelta(seconds=1)
    event = {"business.milestone": "approved", "business.attr.department": "OR"}
    given = row(
        attributes={"business.object.order": "P-1", "business.attr.facility": "west"},
        status="Error",
        event_places=[3],
        event_times=[micros(at)],
        event_attributes=[event],
    )
    milestone = one(given)
    assert milestone.id == f"{TRACE}:{SPAN}:2"
    assert milestone.occurred_at == at
    assert milestone.objects == (ObjectRef(type="order", id="P-1"),)
    assert milestone.attributes == {"facility": "west", "department": "OR"}
    assert milestone.outcome is Outcome.OK


def test_a_span_event_s_own_objects_stand_for_themselves() -> None:
    given = row(
        attributes={"business.object.order": "P-1"},
        event_places=[1],
        event_times=[micros(START)],
        event_attributes=[{"business.milestone": "x", "business.object.shipment": "S-1"}],
    )
    assert one(given).objects == (ObjectRef(type="shipment", id="S-1"),)


LEGACY = {"kind": "receipt", "receipt.id": "G-1", "plant": "west"}


def test_a_span_contract_makes_a_milestone_of_an_uninstrumented_span() -> None:
    milestone = one(row(service="legacy", name="post", attributes=LEGACY), CONTRACT)
    assert milestone.milestone == "receipt_posted"
    assert milestone.objects == (ObjectRef(type="goods_receipt", id="G-1"),)
    assert milestone.attributes == {"facility": "west"}
    assert (milestone.system, milestone.contract, milestone.contract_version) == (
        "erp",
        "legacy-posting",
        "3",
    )
    assert milestone.source == "otel:legacy"


def test_a_span_contract_can_take_the_outcome_from_the_status() -> None:
    given = row(
        service="legacy", name="post", attributes=LEGACY, status="Error", status_message="x"
    )
    milestone = one(given, CONTRACT)
    assert (milestone.outcome, milestone.reason) == (Outcome.FAILED, "x")


@pytest.mark.parametrize(
    "change", [{"service": "api"}, {"name": "get"}, {"attributes": {**LEGACY, "kind": "order"}}]
)
def test_a_span_contract_leaves_other_spans_alone(change: dict[str, Any]) -> None:
    given = row(**{"service": "legacy", "name": "post", "attributes": LEGACY, **change})
    found = reader(CONTRACT).read([given])
    assert (found.milestones, found.refusals, found.objects) == ([], [], [])


def test_a_span_s_own_milestone_goes_before_a_contract() -> None:
    given = row(service="legacy", name="post", attributes={**LEGACY, **MARKED})
    assert one(given, CONTRACT).milestone == "sent"


def test_of_several_contracts_the_first_by_name_counts() -> None:
    other = CONTRACT.model_copy(update={"span_contract": "a-first", "milestone": "first"})
    assert one(
        row(service="legacy", name="post", attributes=LEGACY), CONTRACT, other
    ).milestone == ("first")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"attributes": {"business.milestone": "x"}}, "business.object.<type>: a milestone needs"),
        ({"attributes": {**MARKED, "business.object.order": "[]"}}, "a milestone needs"),
        (
            {"attributes": {**MARKED, "business.outcome": "meh"}},
            "business.outcome: 'meh' is none of",
        ),
        ({"attributes": {**MARKED, "business.milestone": " "}}, "business.milestone: is empty"),
        ({"attributes": {**MARKED, "business.milestone": "m" * 257}}, "milestone: has 257 char"),
        ({"attributes": {**MARKED, "business.object.a:b": "1"}}, "business.object.a:b: types are"),
        ({"attributes": {**MARKED, "business.object.order": "o" * 1025}}, "].id: has 1025 char"),
        (
            {"attributes": MARKED, "ended": micros(START + timedelta(minutes=11))},
            "more than 10 minutes in the future",
        ),
        (
            {"service": "legacy", "name": "post", "attributes": {"kind": "receipt"}},
            "receipt.id: a milestone needs",
        ),
    ],
)
def test_a_bad_milestone_is_a_dead_letter(change: dict[str, Any], reason: str) -> None:
    found = reader(CONTRACT).read([row(**change), row(attributes=MARKED)])
    assert len(found.milestones) == len(found.received) == 1
    (refusal,) = found.refusals
    assert reason in refusal.letter.reason
    assert refusal.letter.event_id == f"{TRACE}:{SPAN}"
    assert refusal.letter.owner == ("erp-platform" if "service" in change else "")
    assert json.loads(refusal.payload)["span_id"] == SPAN


def test_what_can_be_no_object_is_none() -> None:
    ids = json.dumps(["P-1", "p" * 1025, "p" * 1024])
    attributes = {"business.object.order": ids, "business.object.a:b": "1"}
    found = reader().read([row(attributes=attributes)])
    assert [named.object.id for named in found.objects] == ["P-1", "p" * 1024]


def test_objects_are_found_with_and_without_a_milestone() -> None:
    found = reader().read([row(attributes={"business.object.order": '["P-1","P-2"]'})])
    assert not found.milestones
    assert [(o.object.id, o.trace_id, o.occurred_at) for o in found.objects] == [
        ("P-1", TRACE, START),
        ("P-2", TRACE, START),
    ]


def test_what_cannot_matter_is_told_from_the_bytes() -> None:
    assert reader().may_matter(b"..business.milestone..")
    assert not reader().may_matter(b"plain")
    assert reader(CONTRACT).may_matter(b"..legacy..")
