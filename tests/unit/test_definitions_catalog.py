"""A configuration directory: what is right is read, what is wrong named by file, entry, field."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from suture.definitions.catalog import Catalog, load_catalog
from suture.definitions.process_versions import version_at
from suture.errors import DefinitionError, Problem

HEALTHCARE = Path(__file__).parents[2] / "deploy" / "config" / "healthcare"

PROCESS = """
process: fulfilment
title: Fulfilment
domain: supply
owner: supply
anchor: requisition
paths:
  - {from: requisition, to: purchase_order, cardinality: many_to_many}
objects:
  requisition: {normalize: [trim, upper]}
milestones:
  - {name: created, system: portal}
  - {name: approved, system: erp, kind: manual}
  - {name: received}
  - {name: cancelled}
starts_with: created
completes_with: received
ends_with: [cancelled]
facets: [facility]
"""
SLA = """
sla: cycle-time
title: In time
process: fulfilment
kind: duration
from: created
to: received
within: 16h
segments:
  - {when: {facility: west}, within: 4h}
"""
CONTRACT = """
contract: com.example.order
version: 2
owner: supply
system: erp
milestone: approved
objects: {purchase_order: data.poNumber, requisition: "data.lines[].requisitionId"}
attributes: {facility: data.plant}
outcome: "data.status == 'REJECTED' && 'rejected' || 'ok'"
schema: schemas/order.json
"""
SPAN_CONTRACT = """
span_contract: posting
owner: supply
system: erp
match: {service: erp-api, span_name: POST /orders}
milestone: approved
objects: {purchase_order: order.id}
"""
SYSTEMS = """
systems:
  portal: {role: application, services: [supply-portal], heartbeat: 15m}
  erp: {role: system_of_record, services: [erp-api, erp-worker]}
"""
OWNERS = """
teams:
  supply: {contacts: [{channel: log, to: supply}], escalate: [{after: 1h, to: desk}]}
  desk: {}
rules:
  - {process: fulfilment, cause: downstream, team: supply}
  - {team: desk}
"""
FILES = {
    "processes/fulfilment.yaml": PROCESS,
    "slas/cycle_time.yaml": SLA,
    "contracts/order.yaml": CONTRACT,
    "contracts/posting.yml": SPAN_CONTRACT,
    "contracts/schemas/order.json": json.dumps({"type": "object"}),
    "systems.yaml": SYSTEMS,
    "owners.yaml": OWNERS,
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes the files above, with changes: another content, or None for no such file."""

    def write_files(**changes: str | None) -> Path:
        renamed = {name.replace("__", "/").replace("_DOT_", "."): t for name, t in changes.items()}
        for name, text in (FILES | renamed).items():
            if text is not None:
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(dedent(text), encoding="utf-8")
        return tmp_path

    return write_files


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


def problems(folder: Path) -> list[Problem]:
    with pytest.raises(DefinitionError) as caught:
        load_catalog(folder)
    return list(caught.value.problems)


def only(folder: Path) -> Problem:
    found = problems(folder)
    assert len(found) == 1, "\n".join(map(str, found))
    return found[0]


def test_a_right_directory(write: Callable[..., Path]) -> None:
    catalog = load_catalog(write())
    assert list(catalog.processes) == ["fulfilment"]
    assert catalog.slas_of("fulfilment") == [catalog.slas["cycle-time"]]
    assert catalog.slas_of("another") == []
    assert catalog.contracts["com.example.order", "2"].schema_document == {"type": "object"}
    assert catalog.span_contracts["posting"].match.service == "erp-api"
    assert catalog.service_systems == {
        "supply-portal": "portal",
        "erp-api": "erp",
        "erp-worker": "erp",
    }
    assert list(catalog.object_types) == ["requisition"]
    assert catalog.processes["fulfilment"].object_types == {"requisition", "purchase_order"}
    assert catalog.processes["fulfilment"].carried_attributes == ("facility",)


