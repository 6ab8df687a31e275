"""Mappings: every way to write one, and what is said of a wrong one."""

from pathlib import Path
from typing import Any

import pytest

from collector.files.mapping import LogMapping, read_mapping
from suture.errors import DefinitionError

SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare" / "mappings"


def rules(objects: Any) -> list[tuple[str | None, str, str | None]]:
    mapping = LogMapping.model_validate({"source": "/x", "objects": objects})
    return [(r.type, r.column, r.pattern and r.pattern.pattern) for r in mapping.objects]


def test_objects_can_be_written_in_every_documented_way() -> None:
    named = {"from": "case", "pattern": "(?P<order>[^_]+)_(?P<item>.+)"}
    plain = [("order", "c1", None), ("item", "c2", None)]
    assert rules({"order": "c1", "item": "c2"}) == plain
    assert rules([{"order": "c1"}, {"item": "c2"}]) == plain
    assert rules([{"type": "order", "from": "c1"}, {"type": "item", "column": "c2"}]) == plain
    assert rules({"order": ["c1", {"from": "c2"}]}) == [
        ("order", "c1", None),
        ("order", "c2", None),
    ]
    assert rules(named) == rules([named]) == [(None, "case", named["pattern"])]
    assert rules({"order": named}) == [("order", "case", named["pattern"])]
    assert rules(["order", "item"]) == [("order", "order", None), ("item", "item", None)]
    assert rules("order") == [("order", "order", None)]


@pytest.mark.parametrize(
    ("rule", "cell", "expected"),
    [
        ({"type": "order", "column": "c"}, " P-1 ", [("order", " P-1 ")]),
        ({"type": "order", "column": "c"}, "   ", []),
        ({"type": "order", "column": "c", "pattern": r"^([^_]+)_"}, "45_1", [("order", "45")]),
        ({"type": "order", "column": "c", "pattern": r"\d+"}, "no 45!", [("order", "45")]),
        ({"type": "order", "column": "c", "pattern": r"\d+"}, "none", []),
        (
            {"column": "c", "pattern": r"(?P<item>(?P<order>[^_]+)_.+)"},
            "45_1",
            [("item", "45_1"), ("order", "45")],
        ),
        (
            {"column": "c", "pattern": r"(?P<order>\d+)(?:/(?P<item>\d+))?"},
            "45",
            [("order", "45")],
        ),
        ({"type": "o", "column": "c", "split": ";"}, "1; 2;;", [("o", "1"), ("o", "2")]),
        ({"type": "o", "column": "c", "split": "json"}, '["1", 2]', [("o", "1"), ("o", "2")]),
        ({"type": "o", "column": "c", "split": "json"}, "P-1", [("o", "P-1")]),
    ],
)
def test_a_rule_takes_objects_out_of_a_cell(
    rule: dict[str, str], cell: str, expected: list[tuple[str, str]]
) -> None:
    mapping = LogMapping.model_validate({"source": "/x", "objects": [rule]})
    assert mapping.objects[0].objects(cell) == expected


def test_short_forms_equal_long_ones() -> None:
    short = {"source": "/x", "case": "c", "milestone": "m", "time": "t", "attributes": ["a"]}
    long = {
        "source": "/x",
        "case": {"from": "c"},
        "milestone": {"column": "m"},
        "time": {"from": "t"},
        "attributes": {"a": "a"},
    }
    assert LogMapping.model_validate(short) == LogMapping.model_validate(long)


def test_the_system_of_a_milestone_may_depend_on_it() -> None:
    one = LogMapping(source="/x", system="erp")
    several = LogMapping(source="/x", system={"sent": "middleware", "*": "erp"})
    none = LogMapping(source="/x", system={"sent": "middleware"})
    assert [m.system_of("sent") for m in (one, several, none)] == [
        "erp",
        "middleware",
        "middleware",
    ]
    assert [m.system_of("paid") for m in (one, several, none)] == ["erp", "erp", ""]


WRONG = {
    "source is required": ("case: c", "mapping.yaml: source: is required"),
    "source with blanks": ("source: my log", "mapping.yaml: my log: source: 'my log' holds white"),
    "unknown field": ("source: /x\nmilestones: m", "/x: milestones: is not a known field"),
    "unknown format": ("source: /x\nformat: xls", "/x: format: Input should be 'xes', 'csv', "),
    "bad pattern": ("source: /x\nobjects: {o: {from: c, pattern: '('}}", "/x: objects.0.pattern: "),
    "no object type": ("source: /x\nobjects: {from: c, pattern: '.'}", "names no object type"),
    "bad zone": ("source: /x\ntime: {from: t, timezone: Mars}", "/x: time.timezone: 'Mars' is not"),
    "bad encoding": ("source: /x\ncsv: {encoding: utf-99}", "/x: csv.encoding: 'utf-99' is not"),
    "bad outcome": ("source: /x\noutcome: {from: o, names: {n: bad}}", "/x: outcome.names.n: "),
    "only what": ("source: /x\nmilestone: {from: m, only_mapped: true}", "/x: milestone: only_map"),
    "no column": (
        "source: /x\ntime: [t]",
        "/x: time: expected a column's name, or {from: column, format: a format, timezone: a zone}",
    ),
    "no column of a case": ("source: /x\ncase: 5", "expected a column's name, or {from: column}"),
    "no object rule": (
        "source: /x\nobjects: {order: 5}",
        "/x: objects: order: expected a column's name, or {from: column, pattern: regex}",
    ),
    "no object rules": (
        "source: /x\nobjects: 5",
        "/x: objects: expected a column's name",
    ),
    "no object rule in a list": ("source: /x\nobjects: [[a]]", "/x: objects: expected a column's "),
    "no attributes": ("source: /x\nattributes: amount", "/x: attributes: expected names and their"),
    "no options": ("source: /x\ncsv: ';'", "/x: csv: expected a mapping of names to values"),
    "not a mapping": ("- a\n- b", "mapping.yaml: expected a mapping"),
    "a key twice": (
        "source: /x\nsource: /y",
        "mapping.yaml: line 2: the key 'source' stands twice",
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_an_error_names_file_entry_and_field(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(text)
    with pytest.raises(DefinitionError) as caught:
        read_mapping(path)
    assert expected in caught.value.message
    assert caught.value.message.startswith(str(path))


def test_what_a_format_needs_is_said_by_field() -> None:
    bare = LogMapping(source="/x")
    with pytest.raises(DefinitionError) as caught:
        bare.ready_for("csv")
    fields = [problem.field for problem in caught.value.problems]
    assert fields == ["case", "milestone", "objects", "time"]
    with pytest.raises(DefinitionError, match="objects: is required"):
        bare.ready_for("xes")
    with pytest.raises(DefinitionError, match="case: OCEL has no columns"):
        LogMapping.model_validate({"source": "/x", "case": "c"}).ready_for("ocel")


def test_xes_has_standard_columns_and_csv_needs_no_case_beside_ids() -> None:
    mapping = LogMapping.model_validate({"source": "/x", "objects": {"o": "case:concept:name"}})
    assert dict(mapping.ready_for("xes").columns()) == {
        "case": "case:concept:name",
        "milestone": "concept:name",
        "time": "time:timestamp",
        "objects.o": "case:concept:name",
    }
    named = {"source": "/x", "id": "i", "milestone": "m", "time": "t", "objects": {"o": "o"}}
    assert LogMapping.model_validate(named).ready_for("csv")


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_mappings_are_right(path: Path) -> None:
    mapping = read_mapping(path)
    assert mapping.format is not None
    assert mapping.ready_for(mapping.format)
