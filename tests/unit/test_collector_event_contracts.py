from typing import Any

import pytest

from collector.cloudevents import CloudEvent, check_event
from collector.event_contracts import ContractBroken, EventContracts, named_version
from suture.contracts.milestone import Outcome
from suture.contracts.objects import ObjectRef
from suture.definitions.event_contract import EventContract

TYPE = "com.mercy.erp.purchase_order.approved"
SCHEMA = {
    "type": "object",
    "required": ["poNumber"],
    "properties": {"poNumber": {"type": "string"}, "total": {"type": "number", "minimum": 0}},
}


def contract(**change: Any) -> EventContract:
    return EventContract.model_validate(
        {
            "contract": TYPE,
            "version": 2,
            "owner": "erp-procurement",
            "system": "erp",
            "milestone": "purchase_order_approved",
            "objects": {
                "purchase_order": "data.poNumber",
                "requisition": "data.lines[].requisitionId",
            },
            "attributes": {"facility": "data.plant", "amount": "data.total"},
            "outcome": "data.status == 'REJECTED' && 'rejected' || 'ok'",
            **change,
        }
    )


def contracts(*given: EventContract) -> EventContracts:
    return EventContracts({(c.contract, c.version): c for c in given or (contract(),)})


def event(data: Any, **change: Any) -> CloudEvent:
    return check_event(
        {"specversion": "1.0", "id": "1", "source": "/erp", "type": TYPE, "data": data, **change}
    )


DATA = {
    "poNumber": "P-1",
    "lines": [{"requisitionId": "R-1"}, {"requisitionId": "R-2"}],
    "plant": "west",
    "total": 1250.0,
}


def test_a_list_makes_several_objects() -> None:
    mapped = contracts().map(event(DATA))
    assert mapped.objects == (
        ObjectRef(type="purchase_order", id="P-1"),
        ObjectRef(type="requisition", id="R-1"),
        ObjectRef(type="requisition", id="R-2"),
    )
    assert mapped.attributes == {"facility": "west", "amount": "1250.0"}
    assert mapped.outcome is Outcome.OK


def test_the_outcome_is_an_expression() -> None:
    assert contracts().map(event({**DATA, "status": "REJECTED"})).outcome is Outcome.REJECTED


def test_expressions_see_the_whole_event() -> None:
    mapped = contracts(contract(objects={"order": "subject"})).map(event({}, subject="S-9"))
    assert mapped.objects == (ObjectRef(type="order", id="S-9"),)


def test_numbers_are_ids_and_missing_values_are_none() -> None:
    mapped = contracts().map(event({"poNumber": 4500, "lines": None}))
    assert mapped.objects == (ObjectRef(type="purchase_order", id="4500"),)
    assert mapped.attributes == {}


def broken(contracts_: EventContracts, given: CloudEvent) -> ContractBroken:
    with pytest.raises(ContractBroken) as caught:
        contracts_.map(given)
    return caught.value


def test_an_unknown_type_is_named_and_has_no_owner() -> None:
    error = broken(contracts(), event(DATA, type="com.other"))
    assert error.message == "type: there is no event contract for 'com.other'"
    assert error.owner == ""


def test_a_schema_violation_names_the_place_and_the_owner() -> None:
    strict = contract().model_copy(update={"schema_document": SCHEMA})
    error = broken(contracts(strict), event({"poNumber": 5}))
    assert error.message.startswith(f"contract {TYPE} version 2: data.poNumber: 5 is not of type")
    assert error.owner == "erp-procurement"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objects": {"o": "data"}}, "objects.o: .* neither text nor a whole number"),
        ({"attributes": {"n": "length(data.none)"}}, "attributes.n: "),
        ({"outcome": "data.plant"}, "outcome: 'west' is none of ok, failed, rejected"),
    ],
)
def test_what_expressions_give_is_checked(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractBroken, match=message):
        contracts(contract(**change)).map(event(DATA))


TWO = (contract(version="1"), contract(version="2", milestone="newer"))


@pytest.mark.parametrize(
    ("change", "version"),
    [
        ({"dataversion": "1"}, "1"),
        ({"version": "2"}, "2"),
        ({"dataversion": 2}, "2"),
        ({"dataschema": "https://x.example/order/v2"}, "2"),
        ({"dataschema": "urn:order.v1.json"}, "1"),
        ({"dataschema": "https://x.example/order/2"}, "2"),
        ({"dataschema": "https://x.example/order/2/"}, "2"),
        ({"dataschema": "https://x.example/v2/order"}, None),
        ({}, None),
    ],
)
def test_where_the_version_stands(change: dict[str, Any], version: str | None) -> None:
    given = event(DATA, **change)
    assert named_version(given) == version
    if version is not None:
        assert contracts(*TWO).map(given).contract.version == version


def test_without_a_version_the_only_live_one_counts() -> None:
    assert contracts(TWO[1]).map(event(DATA)).contract.milestone == "newer"


def test_without_a_version_several_live_ones_are_ambiguous() -> None:
    error = broken(contracts(*TWO), event(DATA))
    assert "several versions" in error.message
    assert "(1, 2)" in error.message
    assert error.owner == "erp-procurement"


def test_a_version_that_is_not_live_is_named() -> None:
    error = broken(contracts(*TWO), event(DATA, version="3"))
    assert "there is no version '3'" in error.message
    assert "live: 1, 2" in error.message


def test_versions_compare_as_text() -> None:
    assert "no version '2.0'" in broken(contracts(), event(DATA, version="2.0")).message
