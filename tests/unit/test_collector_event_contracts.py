import json
from pathlib import Path
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
    assert error.message.startswith(
        f"contract {TYPE} version 2: data.poNumber: is of type integer, not string"
    )
    assert error.owner == "erp-procurement"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objects": {"o": "data"}}, "objects.o: .* neither text nor a whole number"),
        ({"attributes": {"n": "length(data.none)"}}, "attributes.n: "),
        ({"outcome": "data.plant"}, "outcome: 'data.plant' gives none of ok, failed, rejected"),
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


@pytest.mark.parametrize(
    ("named", "version"),
    [
        ({}, "2"),
        ({"dataversion": "1.10"}, "1.10"),
        ({"version": "2026-04"}, "2026-04"),
        ({"dataschema": "https://schemas.example/po/2026-04"}, "2026-04"),
        ({"dataschema": "https://schemas.example/po/v1.10.json"}, "1.10"),
        ({"dataschema": "urn:po:2"}, "2"),
        ({"dataschema": "https://schemas.example/po"}, "2"),
    ],
)
def test_of_several_versions_the_named_one_else_the_default_maps(
    named: dict[str, str], version: str
) -> None:
    live = [contract(version=v, default=v == "2") for v in ("1.10", "2", "2026-04")]
    assert contracts(*live).map(event(DATA, **named)).contract.version == version


def test_a_version_with_a_dot_is_text_too() -> None:
    live = [contract(version=v) for v in ("1.1", "2")]
    error = broken(contracts(*live), event(DATA, dataversion="1.10"))
    assert "there is no version '1.10'" in error.message
    assert "several versions" in broken(contracts(*live), event(DATA)).message
    with pytest.raises(ValueError, match="in quotes"):
        contract(version=1.10)


def test_every_violation_is_named_with_its_path_and_without_what_was_sent() -> None:
    schema = {
        "type": "object",
        "required": ["poNumber", "plant"],
        "properties": {
            "poNumber": {"pattern": "^P-"},
            "lines": {"items": {"properties": {"n": {"type": "integer", "minimum": 1}}}},
            "kind": {"enum": ["a", "b"]},
        },
        "additionalProperties": False,
    }
    strict = contract().model_copy(update={"schema_document": schema})
    data = {"poNumber": "SECRET", "lines": [{"n": 0}, {"n": "SECRET"}], "kind": "SECRET", "X": 1}
    error = broken(contracts(strict), event(data))
    assert error.owner == "erp-procurement"
    assert "SECRET" not in error.message
    for told in (
        "data: lacks 'plant'",
        "data: has properties that the schema does not know",
        "data.kind: is none of a, b",
        "data.lines[0].n: breaks the schema's minimum 1",
        "data.lines[1].n: is of type string, not integer",
        "data.poNumber: does not have the pattern '^P-'",
    ):
        assert told in error.message


def test_violations_are_counted_beyond_those_that_are_told() -> None:
    schema = {"items": {"type": "integer"}}
    strict = contract().model_copy(update={"schema_document": schema})
    message = broken(contracts(strict), event(["x"] * 50)).message
    assert message.endswith("; and 30 more")


@pytest.mark.parametrize(
    "reference", ["https://example.org/other.json", "other.json", "#/$defs/no"]
)
def test_a_schema_refers_to_nothing_outside_itself(tmp_path: Path, reference: str) -> None:
    (tmp_path / "s.json").write_text(json.dumps({"properties": {"a": {"$ref": reference}}}))
    with pytest.raises(ValueError, match="leads to nothing"):
        contract(schema="s.json").with_schema(tmp_path)


def test_nesting_without_end_is_refused() -> None:
    recursive = {"properties": {"a": {"$ref": "#"}}, "additionalProperties": False}
    strict = contract().model_copy(update={"schema_document": recursive})
    data: dict[str, Any] = {}
    for _ in range(900):
        data = {"a": data}
    with pytest.raises(ContractBroken, match=r"nests too deeply|does not know"):
        contracts(strict).map(event(data | {"b": 1}))