def test_the_shipped_configuration() -> None:
    catalog = load_catalog(HEALTHCARE)
    assert {"requisition_to_fulfilment", "procedure_schedule_to_staffing"} <= set(catalog.processes)
    assert all(sla.process in catalog.processes for sla in catalog.slas.values())
    assert all(catalog.slas_of(name) for name in catalog.processes)
    assert len(catalog.systems) >= 6
    assert catalog.owners.rules


def test_an_empty_directory_declares_nothing(tmp_path: Path) -> None:
    assert load_catalog(tmp_path) == Catalog()


def test_several_definitions_in_one_file(write: Callable[..., Path]) -> None:
    another = changed(SLA, "cycle-time", "another")
    text = "".join(
        f"- {'  '.join(one.lstrip().splitlines(keepends=True))}" for one in (SLA, another)
    )
    assert set(load_catalog(write(slas__cycle_time_DOT_yaml=text)).slas) == {
        "cycle-time",
        "another",
    }


def test_every_mistake_is_shown_at_once_in_order(write: Callable[..., Path]) -> None:
    folder = write(
        processes__fulfilment_DOT_yaml=changed(PROCESS, "domain: supply", "domain: sales"),
        slas__cycle_time_DOT_yaml=changed(SLA, "within: 16h", "within: soon"),
        systems_DOT_yaml=changed(SYSTEMS, "role: application", "role: thing"),
    )
    found = problems(folder)
    assert [problem.file for problem in found] == [
        "processes/fulfilment.yaml",
        "slas/cycle_time.yaml",
        "systems.yaml",
    ]
    with pytest.raises(DefinitionError, match=r"domain.*\n.*within.*\n.*systems\.portal\.role"):
        load_catalog(folder)


# --- files


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("cardinality: many_to_many", "cardinality: some", "paths.0.cardinality"),
        ("completes_with: received", "completes_with: recieved", "completes_with"),
        ("process: fulfilment", "proces: fulfilment", "proces"),
        ("process: fulfilment", "process: [fulfilment", ""),
    ],
)
def test_nothing_is_held_against_rules_about_a_process_that_is_there_and_wrong(
    write: Callable[..., Path], old: str, new: str, field: str
) -> None:
    found = problems(write(processes__fulfilment_DOT_yaml=changed(PROCESS, old, new)))
    assert {p.file for p in found} == {"processes/fulfilment.yaml"}
    assert field in {p.field for p in found}


def test_a_rule_about_no_process_is_named_beside_a_wrong_process(
    write: Callable[..., Path],
) -> None:
    folder = write(
        processes__fulfilment_DOT_yaml=changed(PROCESS, "domain: supply", "domain: fun"),
        slas__other_DOT_yaml=changed(
            changed(SLA, "process: fulfilment", "process: fullfilment"), "cycle-time", "other"
        ),
    )
    assert {(p.file, p.field, p.message.split(";")[0]) for p in problems(folder)} >= {
        ("slas/other.yaml", "process", "there is no process 'fullfilment'")
    }
    assert {p.file for p in problems(folder)} == {"processes/fulfilment.yaml", "slas/other.yaml"}


def test_a_rule_is_not_held_against_older_versions_where_the_newest_is_wrong(
    write: Callable[..., Path],
) -> None:
    newer = changed(PROCESS, "title:", "version: 2\neffective_from: 2026-12-01\ntitle:")
    newer = changed(newer, "name: received}", "name: received}\n  - {name: delivered, kind: fun}")
    folder = write(
        processes__newer_DOT_yaml=newer,
        slas__cycle_time_DOT_yaml=changed(SLA, "to: received", "to: delivered"),
    )
    assert {p.file for p in problems(folder)} == {"processes/newer.yaml"}


@pytest.mark.parametrize("name", ["systems.yaml", "owners.yaml"])
def test_nothing_is_held_against_what_names_something_of_a_wrong_file(
    write: Callable[..., Path], name: str
) -> None:
    wrong = FILES[name] + "\nmore: 1\n"
    found = problems(write(**{name.replace(".", "_DOT_"): wrong}))
    assert [(p.file, p.field) for p in found] == [(name, "more")]


