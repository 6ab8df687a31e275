"""Whole logs as milestones: identities that stay, columns that must exist, refused events."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from event_log_generator import case_log, interleaved, shuffled_cases, write_csv, write_xes
from event_log_oracle import LogEvent, by_case, look_alikes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.files.mapping import LogMapping
from collector.files.reading import EventLog, Progress, format_of
from collector.files.rows import BadRow
from suture.errors import DefinitionError, UnsupportedMedia

NOW = datetime(2026, 3, 1, tzinfo=UTC)
XES = {"source": "/x", "objects": {"item": "case:concept:name"}}
CSV = {
    "source": "/x",
    "case": "case",
    "milestone": "activity",
    "time": "when",
    "objects": {"item": "case"},
}

Milestone = dict[str, Any]


def read(path: Path, mapping: dict[str, Any], **options: Any) -> tuple[list[Milestone], EventLog]:
    log = EventLog(path, LogMapping.model_validate(mapping), now=NOW, **options)
    return [row for table in log.tables() for row in table.to_pylist()], log


def csv_file(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(("case,activity,when,more", *rows)))
    return path


def per_case(milestones: Iterable[Milestone]) -> dict[str, list[tuple[str, datetime]]]:
    """As the product would order them: by time, then sequence."""
    cases: dict[str, list[Milestone]] = {}
    for milestone in milestones:
        cases.setdefault(milestone["object_ids"][0], []).append(milestone)
    return {
        case: [
            (m["milestone"], m["occurred_at"])
            for m in sorted(found, key=lambda m: (m["occurred_at"], m["sequence"]))
        ]
        for case, found in cases.items()
    }


@pytest.mark.parametrize("suffix", ["xes", "csv"])
def test_every_event_of_a_pathological_log_becomes_one_milestone(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"log.{suffix}"
    events = case_log(6)
    assert look_alikes(events) > len(events) / 2
    (write_xes if suffix == "xes" else write_csv)(events, path)
    mapping = (XES if suffix == "xes" else CSV) | {
        "attributes": ["department", "comment", "amount"]
    }
    milestones, log = read(path, mapping)
    assert len({m["id"] for m in milestones}) == len(milestones) == len(events)
    assert per_case(milestones) == by_case(events)
    assert [dict(m["attributes"]) for m in milestones] == [e.attributes for e in events]
    assert (log.report.read, log.report.bad, log.report.damage) == (len(events), 0, "")
    assert log.report.milestones == Counter(e.name for e in events)


REORDERINGS: dict[str, Callable[[list[LogEvent], int], list[LogEvent]]] = {
    "cases in another order": shuffled_cases,
    "rows of different cases mixed": interleaved,
}


@pytest.mark.parametrize("reorder", REORDERINGS.values(), ids=REORDERINGS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10**6), chunk_rows=st.integers(1, 60))
def test_neither_chunks_nor_the_order_of_cases_change_a_milestone(
    tmp_path: Path,
    reorder: Callable[[list[LogEvent], int], list[LogEvent]],
    seed: int,
    chunk_rows: int,
) -> None:
    events = case_log(seed, cases=12, huge=False)
    first, second = tmp_path / "first.csv", tmp_path / "another name.csv"
    write_csv(events, first, seed=1)
    write_csv(reorder(events, seed), second, seed=2)
    expected, _ = read(first, CSV | {"attributes": ["department"]})
    with patch("collector.files.delimited.CHUNK_ROWS", chunk_rows):
        found, _ = read(second, CSV | {"attributes": ["department"]})

    def content(milestones: list[Milestone]) -> list[str]:
        return sorted(repr(sorted(m.items())) for m in milestones)

    assert content(found) == content(expected)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_a_later_export_with_more_events_keeps_the_others(
    tmp_path: Path, seed: int, data: st.DataObject
) -> None:
    events = case_log(seed, cases=6, huge=False)
    times = {event.time for event in events}
    late = [
        LogEvent(case=e.case, name="Late", time=e.time.replace(microsecond=777), attributes={})
        for e in data.draw(st.lists(st.sampled_from(events), max_size=4))
    ]
    assert not times & {event.time for event in late}
    path = tmp_path / "log.csv"
    write_csv(events, path)
    before, _ = read(path, CSV)
    write_csv([*late, *events], path)
    after, _ = read(path, CSV)
    assert [m for m in after if m["milestone"] != "Late"] == before


def test_the_same_log_in_xes_and_csv_gives_the_same_milestones(tmp_path: Path) -> None:
    events = case_log(7, cases=30)
    write_xes(events, tmp_path / "log.xes", seed=1)
    write_csv(events, tmp_path / "log.csv", seed=2)
    attributes = {"attributes": ["comment"]}
    assert (
        read(tmp_path / "log.xes", XES | attributes)[0]
        == (read(tmp_path / "log.csv", CSV | attributes)[0])
    )


def test_a_corrected_row_changes_no_other(tmp_path: Path) -> None:
    wrong = ["1,a,2018-01-01T00:00Z,", "1,a,someday,", "1,a,2018-01-01T00:00Z,"]
    right = [wrong[0], wrong[1].replace("someday", "2018-01-02T00:00Z"), wrong[2]]
    before, log = read(csv_file(tmp_path / "log.csv", *wrong), CSV)
    after, _ = read(csv_file(tmp_path / "log.csv", *right), CSV)
    assert log.report.bad == 1
    assert [m for m in after if m["occurred_at"].day == 1] == before


def test_names_are_mapped_and_others_kept_or_skipped(tmp_path: Path) -> None:
    rows = ["1,Approve,2018-01-01T00:00Z,", "1,Other,2018-01-02T00:00Z,"]
    path = csv_file(tmp_path / "log.csv", *rows)
    milestone = {"from": "activity", "names": {"Approve": "approved"}}
    kept, _ = read(path, CSV | {"milestone": milestone})
    assert [m["milestone"] for m in kept] == ["approved", "Other"]
    only, log = read(path, CSV | {"milestone": milestone | {"only_mapped": True}})
    assert [m["milestone"] for m in only] == ["approved"]
    assert (log.report.read, log.report.skipped, log.report.bad) == (2, 1, 0)


def test_everything_a_mapping_says_arrives(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path / "log.csv", "45_1,a,2018-01-01T00:00Z,no", "45_1,b,2018-01-01T00:00Z,"
    )
    mapping = CSV | {
        "environment": "staging",
        "objects": {"from": "case", "pattern": "(?P<item>(?P<order>[^_]+)_.+)"},
        "system": {"a": "erp"},
        "outcome": {"from": "more", "names": {"no": "rejected"}},
        "reason": "more",
    }
    (first, second), _ = read(path, mapping, systems={"a": "unused", "b": "middleware"})
    assert first == {
        "environment": "staging",
        "source": "/x",
        "id": "45_1|a|2018-01-01T00:00:00Z|0",
        "milestone": "a",
        "system": "erp",
        "occurred_at": datetime(2018, 1, 1, tzinfo=UTC),
        "sequence": 0,
        "object_types": ["item", "order"],
        "object_ids": ["45_1", "45"],
        "attributes": [],
        "outcome": "rejected",
        "reason": "no",
        "trace_id": "",
        "span_id": "",
        "extensions": [],
        "contract": "suture.import",
        "contract_version": "",
    }
    assert (second["system"], second["sequence"], second["outcome"]) == ("middleware", 1, "ok")


def test_separators_inside_names_keep_identities_apart(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "log.csv", "1|a,b,2018-01-01T00:00Z,", "1,a|b,2018-01-01T00:00Z,")
    (one, other), _ = read(path, CSV)
    assert (one["id"], other["id"]) == (
        "1%7Ca|b|2018-01-01T00:00:00Z|0",
        "1|a%7Cb|2018-01-01T00:00:00Z|0",
    )


def test_an_id_column_is_the_identity(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "log.csv", "1,a,2018-01-01T00:00Z,x1", "1,a,2018-01-01T00:00Z,")
    milestones, log = read(path, CSV | {"id": "more"})
    assert [m["id"] for m in milestones] == ["x1"]
    assert str(log.report.problems[0]) == "line 3: case 1: the id is missing"


def test_events_with_ids_have_no_place_in_the_file_unless_a_column_says_it(tmp_path: Path) -> None:
    rows = ["1,a,2018-01-01T00:00Z,7", "1,b,2018-01-01T00:00Z,8", "1,c,2018-01-01T00:00Z,-9"]
    path = csv_file(tmp_path / "log.csv", *rows)
    without, _ = read(path, CSV | {"id": "more"})
    assert [m["sequence"] for m in without] == [0, 0, 0]
    said, _ = read(path, CSV | {"sequence": "more"})
    assert [m["sequence"] for m in said] == [7, 8, -9]


BAD_ROWS = {
    ",a,2018-01-01T00:00Z,": "the case is missing",
    "1,,2018-01-01T00:00Z,": "case 1: the milestone is missing",
    "1,a,,": "case 1: the time is missing",
    "1,a,02.01.2018,": "case 1: time '02.01.2018' cannot be read",
    "1,a,2018-01-01T00:00,": "case 1: time '2018-01-01T00:00' has no zone: set time.timezone in the"
    " mapping",
    "1,a,2028-01-01T00:00Z,": "case 1: time '2028-01-01T00:00Z' is in the future",
    "x,a,2018-01-01T00:00Z,": "case x: it names no object",
    f"{'1' * 1025},a,2018-01-01T00:00Z,": "objects[0].id: has 1025 characters, 1024 are taken",
    f"1,{'a' * 257},2018-01-01T00:00Z,": "milestone: has 257 characters, 256 are taken",
    "1,a,2018-01-01T00:00Z,maybe": "case 1: outcome 'maybe' is none of ok, failed, rejected",
}


def test_a_sequence_has_to_be_a_number(tmp_path: Path) -> None:
    rows = ["1,a,2018-01-01T00:00Z,x", f"1,a,2018-01-01T00:00Z,{2**63}", "1,a,2018-01-01T00:00Z,"]
    milestones, log = read(csv_file(tmp_path / "log.csv", *rows), CSV | {"sequence": "more"})
    assert [m["sequence"] for m in milestones] == [0]
    assert [problem.reason for problem in log.report.problems] == [
        "case 1: sequence 'x' is not a whole number",
        f"case 1: sequence '{2**63}' is too large",
    ]


def test_bad_rows_are_told_by_line_and_lose_no_other(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "log.csv", *BAD_ROWS, "1,a,2018-01-01T00:00Z,ok")
    told: list[BadRow] = []
    mapping = CSV | {"outcome": "more", "objects": {"item": {"from": "case", "pattern": r"\d+"}}}
    milestones, log = read(path, mapping, on_bad=told.append)
    assert [m["id"] for m in milestones] == ["1|a|2018-01-01T00:00:00Z|1"]
    assert [str(bad) for bad in told] == [
        f"line {line}: {reason}" for line, reason in enumerate(BAD_ROWS.values(), 2)
    ]
    assert (log.report.read, log.report.bad) == (len(BAD_ROWS) + 1, len(BAD_ROWS))


def test_a_column_that_is_not_there_is_said_before_anything_is_read(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "log.csv", "1,a,2018-01-01T00:00Z,")
    mapping = CSV | {"objects": {"order": "purchase order"}, "attributes": {"site": "plant"}}
    with pytest.raises(DefinitionError) as caught:
        read(path, mapping)
    has = "it has activity, case, more, when (parted by ',')"
    assert {problem.field: problem.message for problem in caught.value.problems} == {
        "objects.order": f"{path} has no column 'purchase order'; {has}",
        "attributes.site": f"{path} has no column 'plant'; {has}",
    }


@pytest.mark.parametrize("format_", ["csv", "parquet"])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_mapping_for_another_format_is_said_once(
    tmp_path: Path, format_: str, indent: int | None
) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"events": [], "objects": []}, indent=indent))
    with pytest.raises(DefinitionError) as caught:
        read(path, CSV | {"format": format_})
    (problem,) = caught.value.problems
    assert problem.field == "format"
    assert problem.message == f"the mapping is for {format_}; {path} is .json"


def test_a_mapping_for_ocel_is_not_for_a_csv_file(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "log.csv", "1,a,2018-01-01T00:00Z,")
    with pytest.raises(DefinitionError, match=r"the mapping is for ocel; .* is \.csv"):
        read(path, {"source": "/x", "format": "ocel"})


def test_of_a_csv_file_with_another_suffix_the_missing_column_is_said(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "log.json", "1,a,2018-01-01T00:00Z,")
    with pytest.raises(DefinitionError, match="has no column 'plant'"):
        read(path, CSV | {"format": "csv", "attributes": {"site": "plant"}})


def test_a_key_that_never_occurs_in_xes_is_said_with_those_that_do(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    write_xes(case_log(8, cases=3, huge=False), path)
    with pytest.raises(DefinitionError) as caught:
        read(path, XES | {"attributes": {"site": "plant"}})
    (problem,) = caught.value.problems
    assert problem.field == "attributes.site"
    for key in ("case:concept:name", "case:owner", "concept:name", "orders", "site/id"):
        assert key in problem.message


def test_a_key_of_the_last_event_only_is_found(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    events = case_log(9, cases=200, huge=False)
    last = events[-1]
    events[-1] = LogEvent(
        case=last.case, name=last.name, time=last.time, attributes={"rare": "yes"}
    )
    write_xes(events, path)
    milestones, _ = read(path, XES | {"attributes": ["rare"]})
    assert [dict(m["attributes"]) for m in milestones[-2:]] == [{}, {"rare": "yes"}]


def test_a_half_written_log_says_so_and_gives_its_complete_traces(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    write_xes(case_log(10, cases=50, huge=False), path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    milestones, log = read(path, XES)
    assert log.report.read == len(milestones) > 0
    assert log.report.damage.startswith("the XML breaks off at line")


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    write_csv(case_log(11), path)
    told: list[Progress] = []
    milestones, _ = read(path, CSV, progress=told.append)
    assert [p.bytes_read for p in told] == sorted(p.bytes_read for p in told)
    size = path.stat().st_size
    assert told[-1] == Progress(bytes_read=size, bytes_total=size, events=len(milestones))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.xes", "xes"),
        ("a.b.XES.gz", "xes"),
        ("a.csv", "csv"),
        ("a.tsv.gz", "csv"),
        ("a.json", "ocel"),
        ("a.jsonocel", "ocel"),
        ("a.SQLITE", "ocel"),
        ("a.db", "ocel"),
        ("a.parquet", "parquet"),
    ],
)
def test_formats_by_name(name: str, expected: str) -> None:
    assert format_of(Path(name)) == expected


@pytest.mark.parametrize("name", ["a.avro", "a", "a.gz"])
def test_an_unknown_format_is_refused_unless_the_mapping_says_it(name: str, tmp_path: Path) -> None:
    path = csv_file(tmp_path / name, "1,a,2018-01-01T00:00Z,")
    with pytest.raises(UnsupportedMedia, match=r"xes, csv, parquet or ocel"):
        read(path, CSV)
    assert len(read(path, CSV | {"format": "csv"})[0]) == 1
