"""What a new version of a contract takes away from whom."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from suture.app.cli import suture
from suture.definitions.catalog import Catalog, load_catalog
from suture.definitions.contract_changes import changes, successions
from suture.definitions.contract_fields import Absence, absent_fields
from suture.definitions.event_contract import EventContract
from suture.errors import DefinitionError

PROCESS = {
    "process": "p",
    "title": "P",
    "domain": "supply",
    "owner": "team",
    "anchor": "order",
    "paths": [{"from": "order", "to": "receipt"}],
    "objects": {"receipt": {"scope": "site"}},
    "milestones": [{"name": "ordered"}, {"name": "received"}],
    "starts_with": "ordered",
    "completes_with": {"milestone": "received", "occurrence": "last", "expect": "lines"},
    "facets": ["facility", "priority"],
    "money": "amount",
}
SLA = {
    "sla": "quick",
    "title": "Q",
    "process": "p",
    "kind": "duration",
    "from": "ordered",
    "to": "received",
    "within": "1h",
    "segments": [{"when": {"priority": "urgent"}, "within": "30m"}],
}
OLD = {
    "contract": "c",
    "version": "1",
    "owner": "team",
    "system": "erp",
    "milestone": "received",
    "objects": {"order": "data.order", "receipt": "data.receipt"},
    "attributes": {
        name: f"data.{name}"
        for name in ("facility", "priority", "amount", "lines", "site", "unused")
    },
    "outcome": "data.status == 'NO' && 'rejected' || 'ok'",
}


def contract(**change: Any) -> EventContract:
    return EventContract.model_validate({**OLD, **change})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place, name, content in (("processes", "p", PROCESS), ("slas", "quick", SLA)):
        (tmp_path / place).mkdir()
        (tmp_path / place / f"{name}.yaml").write_text(json.dumps(content))
    (tmp_path / "contracts").mkdir()
    return tmp_path


@pytest.fixture
def catalog(folder: Path) -> Catalog:
    return load_catalog(folder)


def without(kind: str, *names: str) -> dict[str, Any]:
    return {kind: {k: v for k, v in OLD[kind].items() if k not in names}}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "field", "user"),
    [
        (without("attributes", "facility"), "attributes.facility", "process p (facet)"),
        (without("attributes", "priority"), "attributes.priority", "SLA quick"),
        (without("attributes", "amount"), "attributes.amount", "process p (money)"),
        (without("attributes", "lines"), "attributes.lines", "process p (expect)"),
        (without("attributes", "site"), "attributes.site", "object type receipt (scope)"),
        (without("objects", "order"), "objects.order", "process p (anchor)"),
        ({"milestone": "ordered"}, "milestone", "SLA quick"),
        ({"outcome": None}, "outcome", "process p"),
    ],
)
def test_what_is_used_may_not_disappear(
    catalog: Catalog, change: dict[str, Any], field: str, user: str
) -> None:
    (found,) = changes(contract(), contract(version="2", **change), catalog)
    assert found.breaking
    assert found.field == field
    assert user in found.used_by


def test_what_nobody_uses_or_what_is_dropped_on_purpose_may(catalog: Catalog) -> None:
    (found,) = changes(contract(), contract(**without("attributes", "unused")), catalog)
    assert not found.breaking
    dropped = contract(drops=["facility"], **without("attributes", "facility"))
    (found,) = changes(contract(), dropped, catalog)
    assert not found.breaking
    assert changes(contract(), contract(version="2", owner="other"), catalog) == []


def test_a_field_that_the_new_schema_does_not_know_is_missed(catalog: Catalog) -> None:
    names = {name: {} for name in ("order", "receipt", "status", *OLD["attributes"])}  # type: ignore[misc]
    old = contract().model_copy(update={"schema_document": {"properties": names}})
    fewer = {name: of for name, of in names.items() if name not in ("facility", "status")}
    new = contract().model_copy(update={"schema_document": {"properties": fewer}})
    assert [(c.field, c.breaking) for c in changes(old, new, catalog)] == [
        ("attributes.facility", True),
        ("outcome", True),
    ]


SCHEMA = {
    "properties": {
        "lines": {"items": {"$ref": "#/$defs/line"}},
        "open": {},
        "closed": {"properties": {"a": {}}, "additionalProperties": False},
        "either": {"properties": {}, "anyOf": [{}]},
    },
    "$defs": {"line": {"properties": {"id": {}}}},
}


@pytest.mark.parametrize(
    ("expression", "absent"),
    [
        ("data.lines[].id", []),
        ("data.lines[].no", ["data.lines[].no"]),
        ("data.lines[0].no", ["data.lines[].no"]),
        ("data.lines[*].no", ["data.lines[].no"]),
        ("data.lines[1:2].no", ["data.lines[].no"]),
        ("data.lines[?kind == 'x'].id", ["data.lines[].kind"]),
        ("data.open.anything.at.all", []),
        ("data.closed.a", []),
        ("data.closed.b", ["data.closed.b"]),
        ("data.either.x", []),
        ("data.no || data.open", []),
        ("data.no || data.nor", ["data.no", "data.nor"]),
        ("length(data.no)", ["data.no"]),
        ("subject", []),
        ("data.*.x", []),
    ],
)
def test_which_fields_of_an_expression_a_schema_does_not_know(
    expression: str, absent: list[str]
) -> None:
    assert sorted(a.path for a in absent_fields(expression, SCHEMA)) == absent


def test_a_field_that_may_not_be_there_is_told_apart() -> None:
    (found,) = absent_fields("data.closed.b", SCHEMA)
    assert found == Absence(path="data.closed.b", forbidden=True)


def test_versions_follow_each_other_by_their_numbers() -> None:
    live = [contract(version=version) for version in ("10", "9", "1.2", "1.10")]
    catalog = Catalog(contracts={("c", c.version): c for c in live})
    pairs = [(old.version, new.version) for old, new in successions(catalog)]
    assert pairs == [("1.2", "1.10"), ("1.10", "9"), ("9", "10")]


def test_config_check_names_who_uses_what_disappears(folder: Path) -> None:
    second = {**OLD, "version": "2", **without("attributes", "facility")}
    path = folder / "contracts" / "c.yaml"
    path.write_text(json.dumps([OLD, second]))
    with pytest.raises(DefinitionError) as caught:
        CliRunner().invoke(suture, ["config", "check", str(folder)], catch_exceptions=False)
    (problem,) = caught.value.problems
    assert problem.entry == "c version 2"
    assert problem.field == "attributes.facility"
    assert "used by process p (facet)" in problem.message
    path.write_text(json.dumps([OLD, {**second, "drops": ["facility"]}]))
    done = CliRunner().invoke(suture, ["config", "check", str(folder)])
    assert done.exit_code == 0, done.output


def test_compare_says_who_breaks(folder: Path) -> None:
    old, new = folder / ".old.yaml", folder / ".new.yaml"
    old.write_text(json.dumps(OLD))
    new.write_text(json.dumps({**OLD, "version": "2", **without("objects", "receipt")}))
    where = ["--config", str(folder)]
    told = CliRunner().invoke(suture, ["contracts", "compare", str(old), str(new), *where])
    assert told.exit_code == 1
    assert "breaks  objects.receipt: the object type disappears; used by process p" in told.output
    same = CliRunner().invoke(suture, ["contracts", "compare", str(old), str(old), *where])
    assert same.exit_code == 0
    assert "nothing that was given disappears" in same.output


def test_check_shows_what_a_sample_becomes(folder: Path) -> None:
    (folder / "contracts" / "c.yaml").write_text(json.dumps({**OLD, "milestone": "ordered"}))
    event = {
        "specversion": "1.0", "id": "1", "source": "/erp", "type": "c",
        "time": "2026-11-20T10:00:00Z", "data": {"order": "O-1", "receipt": 7, "site": "w"},
    }  # fmt: skip
    sample = folder / ".sample.jsonl"
    sample.write_text("\n".join(json.dumps({**event, "type": type_}) for type_ in ("c", "d")))
    new = folder / ".new.yaml"
    new.write_text(json.dumps(OLD))
    command = ["contracts", "check", str(sample), "--config", str(folder), "--contract", str(new)]
    told = CliRunner().invoke(suture, command)
    assert told.exit_code == 1
    for line in (
        "event 1 (/erp, 1): received",
        "contract    c version 1",
        "object      order O-1",
        "object      receipt 7 in w",
        "attribute   site = w",
        "used by     process p, SLA quick",
        "event 2 (/erp, 1): REFUSED",
        "reason      type: there is no event contract for 'd'",
        "owner       nobody is named",
    ):
        assert line in told.output, told.output
    sample.write_text(json.dumps(event))
    assert CliRunner().invoke(suture, command).exit_code == 0
