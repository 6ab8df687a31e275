import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.cloudevents import BATCHED, STRUCTURED
from collector.milestones import MilestoneReader, Reading
from suture.contracts.milestone import Milestone, Outcome
from suture.contracts.objects import ObjectRef
from suture.definitions.catalog import Catalog, load_catalog
from suture.definitions.event_contract import EventContract
from suture.definitions.process import ProcessDefinition

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEALTHCARE = Path(__file__).parents[2] / "deploy" / "config" / "healthcare"

PROCESS = ProcessDefinition.model_validate(
    {
        "process": "p",
        "title": "P",
        "domain": "supply",
        "owner": "o",
        "anchor": "requisition",
        "milestones": [{"name": "requisition_approved", "system": "erp-core"}],
        "starts_with": "requisition_approved",
        "completes_with": "requisition_approved",
    }
)
CONTRACT = EventContract.model_validate(
    {
        "contract": "com.erp.approved",
        "version": "1",
        "owner": "erp-team",
        "system": "erp",
        "milestone": "purchase_order_approved",
        "objects": {"purchase_order": "data.po"},
        "attributes": {"facility": "data.plant"},
    }
)
CATALOG = Catalog(processes={"p": PROCESS}, contracts={("com.erp.approved", "1"): CONTRACT})
NATIVE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "b7e3",
    "source": "/erp/mercy-west",
    "type": "suture.milestone",
    "time": "2026-11-22T09:14:03.120Z",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "data": {
        "milestone": "requisition_approved",
        "objects": [
            {"type": "requisition", "id": "R-10044"},
            {"type": "purchase_order", "id": "P-77"},
        ],
        "attributes": {"facility": "mercy-west", "amount": 1250.0, "tags": ["b", 1], "none": None},
        "outcome": "rejected",
        "reason": "over budget",
    },
}


def read(event: Any, content_type: str = STRUCTURED) -> Reading:
    reader = MilestoneReader(CATALOG)
    return reader.read({"content-type": content_type}, json.dumps(event).encode(), now=NOW)


def accepted(event: Any) -> Milestone:
    reading = read(event)
    assert reading.rejected == []
    (milestone,) = reading.accepted
    return milestone


def with_data(**change: Any) -> dict[str, Any]:
    return {**NATIVE, "data": {**NATIVE["data"], **change}}


def test_the_native_event_of_the_design() -> None:
    assert accepted(NATIVE) == Milestone(
        source="/erp/mercy-west",
        id="b7e3",
        milestone="requisition_approved",
        occurred_at=datetime(2026, 11, 22, 9, 14, 3, 120_000, tzinfo=UTC),
        objects=(
            ObjectRef(type="requisition", id="R-10044"),
            ObjectRef(type="purchase_order", id="P-77"),
        ),
        environment="production",
        system="erp-core",
        attributes={"facility": "mercy-west", "amount": "1250.0", "tags": '["b",1]'},
        outcome=Outcome.REJECTED,
        reason="over budget",
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        span_id="00f067aa0ba902b7",
        extensions={"traceparent": NATIVE["traceparent"]},
    )


@pytest.mark.parametrize(
    ("event", "system"),
    [
        (with_data(system="given"), "given"),
        (NATIVE, "erp-core"),
        (with_data(milestone="unknown_one"), "erp"),
        ({**with_data(milestone="m"), "source": "https://host.example/wfm/x"}, "wfm"),
        ({**with_data(milestone="m"), "source": "https://host.example"}, "host.example"),
        ({**with_data(milestone="m"), "source": "urn:erp"}, "erp"),
    ],
)
def test_where_the_system_comes_from(event: Any, system: str) -> None:
    assert accepted(event).system == system


