"""Imports into a store: complete, once, and the same again after whatever went wrong."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from event_log_generator import case_log, interleaved, write_csv, write_ocel, write_xes
from event_log_oracle import LogEvent, by_case, read_ocel

from collector.files import delimited, importer
from collector.files.importer import ImportResult, import_file
from collector.files.mapping import LogMapping, read_mapping
from suture.clock import ManualClock
from suture.definitions.catalog import Catalog, load_catalog
from suture.errors import DefinitionError, StoreUnavailable
from suture.store.engine import Store

pytestmark = pytest.mark.store

HEALTHCARE = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
XES: Mapping[str, Any] = {
    "source": "/import/generated",
    "objects": {"item": "case:concept:name"},
    "attributes": ["department", "comment", "amount"],
}
CSV: Mapping[str, Any] = {
    **XES,
    "case": "case",
    "milestone": "activity",
    "time": "when",
    "objects": {"item": "case"},
}


def load(store: Store, path: Path, mapping: Mapping[str, Any], **options: Any) -> ImportResult:
    model = LogMapping.model_validate(dict(mapping))
    catalog = options.pop("catalog", Catalog())
    return import_file(store, path, model, catalog=catalog, clock=ManualClock(NOW), **options)


def stored(store: Store) -> list[dict[str, Any]]:
    """All milestones of finished segments, one row for each arrival."""
    return store.rows(
        "SELECT * FROM milestones WHERE segment IN (SELECT segment FROM segments)"
        " ORDER BY occurred_at, sequence, id"
    )


def tables(store: Store) -> set[str]:
    return {row["name"] for row in store.rows("SHOW TABLES")}


def per_case(rows: list[dict[str, Any]]) -> dict[str, list[tuple[str, datetime]]]:
    cases: dict[str, list[tuple[str, datetime]]] = {}
    for row in rows:  # in the order of occurred_at, sequence
        cases.setdefault(row["object_ids"][0], []).append((row["milestone"], row["occurred_at"]))
    return cases


@pytest.mark.parametrize("suffix", ["xes", "csv"])
def test_a_pathological_log_is_stored_event_by_event_and_once(
    any_store: Store, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "CHUNK_ROWS", 500)
    path = tmp_path / f"log.{suffix}"
    events = case_log(1)
    (write_xes if suffix == "xes" else write_csv)(events, path)
    mapping = XES if suffix == "xes" else CSV
    before = tables(any_store)

    first = load(any_store, path, mapping)
    assert (first.read, first.imported, first.already_known) == (len(events), len(events), 0)
    assert first.complete
    rows = stored(any_store)
    assert per_case(rows) == by_case(events)
    assert len({row["event_key"] for row in rows}) == len(events)
    assert _contents(rows) == Counter(
        (e.case, e.name, e.time, tuple(sorted(e.attributes.items()))) for e in events
    )

    again = load(any_store, path, mapping)
    assert (again.read, again.imported, again.already_known) == (len(events), 0, len(events))
    assert stored(any_store) == rows
    assert tables(any_store) == before


def _contents(rows: list[dict[str, Any]]) -> Counter[Any]:
    return Counter(
        (
            row["object_ids"][0],
            row["milestone"],
            row["occurred_at"],
            tuple(sorted(row["attributes"].items())),
        )
        for row in rows
    )


def test_segments_are_finished_in_sequence(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "CHUNK_ROWS", 100)
    write_csv(case_log(2, cases=40, huge=False), tmp_path / "log.csv")
    result = load(store, tmp_path / "log.csv", CSV)
    rows = store.rows("SELECT * FROM segments ORDER BY sequence")
    assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
    assert len({row["stream"] for row in rows}) == 1
    assert sum(row["rows"] for row in rows) == result.imported
    assert {row["signal"] for row in rows} == {"milestones"}


def test_an_ocel_log_is_stored_with_its_objects(any_store: Store, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    write_ocel(path, requisitions=1000)
    mapping = read_mapping(HEALTHCARE / "mappings" / "ocel20-example.yaml")
    catalog = load_catalog(HEALTHCARE)
    clock = ManualClock(NOW)
    result = import_file(any_store, path, mapping, catalog=catalog, clock=clock)
    expected = read_ocel(path)
    assert (result.imported, result.bad, result.undeclared) == (len(expected), 0, {})
    types = {rule.column: rule.type for rule in mapping.objects}
    found = {row["id"]: row for row in stored(any_store)}
    assert len(found) == len(expected)
    for event in expected:
        row = found[event.id]
        assert row["milestone"] == mapping.milestone.names[event.name]
        assert row["occurred_at"] == event.time
        objects = list(zip(row["object_types"], row["object_ids"], strict=True))
        assert objects == [(types[type_], id_) for type_, id_ in event.objects]
        assert row["attributes"] == event.attributes
        assert row["system"] == "erp"
    again = import_file(any_store, path, mapping, catalog=catalog, clock=clock)
    assert (again.imported, again.already_known) == (0, len(expected))


def test_a_later_export_adds_only_what_is_new(store: Store, tmp_path: Path) -> None:
    events = case_log(3, cases=40, huge=False)
    write_csv(events[: len(events) // 2], tmp_path / "january.csv")
    write_csv(interleaved(events, 5), tmp_path / "february.csv", seed=9, delimiter=";")
    first = load(store, tmp_path / "january.csv", CSV)
    second = load(store, tmp_path / "february.csv", CSV)
    assert second.already_known == first.imported == len(events) // 2
    assert (second.imported, second.conflicting) == (len(events) - len(events) // 2, 0)
    assert per_case(stored(store)) == by_case(events)


def test_other_content_under_one_identity_is_a_visible_conflict(
    store: Store, tmp_path: Path
) -> None:
    events = case_log(4, cases=5, huge=False)
    write_csv(events, tmp_path / "log.csv")
    load(store, tmp_path / "log.csv", CSV)
    one = events[3]
    changed = LogEvent(case=one.case, name=one.name, time=one.time, attributes={"amount": "0.01"})
    write_csv([*events[:3], changed, *events[4:]], tmp_path / "log.csv")
    result = load(store, tmp_path / "log.csv", CSV)
    assert (result.imported, result.conflicting) == (0, 1)
    assert result.already_known == len(events) - 1
    assert len(stored(store)) == len(events) + 1
    again = load(store, tmp_path / "log.csv", CSV)
    assert (again.imported, again.conflicting, again.already_known) == (0, 0, len(events))


def test_a_file_that_repeats_its_ids_is_stored_once(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    row = "1,a,2018-01-01T00:00Z,{},{}"
    rows = [row.format("x1", ""), row.format("x1", ""), row.format("x2", ""), row.format("x2", "9")]
    path.write_text("\n".join(["case,activity,when,id,amount", *rows, *rows[:1]]))
    mapping = {**CSV, "id": "id", "attributes": ["amount"]}
    result = load(store, path, mapping)
    assert (result.read, result.bad) == (5, 0)
    assert (result.imported, result.already_known, result.conflicting) == (2, 2, 1)
    assert sorted(row["id"] for row in stored(store)) == ["x1", "x2", "x2"]


class _Cut(StoreUnavailable):
    """The process dies here."""


@pytest.mark.parametrize("survives", ["the insert", "nothing"])
def test_an_interrupted_import_is_finished_by_the_next_one(
    store: Store, tmp_path: Path, survives: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "CHUNK_ROWS", 100)
    events = case_log(5, cases=60, huge=False)
    write_csv(events, tmp_path / "log.csv")
    name = "finish_segment" if survives == "the insert" else "store_all"
    working = getattr(importer, name)
    calls = 0

    def dies_in_the_third_chunk(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise _Cut
        return working(*given, **named)

    monkeypatch.setattr(importer, name, dies_in_the_third_chunk)
    with pytest.raises(_Cut):
        load(store, tmp_path / "log.csv", CSV)
    monkeypatch.setattr(importer, name, working)
    result = load(store, tmp_path / "log.csv", CSV)
    assert result.already_known == (300 if survives == "the insert" else 200)
    assert result.imported + result.already_known == len(events)
    rows = stored(store)
    assert len(rows) == len({row["event_key"] for row in rows}) == len(events)
    assert store.rows("SELECT count() AS n FROM milestones") == [{"n": len(events)}]


def test_rows_that_a_loader_has_not_finished_are_left_to_it(store: Store, tmp_path: Path) -> None:
    """Their segment may yet be taken out again, so they neither count as known nor are finished."""
    events = case_log(6, cases=5, huge=False)
    write_csv(events, tmp_path / "log.csv")
    load(store, tmp_path / "log.csv", CSV)
    store.execute("ALTER TABLE segments DELETE WHERE 1 SETTINGS mutations_sync = 2")
    store.execute("ALTER TABLE milestones UPDATE contract = '' WHERE 1 SETTINGS mutations_sync = 2")
    result = load(store, tmp_path / "log.csv", CSV)
    assert (result.imported, result.already_known) == (len(events), 0)
    assert len(stored(store)) == len(events)


def test_a_mapping_that_does_not_fit_loads_nothing(store: Store, tmp_path: Path) -> None:
    write_xes(case_log(7, cases=5, huge=False), tmp_path / "log.xes")
    with pytest.raises(DefinitionError, match="has no column 'plant'"):
        load(store, tmp_path / "log.xes", {**XES, "attributes": ["plant"]})
    assert store.rows("SELECT count() AS n FROM milestones") == [{"n": 0}]
    assert store.rows("SELECT count() AS n FROM segments") == [{"n": 0}]


def test_a_half_written_log_is_loaded_as_far_as_it_goes(store: Store, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.xes", tmp_path / "cut.xes"
    events = case_log(8, cases=40, huge=False)
    write_xes(events, whole)
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) * 2 // 3])
    part = load(store, cut, XES)
    assert 0 < part.imported < len(events)
    assert not part.complete
    assert part.damage.startswith("the XML breaks off at line ")
    rest = load(store, whole, XES)
    assert rest.complete
    assert (rest.already_known, rest.conflicting) == (part.imported, 0)
    assert per_case(stored(store)) == by_case(events)


def test_bad_rows_are_counted_and_the_others_stored(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    write_csv(case_log(9, cases=3, huge=False), path)
    lines = path.read_text(encoding="utf-8-sig")
    path.write_text(lines + "1,a,never,,,\n1,a\n", encoding="utf-8")
    result = load(store, path, CSV)
    assert (result.bad, len(result.problems), result.complete) == (2, 2, False)
    sums = (result.imported, result.already_known, result.conflicting, result.skipped, result.bad)
    assert result.read == sum(sums)
    assert len(stored(store)) == result.imported


def test_milestones_of_no_process_are_told(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = ["1,invoice_cleared,2018-01-01T00:00Z,,,", "1,Tea,2018-01-01T00:00Z,,,"]
    path.write_text("\n".join(["case,activity,when,department,comment,amount", *rows, rows[1]]))
    result = load(store, path, CSV, catalog=load_catalog(HEALTHCARE))
    assert result.undeclared == {"Tea": 2}
    systems = {row["milestone"]: row["system"] for row in stored(store)}
    assert systems == {"invoice_cleared": "erp", "Tea": ""}