def test_no_directory(tmp_path: Path) -> None:
    assert only(tmp_path / "nowhere") == Problem(
        file=str(tmp_path / "nowhere"), message="no such directory"
    )


@pytest.mark.parametrize("name", ["process", "sla.yaml", "Systems.yaml"])
def test_an_unknown_entry(write: Callable[..., Path], name: str) -> None:
    folder = write()
    (folder / name).write_text("")
    problem = only(folder)
    assert problem.file == name
    assert problem.message.startswith("is none of the known entries: systems.yaml, owners.yaml")


@pytest.mark.parametrize("name", [".git", "README.md"])
def test_entries_that_are_nobodys_business(write: Callable[..., Path], name: str) -> None:
    folder = write()
    (folder / name).write_text("")
    load_catalog(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("just text", "expected a mapping, or a list of mappings"),
        ("- just text", "expected a mapping, or a list of mappings"),
        ("sla: a\nsla: b\n", "line 2: the key 'sla' stands twice"),
        ("sla: a\nsegments:\n  - {when: {x: 1, x: 2}}\n", "line 3: the key 'x' stands twice"),
        ("sla: [\n", "line 2: did not find expected node content"),
        ("sla: !!python/object:os.system x\n", "line 1: could not determine a constructor"),
        ("? [a, b]\n: c\n", "line 1: a key must be a single value"),
        ("sla: a\n\tb: c\n", "line 2: found a tab character that violates indentation"),
        ("sla: \x07\n", "not YAML"),
    ],
)
def test_a_file_that_is_no_definition(write: Callable[..., Path], text: str, message: str) -> None:
    problem = only(write(slas__cycle_time_DOT_yaml=text))
    assert (problem.file, problem.entry) == ("slas/cycle_time.yaml", "")
    assert problem.message.startswith(message)


def test_a_file_that_is_no_text(write: Callable[..., Path]) -> None:
    folder = write()
    (folder / "slas" / "cycle_time.yaml").write_bytes(b"sla: \xff\xfe")
    assert only(folder) == Problem(file="slas/cycle_time.yaml", message="not UTF-8 text")


def test_a_file_that_cannot_be_read(write: Callable[..., Path]) -> None:
    folder = write(slas__cycle_time_DOT_yaml=None)
    (folder / "slas" / "cycle_time.yaml").mkdir(parents=True)
    assert only(folder) == Problem(file="slas/cycle_time.yaml", message="Is a directory")


@pytest.mark.parametrize("name", ["systems", "owners"])
@pytest.mark.parametrize("text", ["[]", "- x", "text"])
def test_a_single_file_that_is_no_mapping(write: Callable[..., Path], name: str, text: str) -> None:
    # Without systems or teams nothing can be checked against them, so this is all there is to say.
    assert only(write(**{f"{name}_DOT_yaml": text})) == Problem(
        file=f"{name}.yaml", message="expected a mapping of names to values"
    )


def test_nothing_is_checked_against_what_is_not_declared(write: Callable[..., Path]) -> None:
    load_catalog(write(systems_DOT_yaml=None, owners_DOT_yaml=None))