@pytest.mark.parametrize(
    ("event", "environment"),
    [
        (NATIVE, "production"),
        ({**NATIVE, "deploymentenvironment": "staging"}, "staging"),
        (with_data(environment="test"), "test"),
        ({**with_data(environment="test"), "deploymentenvironment": "staging"}, "staging"),
    ],
)
def test_where_the_environment_comes_from(event: Any, environment: str) -> None:
    assert accepted(event).environment == environment


def test_understood_extensions_are_stored_and_others_are_not() -> None:
    given = {
        "recordedtime": "2026-11-22T09:15:00Z",
        "correlationid": "c",
        "causationid": "d",
        "bampid": "p",
        "dataclassification": "phi",
        "expirytime": "2027-01-01T00:00:00Z",
    }
    milestone = accepted({**NATIVE, **given, "somethingelse": "x"})
    assert milestone.extensions == {**given, "traceparent": NATIVE["traceparent"]}


def test_bamtxid_is_one_object_among_others() -> None:
    milestone = accepted({**NATIVE, "bamtxid": "tx-1"})
    assert milestone.objects[-1] == ObjectRef(type="bamtxid", id="tx-1")
    assert len(milestone.objects) == 3
    assert milestone.extensions["bamtxid"] == "tx-1"


def test_a_transaction_alone_is_an_object() -> None:
    event = {**with_data(objects=None), "bamtxid": "tx-1"}
    assert accepted(event).objects == (ObjectRef(type="bamtxid", id="tx-1"),)


@pytest.mark.parametrize(
    ("given", "sequence"), [({"sequence": "17"}, 17), ({"sequence": 3}, 3), ({"sequence": "0B"}, 0)]
)
def test_sequence(given: dict[str, Any], sequence: int) -> None:
    assert accepted({**NATIVE, **given}).sequence == sequence


@pytest.mark.parametrize("value", ["", "garbage", "00-" + "0" * 32 + "-00f067aa0ba902b7-01"])
def test_a_traceparent_that_makes_no_sense_is_ignored(value: str) -> None:
    event = {**NATIVE, "traceparent": value}
    assert accepted(event).trace_id == ""


@pytest.mark.parametrize(
    "time", ["1948-01-26T22:59:00Z", "2020-04-09T21:59:00Z", "2026-11-22T12:10:00Z"]
)
def test_events_of_any_age_are_accepted(time: str) -> None:
    accepted({**NATIVE, "time": time})


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({**NATIVE, "id": None}, "id: is required"),
        ({**NATIVE, "time": None}, "time: is required"),
        ({**NATIVE, "time": "2026-11-22T12:10:00.001Z"}, "more than 10 minutes in the future"),
        ({**NATIVE, "time": "1899-12-31T23:59:59Z"}, "time: 1899-12-31T23:59:59Z is before 1900"),
        ({**NATIVE, "data": None}, "data: has to be a JSON object"),
        ({**NATIVE, "data": [1]}, "data: has to be a JSON object"),
        (with_data(milestone=None), "data.milestone: is required"),
        (with_data(milestone=" "), "data.milestone: is empty"),
        (with_data(milestone=5), "data.milestone: has to be text"),
        (with_data(objects=None), "data.objects: has to be a list of at least one {type, id}"),
        (with_data(objects=[]), "data.objects: has to be a list"),
        (with_data(objects={"type": "a", "id": "b"}), "data.objects: has to be a list"),
        (with_data(objects=[{"type": "a", "id": "b"}, 5]), "data.objects[1]: has to be an object"),
        (with_data(objects=[{"id": "b"}]), "data.objects[0].type: has to be text"),
        (with_data(objects=[{"type": "a:b", "id": "b"}]), "data.objects[0].type: "),
        (with_data(objects=[{"type": "a", "id": ""}]), "data.objects[0].id: has to be text"),
        (with_data(objects=[{"type": "a", "id": 1.5}]), "data.objects[0].id: has to be text"),
        (
            with_data(objects=[{"type": "a", "id": "b" * 1025}]),
            "objects[0].id: has 1025 characters",
        ),
        (
            with_data(objects=[{"type": "a" * 257, "id": "b"}]),
            "objects[0].type: has 257 characters",
        ),
        (with_data(milestone="m" * 257), "milestone: has 257 characters, 256 are taken"),
        ({**NATIVE, "id": "i" * 2049}, "id: has 2049 characters"),
        ({**NATIVE, "source": "/" * 2049}, "source: has 2049 characters"),
        ({**NATIVE, "bamtxid": "t" * 1025}, "].id: has 1025 characters"),
        (with_data(attributes=[1]), "data.attributes: has to be an object"),
        (with_data(outcome="maybe"), "data.outcome: 'maybe' is none of ok, failed, rejected"),
        (with_data(outcome=["ok"]), "data.outcome: ['ok'] is none of"),
        (with_data(reason=5), "data.reason: has to be text"),
        (with_data(sequence="1"), "data.sequence: '1' is not a whole number"),
        ({**NATIVE, "type": "com.unknown"}, "there is no event contract for 'com.unknown'"),
        (17, "an event has to be a JSON object"),
    ],
)
def test_a_refused_event_names_the_field_and_is_kept_whole(event: Any, reason: str) -> None:
    reading = read(event)
    assert reading.accepted == []
    (rejection,) = reading.rejected
    assert reason in rejection.reason
    (refusal,) = reading.refusals
    assert refusal.letter.reason == rejection.reason
    assert json.loads(refusal.payload) == event
    assert refusal.letter.door == "milestones"
    assert refusal.letter.payload_bytes == len(refusal.payload)


