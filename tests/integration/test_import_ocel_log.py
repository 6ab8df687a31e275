"""The public object-centric log under the shipped mapping, held against a plain reading of it."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from event_log_oracle import reach, read_ocel

from collector.files.importer import import_file
from collector.files.mapping import read_mapping
from suture.clock import ManualClock
from suture.definitions.catalog import load_catalog
from suture.store.engine import Store

pytestmark = pytest.mark.store

HEALTHCARE = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare"
OCEL = "ocel20-example.json"
CLOCK = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))


def real_file(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        pytest.skip(f"no {name} in {folder}")
    return path


def test_the_ocel_example(store: Store, real_data_dir: Path) -> None:
    path = real_file(real_data_dir, OCEL)
    mapping = read_mapping(HEALTHCARE / "mappings" / "ocel20-example.yaml")
    catalog = load_catalog(HEALTHCARE)
    result = import_file(store, path, mapping, catalog=catalog, clock=CLOCK)
    events = read_ocel(path)
    assert (result.imported, result.bad, result.undeclared) == (13, 0, {})
    types = {rule.column: rule.type for rule in mapping.objects}
    rows = store.rows(
        "SELECT id, milestone, occurred_at, arrayZip(object_types, object_ids) AS objects,"
        " attributes FROM milestones"
    )
    assert {
        row["id"]: (row["milestone"], row["occurred_at"], row["attributes"]) for row in rows
    } == {e.id: (mapping.milestone.names[e.name], e.time, e.attributes) for e in events}
    objects = Counter(type_ for type_, _ in {pair for row in rows for pair in row["objects"]})
    assert objects == {"purchase_requisition": 1, "purchase_order": 2, "invoice": 3, "payment": 3}
    assert {row["id"]: row["objects"] for row in rows} == {
        e.id: [(types[type_], id_) for type_, id_ in e.objects] for e in events
    }


def test_what_the_ocel_example_s_requisition_reaches(real_data_dir: Path) -> None:
    """The oracle itself, on a log small enough to check by hand."""
    process = load_catalog(HEALTHCARE).processes["requisition_to_payment"]
    mapping = read_mapping(HEALTHCARE / "mappings" / "ocel20-example.yaml")
    raw = {rule.type: rule.column for rule in mapping.objects}
    paths = {(raw[path.from_type], raw[path.to_type]) for path in process.paths}
    events = read_ocel(real_file(real_data_dir, OCEL))
    instances = reach(events, anchor=raw[process.anchor], paths=paths)
    assert set(instances) == {"PR1"}
    assert {id_ for _, id_ in instances["PR1"].objects} == {"PR1", "PO1", "R1", "R2", "P1", "P2"}
    assert [e.id for e in instances["PR1"].events] == [f"e{n}" for n in range(1, 9)]