# --- processes


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("title: Fulfilment\n", "", "title", "is required"),
        ("title: Fulfilment", "titel: x\ntitle: Fulfilment", "titel", "is not a known field"),
        ("domain: supply", "domain: sales", "domain", "Input should be 'supply', 'finance'"),
        ("title: Fulfilment", "version: 0\ntitle: x", "version", "Input should be greater than"),
        ("many_to_many", "many", "paths.0.cardinality", "Input should be 'one_to_one'"),
        ("to: purchase_order, ", "", "paths.0.to", "is required"),
        ("to: purchase_order", 'to: "a:b"', "paths.0.to", "'a:b' holds ':'"),
        ("[trim, upper]", "[trim, shout]", "objects.requisition.normalize.1", "Input should be"),
        ("requisition: {normalize", "ward: {normalize", "objects", "ward stands on no path"),
        ("kind: manual", "kind: magic", "milestones.1.kind", "Input should be 'system'"),
        ("{name: received}", "{name: created}", "milestones", "created declared twice"),
        ("starts_with: created", "starts_with: begun", "starts_with", "begun is not a declared"),
        ("starts_with: created", "starts_with: []", "starts_with", "names no milestone"),
        ("with: received", "with: done", "completes_with", "done is not a declared milestone"),
        ("ends_with: [cancelled]", "ends_with: [gone]", "ends_with", "gone is not a declared"),
        (
            "completes_with: received",
            "completes_with: {milestone: received, occurrence: last}",
            "completes_with",
            "occurrence 'last' needs 'expect'",
        ),
        (
            "completes_with: received",
            "completes_with: {milestone: received, occurrence: last, expect: 0}",
            "completes_with",
            "expect is 0: nothing would ever complete",
        ),
        (
            "completes_with: received",
            "completes_with: {milestone: received, expect: 3}",
            "completes_with",
            "expect needs occurrence 'last'",
        ),
        ("from: requisition", "from: ward", "paths", "ward cannot be reached from requisition"),
        (
            "to: purchase_order",
            "to: requisition",
            "paths.0.to",
            "requisition leads on to itself; name another type",
        ),
        ("facets: [facility]", 'facets: [" x"]', "facets.0", "' x' is not a name"),
        ("facets: [facility]", "stall_after: soon", "stall_after", "'soon' is not a duration"),
        ("{name: received}", "{name: received, optional: true}", "completes_with", "received is"),
        ("facets: [facility]", "effective_from: May", "effective_from", "Invalid isoformat"),
    ],
)
def test_a_wrong_process(
    write: Callable[..., Path], old: str, new: str, field: str, message: str
) -> None:
    folder = write(
        processes__fulfilment_DOT_yaml=changed(PROCESS, old, new), slas__cycle_time_DOT_yaml=None
    )
    problem = only(folder)
    assert (problem.file, problem.entry) == ("processes/fulfilment.yaml", "fulfilment")
    assert problem.field == field
    assert problem.message.startswith(message)


def test_the_same_path_twice(write: Callable[..., Path]) -> None:
    twice = changed(PROCESS, "paths:\n", "paths:\n  - {from: requisition, to: purchase_order}\n")
    problem = only(write(processes__fulfilment_DOT_yaml=twice, slas__cycle_time_DOT_yaml=None))
    assert (problem.field, problem.message) == ("paths", "the same two types stand twice")


def test_a_process_declared_twice(write: Callable[..., Path]) -> None:
    assert only(write(processes__again_DOT_yaml=PROCESS)) == Problem(
        file="processes/fulfilment.yaml",
        entry="fulfilment version 1",
        message="declared twice, also in processes/again.yaml",
    )


@pytest.mark.parametrize("other", ["[trim]", "[upper, trim]", "[]"])
def test_an_object_type_declared_differently(write: Callable[..., Path], other: str) -> None:
    another = changed(changed(PROCESS, "fulfilment", "another"), "[trim, upper]", other)
    problem = only(write(processes__later_DOT_yaml=another))
    assert (problem.file, problem.entry) == ("processes/later.yaml", "another")
    assert problem.field == "objects.requisition"
    assert problem.message == (
        "is declared differently in process fulfilment; object types are global"
    )


def test_an_object_type_declared_alike(write: Callable[..., Path]) -> None:
    load_catalog(write(processes__later_DOT_yaml=changed(PROCESS, "fulfilment", "another")))