def test_one_bad_event_of_a_batch_spoils_no_other() -> None:
    batch = [NATIVE, {**NATIVE, "id": "bad", "time": "2099-01-01T00:00:00Z"}, {**NATIVE, "id": "c"}]
    reading = read(batch, BATCHED)
    assert [m.id for m in reading.accepted] == ["b7e3", "c"]
    assert [(r.index, r.id) for r in reading.rejected] == [(1, "bad")]


def test_a_contract_maps_the_event_and_adds_what_extensions_say() -> None:
    event = {
        **NATIVE,
        "type": "com.erp.approved",
        "deploymentenvironment": "staging",
        "sequence": "4",
        "data": {"po": "P-1", "plant": "west"},
    }
    milestone = accepted(event)
    assert milestone.milestone == "purchase_order_approved"
    assert milestone.objects == (ObjectRef(type="purchase_order", id="P-1"),)
    assert (milestone.system, milestone.contract, milestone.contract_version) == (
        "erp",
        "com.erp.approved",
        "1",
    )
    assert (milestone.environment, milestone.sequence) == ("staging", 4)
    assert milestone.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_a_contract_without_an_object_is_a_dead_letter_of_its_owner() -> None:
    reading = read({**NATIVE, "type": "com.erp.approved", "data": {"po": None}})
    assert "none of data.po gives an object" in reading.rejected[0].reason
    assert reading.refusals[0].letter.owner == "erp-team"


def test_a_contract_s_event_in_the_future_is_its_owner_s_matter() -> None:
    event = {
        **NATIVE,
        "type": "com.erp.approved",
        "time": "2099-01-01T00:00:00Z",
        "data": {"po": 1},
    }
    reading = read(event)
    assert "in the future" in reading.rejected[0].reason
    assert reading.refusals[0].letter.owner == "erp-team"


def test_the_same_refusal_has_the_same_id_at_any_time() -> None:
    body = json.dumps({**NATIVE, "id": None}).encode()
    reader = MilestoneReader(CATALOG)
    headers = {"content-type": STRUCTURED}
    first, second = (
        reader.read(headers, body, now=NOW + timedelta(days=d)).refusals[0].letter for d in (0, 1)
    )
    assert first.id == second.id
    assert first.received_at != second.received_at


def test_the_shipped_configuration_gives_a_reader() -> None:
    MilestoneReader(load_catalog(HEALTHCARE))
