"""Parquet: every kind of column becomes the text that a mapping reads."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_log_generator import case_log, write_csv

from collector.files.mapping import LogMapping
from collector.files.reading import EventLog, Progress
from collector.files.rows import ReadReport
from suture.errors import DefinitionError, MalformedInput

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MAPPING = {
    "source": "/x",
    "case": "case",
    "milestone": "step",
    "time": "at",
    "objects": {"o": "case"},
}


def read(path: Path, mapping: dict[str, Any]) -> tuple[list[dict[str, Any]], ReadReport]:
    log = EventLog(path, LogMapping.model_validate(mapping), now=NOW)
    return [row for table in log.tables() for row in table.to_pylist()], log.report


def test_every_kind_of_value_becomes_text(tmp_path: Path) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    columns = {
        "case": pa.array([77.0, 78.0]),
        "step": pa.array(["a", "b"]).dictionary_encode(),
        "at": pa.array([at, at], pa.timestamp("ns", "Europe/Berlin")),
        "amount": pa.array([Decimal("1250.10"), None], pa.decimal128(9, 2)),
        "rate": pa.array([0.5, float("nan")]),
        "urgent": pa.array([True, False]),
        "day": pa.array([date(2026, 1, 2), None]),
        "local": pa.array([at.replace(tzinfo=None), None], pa.timestamp("ms")),
        "code": pa.array([b"x1", b"\xff"]),
        "parts": pa.array([["P-1", "P-2"], []], pa.list_(pa.string())),
        "site": pa.array([{"id": "west", "since": at}, None]),
        "empty": pa.array(["", "x"]),
        "count": pa.array([2**60, -1]),
    }
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table(columns), path)
    names = [name for name in columns if name not in ("case", "step", "at", "parts")]
    objects = {"o": "case", "part": {"from": "parts", "split": "json"}}
    one, two = read(path, MAPPING | {"objects": objects, "attributes": names})[0]
    assert (one["milestone"], one["occurred_at"]) == ("a", at)
    assert list(zip(one["object_types"], one["object_ids"], strict=True)) == [
        ("o", "77"), ("part", "P-1"), ("part", "P-2"),
    ]  # fmt: skip
    assert dict(one["attributes"]) == {
        "amount": "1250.10",
        "rate": "0.5",
        "urgent": "true",
        "day": "2026-01-02",
        "local": "2026-01-02T03:04:05.678000",
        "code": "x1",
        "site": '{"id":"west","since":"2026-01-02T03:04:05.678901Z"}',
        "count": str(2**60),
    }
    assert dict(two["attributes"]) == {
        "rate": "NaN", "urgent": "false", "code": "�", "empty": "x", "count": "-1",
    }  # fmt: skip


def test_it_reads_as_the_same_log_in_csv(tmp_path: Path) -> None:
    events = case_log(5, cases=80, huge=False)
    write_csv(events, tmp_path / "log.csv")
    with (tmp_path / "log.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    table = pa.table({name: [row[name] or None for row in rows] for name in rows[0]})
    pq.write_table(table, tmp_path / "log.parquet", row_group_size=100)
    mapping = MAPPING | {"milestone": "activity", "time": {"from": "when", "timezone": "UTC"}}
    mapping["attributes"] = ["department", "comment", "amount"]
    expected, _ = read(tmp_path / "log.csv", mapping)
    found, report = read(tmp_path / "log.parquet", mapping)
    assert found == expected
    assert (len(found), report.bad) == (len(events), 0)


def test_bad_rows_columns_and_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    table = pa.table({"case": ["1", None], "step": ["a", "b"], "at": ["2026-01-01T00:00Z", "soon"]})
    pq.write_table(table, path)
    seen: list[Progress] = []
    log = EventLog(path, LogMapping.model_validate(MAPPING), now=NOW, progress=seen.append)
    assert [row["milestone"] for table in log.tables() for row in table.to_pylist()] == ["a"]
    assert [str(problem) for problem in log.report.problems] == ["row 2: the case is missing"]
    assert seen[-1].bytes_read == seen[-1].bytes_total
    with pytest.raises(DefinitionError, match="has no column 'when'; it has at, case, step"):
        read(path, MAPPING | {"time": "when"})
    with pytest.raises(DefinitionError, match="is required for a log in PARQUET"):
        read(path, {"source": "/x", "objects": {"o": "case"}})
    path.write_text("case,step,at\n")
    with pytest.raises(MalformedInput, match="cannot be read as Parquet"):
        read(path, MAPPING)


def test_a_file_that_is_damaged_inside_gives_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    count = 150_000
    table = pa.table(
        {
            "case": [str(number) for number in range(count)],
            "step": ["a"] * count,
            "at": ["2026-01-01T00:00Z"] * count,
        }
    )
    pq.write_table(table, path, row_group_size=50_000, compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    middle = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    content[middle : middle + 2_000] = b"\xff" * 2_000
    path.write_bytes(content)
    found, report = read(path, MAPPING)
    assert len(found) == 50_000
    assert "damaged behind row 50000" in report.damage