# --- rules


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("process: fulfilment", "process: nonesuch", "process", "there is no process 'nonesuch'"),
        ("from: created", "from: begun", "from", "'begun' is not a milestone of fulfilment"),
        ("to: received", "to: done", "to", "'done' is not a milestone of fulfilment"),
        ("facility: west", "ward: x", "segments.when", "'ward' is not a facet of fulfilment"),
        ("within: 16h", "within: 16", "within", "16 is not a duration such as 30m"),
        ("within: 16h", "within: 0h", "within", "'0h' is not longer than nothing"),
        ("within: 4h", "within: never", "segments.0.within", "'never' is not a duration"),
        ("{when: {facility: west}, ", "{when: {}, ", "segments.0.when", "Dictionary should have"),
        ("kind: duration", "kind: karma", "kind", "'karma' is not one of completion and duration"),
        ("kind: duration\n", "", "kind", "None is not one of completion and duration"),
        ("to: received\n", "", "", "kind duration needs 'from' and 'to'"),
        ("within: 16h", "within: 16h\nat_risk: 120%", "at_risk", "'120%' is not between 0%"),
        ("within: 16h", "within: 16h\ntarget: often", "target", "'often' is not a share"),
        ("within: 16h", "within: 16h\nseverity: grave", "severity", "Input should be 'low'"),
        ("within: 16h", "within: 16h\nowner: nobody", "owner", "there is no team 'nobody'"),
        ("within: 16h", "within: 16h\ncalender: x", "calender", "is not a known field"),
    ],
)
def test_a_wrong_rule(
    write: Callable[..., Path], old: str, new: str, field: str, message: str
) -> None:
    problem = only(write(slas__cycle_time_DOT_yaml=changed(SLA, old, new)))
    assert (problem.file, problem.entry) == ("slas/cycle_time.yaml", "cycle-time")
    assert problem.field == field
    assert problem.message.startswith(message)


def test_a_rule_without_a_name(write: Callable[..., Path]) -> None:
    problem = only(write(slas__cycle_time_DOT_yaml=changed(SLA, "sla: cycle-time\n", "")))
    assert problem == Problem(file="slas/cycle_time.yaml", field="sla", message="is required")


# --- contracts


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("data.poNumber", '"data.["', "objects.purchase_order", "'data.[' is not a JMESPath"),
        ("data.plant", '"a b"', "attributes.facility", "'a b' is not a JMESPath expression"),
        ("data.status ==", "data.status =", "outcome", '"data.status = '),
        (
            "objects: {purchase_order: data.poNumber, ",
            "objects: {'a:b': x, ",
            "objects.a:b.[key]",
            "'a:b' holds ':'",
        ),
        ("version: 2\n", "", "version", "is required"),
        ("version: 2", "version: [2]", "version", "Input should be a valid string"),
        ("system: erp", "system: sap", "system", "there is no system 'sap' in systems.yaml"),
        ("owner: supply", "owner: nobody", "owner", "there is no team 'nobody' in owners.yaml"),
        ("order.json", "nowhere.json", "schema", "schemas/nowhere.json: No such file"),
    ],
)
def test_a_wrong_contract(
    write: Callable[..., Path], old: str, new: str, field: str, message: str
) -> None:
    problem = only(write(contracts__order_DOT_yaml=changed(CONTRACT, old, new)))
    assert (problem.file, problem.entry) == ("contracts/order.yaml", "com.example.order")
    assert problem.field == field
    assert problem.message.startswith(message)


@pytest.mark.parametrize("schema", ["{", "[1]", '{"type": "thing"}', '{"properties": 7}'])
def test_a_schema_that_is_none(write: Callable[..., Path], schema: str) -> None:
    assert only(write(contracts__schemas__order_DOT_json=schema)) == Problem(
        file="contracts/order.yaml",
        entry="com.example.order",
        field="schema",
        message="schemas/order.json is not a JSON Schema",
    )


def test_a_contract_declared_twice(write: Callable[..., Path]) -> None:
    again = write(contracts__again_DOT_yaml=changed(CONTRACT, "version: 2", 'version: "2"'))
    problem = only(again)
    assert problem.entry == "com.example.order version 2"
    assert problem.message == "declared twice, also in contracts/again.yaml"


def test_two_versions_of_a_contract(write: Callable[..., Path]) -> None:
    folder = write(contracts__newer_DOT_yaml=changed(CONTRACT, "version: 2", "version: 3"))
    assert set(load_catalog(folder).contracts) == {
        ("com.example.order", "2"),
        ("com.example.order", "3"),
    }


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("service: erp-api, ", "", "match.service", "is required"),
        ("objects: {purchase_order: order.id}", "objects: {}", "objects", "Dictionary should"),
        ("owner: supply", "owner: nobody", "owner", "there is no team 'nobody'"),
        ("system: erp", "system: sap", "system", "there is no system 'sap'"),
    ],
)
def test_a_wrong_span_contract(
    write: Callable[..., Path], old: str, new: str, field: str, message: str
) -> None:
    problem = only(write(contracts__posting_DOT_yml=changed(SPAN_CONTRACT, old, new)))
    assert (problem.file, problem.entry) == ("contracts/posting.yml", "posting")
    assert problem.field == field
    assert problem.message.startswith(message)


