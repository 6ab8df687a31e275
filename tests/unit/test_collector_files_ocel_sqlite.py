"""OCEL 2.0 SQLite: the same events as the same log in JSON, whoever wrote the tables."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from event_log_generator import write_ocel
from ocel_standard import write_sqlite

from collector.files.mapping import LogMapping
from collector.files.reading import EventLog
from collector.files.rows import ReadReport
from suture.errors import InvalidInput, MalformedInput

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def read(path: Path, **fields: Any) -> tuple[dict[str, Any], ReadReport]:
    mapping = LogMapping.model_validate({"source": "/x", **fields})
    log = EventLog(path, mapping, now=NOW)
    rows = pa.concat_tables(log.tables()).to_pylist()
    return {row["id"]: row for row in rows}, log.report


def change(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    return path


@pytest.fixture
def log(tmp_path: Path) -> dict[str, Any]:
    write_ocel(tmp_path / "log.json", seed=3, requisitions=60)
    content: dict[str, Any] = json.loads((tmp_path / "log.json").read_text())
    return content


@pytest.mark.parametrize("keys", [True, False])
def test_it_reads_as_the_same_log_in_json(tmp_path: Path, log: dict[str, Any], keys: bool) -> None:
    path = write_sqlite(log, tmp_path / "log.sqlite", keys=keys)
    fields = {"objects": {"order": "Purchase Order"}, "relations": "related"}
    expected, _ = read(tmp_path / "log.json", **fields)
    found, report = read(path, **fields)
    assert len(found) > 200
    assert found == expected
    assert (report.bad, report.damage) == (0, "")
    assert found["e0"]["object_types"][-1] in ("Purchase Requisition", "order")


def test_times_without_an_offset_are_utc_and_values_become_text(
    tmp_path: Path, log: dict[str, Any]
) -> None:
    path = write_sqlite(log, tmp_path / "log.db")
    change(
        path,
        "UPDATE event_InsertInvoice SET ocel_time = '2022-01-09 14:00:00', clerk = 7",
        "UPDATE event_InsertPayment SET ocel_time = '2022-01-09 14:00:00.5+02:00', clerk = NULL",
    )
    found, _ = read(path)
    invoices = [row for row in found.values() if row["milestone"] == "Insert Invoice"]
    payments = [row for row in found.values() if row["milestone"] == "Insert Payment"]
    assert {row["occurred_at"] for row in invoices} == {datetime(2022, 1, 9, 14, tzinfo=UTC)}
    assert {row["occurred_at"] for row in payments} == {
        datetime(2022, 1, 9, 12, 0, 0, 500_000, tzinfo=UTC)
    }
    assert {dict(row["attributes"])["clerk"] for row in invoices} == {"7"}
    assert [row for row in payments if row["attributes"]] == []
    elsewhere, _ = read(path, time={"timezone": "Europe/Berlin"})
    assert {
        r["occurred_at"].hour for r in elsewhere.values() if r["milestone"] == "Insert Invoice"
    } == {13}


def test_bad_events_are_refused_alone(tmp_path: Path, log: dict[str, Any]) -> None:
    path = write_sqlite(log, tmp_path / "log.sqlite", keys=False)
    change(
        path,
        "DELETE FROM event_InsertPayment"
        " WHERE ocel_id = (SELECT min(ocel_id) FROM event_InsertPayment)",
        "UPDATE event_InsertInvoice SET ocel_time = NULL"
        " WHERE ocel_id = (SELECT min(ocel_id) FROM event_InsertInvoice)",
        "INSERT INTO event VALUES ('stray', 'Nothing')",
        "INSERT INTO event_object SELECT max(ocel_id), 'nobody', '' FROM event_InsertInvoice",
    )
    found, report = read(path)
    assert len(found) == len(log["events"]) - 3
    assert sorted(problem.reason for problem in report.problems) == [
        "it stands in no table of its type, 'Insert Payment', so it has no time",
        "it stands in no table of its type, 'Nothing', so it has no time",
        "the time is missing",
        "there is no object nobody",
    ]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DROP TABLE event_object", "not OCEL 2.0: it has no table event_object"),
        ("DROP TABLE event_InsertInvoice", "event_InsertInvoice: has no such table"),
        ("ALTER TABLE event_InsertInvoice DROP COLUMN ocel_time", "has no ocel_time"),
        ("UPDATE object SET ocel_type = 'x' WHERE ocel_id = 'PR1'", "there is no object type 'x'"),
    ],
)
def test_what_is_no_log_is_refused_whole(
    tmp_path: Path, log: dict[str, Any], statement: str, said: str
) -> None:
    path = change(write_sqlite(log, tmp_path / "log.sqlite"), statement)
    with pytest.raises(InvalidInput, match=said):
        read(path)


def test_a_damaged_file_is_refused(tmp_path: Path, log: dict[str, Any]) -> None:
    path = write_sqlite(log, tmp_path / "log.sqlite")
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * 8192 + content[12288:])
    with pytest.raises(MalformedInput, match=r"log\.sqlite: cannot be read: "):
        read(path)
    path.write_text("no database")
    with pytest.raises(MalformedInput, match="not JSON"):
        read(path)


def test_reading_leaves_no_trace_and_needs_no_relations(
    tmp_path: Path, log: dict[str, Any]
) -> None:
    folder = tmp_path / "a folder, with ? and #"
    folder.mkdir()
    path = write_sqlite(log, folder / "log 1%.sqlite")
    change(path, "DROP TABLE object_object")
    before = path.read_bytes()
    assert len(read(path)[0]) == len(log["events"])
    assert path.read_bytes() == before
    assert [found.name for found in folder.iterdir()] == [path.name]
