"""Values on their way in and out."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.errors import StoreRefused
from suture.store.values import (
    arrow_to_frame,
    external_keys,
    frame_to_arrow,
    in_utc,
    insert_settings,
    parameters_for,
    row_values,
)

AWARE = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))
NAIVE = AWARE.replace(tzinfo=None)


def test_rows_become_values_in_the_order_of_the_columns() -> None:
    assert row_values("t", 0, {"b": 2, "a": 1}, ["a", "b"]) == [1, 2]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"a": 1}, "row 4 .*: missing b, surplus nothing"),
        ({"a": 1, "b": 2, "c": 3}, "row 4 .*: missing nothing, surplus c"),
        ({}, "row 4 .*: missing a, b, surplus nothing"),
    ],
)
def test_a_row_with_other_keys_is_named(row: dict[str, int], said: str) -> None:
    with pytest.raises(StoreRefused, match=f"insert into t: {said}"):
        row_values("t", 4, row, ["a", "b"])


@pytest.mark.parametrize("value", [NAIVE, [NAIVE], {"k": [NAIVE]}, (1, NAIVE), {"k": NAIVE}])
def test_a_naive_time_is_refused_however_deep(value: Any) -> None:
    with pytest.raises(StoreRefused, match=r"parameter at: the time .* has no zone"):
        parameters_for({"at": value})
    with pytest.raises(StoreRefused, match=r"insert into t: at: the time .* has no zone"):
        row_values("t", 0, {"at": value}, ["at"])


def test_other_parameters_pass() -> None:
    given = {"at": AWARE, "list": [AWARE, "x"], "none": None, "map": {"k": 1}}
    assert parameters_for(given) == given
    assert parameters_for(None) == {}


@given(st.integers(-(10**15), 10**15), st.integers(-14, 14))
def test_times_move_to_utc_and_stay_the_same_instant(micros: int, hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    time = datetime(2000, 1, 1, tzinfo=zone) + timedelta(microseconds=micros)
    found = in_utc({"k": [(time, 1)], "t": time})
    assert found == {"k": [(time, 1)], "t": time}
    assert found["k"][0][0].tzinfo is UTC
    assert found["t"].tzinfo is UTC


def test_an_insert_has_a_token_of_its_own_unless_one_is_given() -> None:
    first, second = insert_settings(None), insert_settings(None)
    assert first != second
    assert insert_settings("7:1") == {"insert_deduplication_token": "7:1"}


def test_text_reaches_the_engine_as_plain_arrow_strings() -> None:
    table = frame_to_arrow(pl.DataFrame({"key": ["a"], "list": [["b"]]}))
    assert table.schema.field("key").type == pa.large_string()
    assert table.schema.field("list").type == pa.large_list(pa.large_string())


def test_only_a_table_is_a_frame() -> None:
    with pytest.raises(StoreRefused):
        arrow_to_frame(pa.array([1]))


def test_keys_travel_as_an_arrow_file() -> None:
    data = external_keys(pa.table({"key": ["a", "b"]}))
    ((name, content, _),) = data.form_data.values()
    assert name == "lookup_keys"
    assert pa.ipc.open_file(content).read_all().to_pydict() == {"key": ["a", "b"]}
    assert data.query_params == {
        "lookup_keys_format": "Arrow",
        "lookup_keys_structure": "key String",
    }


def test_arrow_does_without_pandas() -> None:
    script = (
        "import sys, suture.store.values, pyarrow as pa\n"
        "table = pa.table({'a': pa.array(['x', None]), 'b': pa.array([[1], []])})\n"
        "sys.exit('pandas' in sys.modules or table.num_rows != 2)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