# --- the landscape


@pytest.mark.parametrize(
    ("old", "new", "entry", "field", "message"),
    [
        ("role: application", "role: thing", "", "systems.portal.role", "Input should be"),
        ("heartbeat: 15m", "heartbeat: often", "", "systems.portal.heartbeat", "'often' is not"),
        ("heartbeat: 15m", "heartbeat: 90s", "", "systems.portal.heartbeat", "a heartbeat is a"),
        (
            "heartbeat: 15m",
            "heartbeat_calendar: clinic-hours",
            "",
            "systems.portal",
            "heartbeat_calendar: says when 'heartbeat' counts, which is missing",
        ),
        ("erp-worker", "supply-portal", "erp", "services", "service 'supply-portal' also belongs"),
        ("erp-worker]", "x], owner: nobody", "erp", "owner", "there is no team 'nobody'"),
    ],
)
def test_a_wrong_system(
    write: Callable[..., Path], old: str, new: str, entry: str, field: str, message: str
) -> None:
    problem = only(write(systems_DOT_yaml=changed(SYSTEMS, old, new)))
    assert (problem.file, problem.entry) == ("systems.yaml", entry)
    assert problem.field == field
    assert problem.message.startswith(message)


def test_a_milestone_of_an_unknown_system(write: Callable[..., Path]) -> None:
    folder = write(processes__fulfilment_DOT_yaml=changed(PROCESS, "system: portal", "system: tv"))
    assert only(folder) == Problem(
        file="processes/fulfilment.yaml",
        entry="fulfilment",
        field="milestones.created.system",
        message="there is no system 'tv' in systems.yaml",
    )


@pytest.mark.parametrize(
    ("old", "new", "entry", "field", "message"),
    [
        ("channel: log", "channel: fax", "", "teams.supply.contacts.0.channel", "Input should be"),
        ("after: 1h", "after: soon", "", "teams.supply.escalate.0.after", "'soon' is not"),
        ("to: desk", "to: nobody", "supply", "escalate", "there is no team 'nobody'"),
        ("{team: desk}", "{team: nobody}", "rules", "1.team", "there is no team 'nobody'"),
        ("{team: desk}", "{}", "", "rules.1.team", "is required"),
        ("cause: downstream", "couse: x", "", "rules.0.couse", "is not a known field"),
    ],
)
def test_wrong_owners(
    write: Callable[..., Path], old: str, new: str, entry: str, field: str, message: str
) -> None:
    problem = only(write(owners_DOT_yaml=changed(OWNERS, old, new)))
    assert (problem.file, problem.entry) == ("owners.yaml", entry)
    assert problem.field == field
    assert problem.message.startswith(message)


def test_a_process_of_an_unknown_team(write: Callable[..., Path]) -> None:
    folder = write(processes__fulfilment_DOT_yaml=changed(PROCESS, "owner: supply", "owner: x"))
    problem = only(folder)
    assert (problem.entry, problem.field) == ("fulfilment", "owner")
    assert problem.message == "there is no team 'x' in owners.yaml"


def versions(second: str, *, first: str = PROCESS) -> dict[str, str]:
    """A process in two files; the second differs as `second` says."""
    return {"processes__fulfilment_DOT_yaml": first, "processes__newer_DOT_yaml": second}


NEWER = PROCESS + "version: 2\neffective_from: 2026-05-01\n"


def test_versions_of_a_process_live_side_by_side_in_the_order_in_which_they_take_effect(
    write: Callable[..., Path],
) -> None:
    third = PROCESS + "version: 3\neffective_from: 2026-07-01\n"
    files = versions(NEWER) | {"processes__a_third_DOT_yaml": third}
    catalog = load_catalog(write(**files))
    assert [v.version for v in catalog.versions_of("fulfilment")] == [1, 2, 3]
    assert catalog.processes["fulfilment"].version == 3
    assert [v.version for v in catalog.every_version()] == [1, 2, 3]
    second = catalog.version_of("fulfilment", 2)
    assert second is not None
    assert second.effective_from == date(2026, 5, 1)
    assert catalog.version_of("fulfilment", 9) is catalog.processes["fulfilment"]


@pytest.mark.parametrize(
    ("moment", "version"),
    [
        (datetime(1999, 1, 1, tzinfo=UTC), 1),
        (datetime(2026, 4, 30, 23, 59, 59, tzinfo=UTC), 1),
        (datetime(2026, 5, 1, tzinfo=UTC), 2),
        (datetime(2030, 1, 1, tzinfo=UTC), 2),
    ],
)
def test_a_version_is_in_force_from_midnight_utc_of_its_day(
    write: Callable[..., Path], moment: datetime, version: int
) -> None:
    catalog = load_catalog(write(**versions(NEWER)))
    assert version_at(catalog.versions_of("fulfilment"), moment).version == version


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        (("version: 2", "version: 1"), "", "declared twice, also in processes/fulfilment.yaml"),
        (("effective_from: 2026-05-01", ""), "effective_from", "nothing says which is in force"),
        (("anchor: requisition", "anchor: purchase_order"), "anchor", "it cannot change"),
        (("[trim, upper]", "[trim]"), "objects.requisition", "object types are global"),
        (("many_to_many", "one_to_many"), "paths.cardinality", "is many_to_many in version 1"),
        (("facets: [facility]", "facets: []"), "segments.when", "'facility' is not a facet"),
        (("{name: received}", "{name: got}"), "to", "'received' is not a milestone of fulfilment"),
    ],
)
def test_versions_that_cannot_stand_together_are_named(
    write: Callable[..., Path], change: tuple[str, str], field: str, message: str
) -> None:
    text = changed(NEWER, *change)
    if "got" in text:
        text = changed(text, "completes_with: received", "completes_with: got")
    if "anchor: purchase_order" in text:
        text = changed(
            text,
            "{from: requisition, to: purchase_order,",
            "{from: purchase_order, to: requisition,",
        )
    found = only(write(**versions(text)))
    assert (found.file in ("processes/newer.yaml", "slas/cycle_time.yaml"), found.field) == (
        True,
        field,
    )
    assert message in found.message


def test_two_versions_from_one_day_or_in_the_wrong_order_are_named(
    write: Callable[..., Path],
) -> None:
    dated = PROCESS + "version: 3\neffective_from: 2026-05-01\n"
    same = only(write(**versions(NEWER, first=dated)))
    assert (same.entry, same.field) == ("fulfilment version 3", "effective_from")
    assert same.message == "is 2026-05-01 in version 2 too"
    older = changed(dated, "2026-05-01", "2026-04-01")
    swapped = only(write(**versions(NEWER, first=older)))
    assert (swapped.entry, swapped.field) == ("fulfilment version 2", "effective_from")
    assert swapped.message == "is later than that of version 3 (2026-04-01)"


def test_a_rule_may_name_what_only_newer_versions_have(write: Callable[..., Path]) -> None:
    """An older version without its `from` never starts a clock; one that has it needs `to`."""
    newer = changed(NEWER, "{name: received}", "{name: received}\n  - {name: sent}")
    newer_only = changed(
        changed(SLA, "from: created", "from: sent"), "to: received", "to: received"
    )
    assert load_catalog(write(**versions(newer), slas__cycle_time_DOT_yaml=newer_only))
    no_end = changed(SLA, "to: received", "to: sent")
    found = only(write(**versions(newer), slas__cycle_time_DOT_yaml=no_end))
    assert (found.file, found.field) == ("slas/cycle_time.yaml", "to")
    assert found.message == "'sent' is not a milestone of fulfilment version 1"
