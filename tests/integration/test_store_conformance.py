"""What every stage relies on, on each backend: embedded, over HTTP, and a server where one is set.

Nothing here may depend on the backend; what does stands in test_store_embedded and test_store_http.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID, uuid4

import polars as pl
import pyarrow as pa
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from suture.errors import StoreRefused, StoreUnavailable
from suture.store.driver_errors import TEMPORARY_CODES
from suture.store.engine import Store
from suture.store.facts import insert_spans, request_body
from suture.store.migrate import MigrationState, migrate, status

pytestmark = pytest.mark.store

INSTANTS = [
    datetime(1948, 1, 26, 22, 59, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2018, 3, 25, 1, 30, 0, 1, tzinfo=UTC),
    datetime(2026, 11, 22, 9, 14, 3, 120_000, tzinfo=UTC),
    datetime(2200, 2, 28, 23, 59, 59, 123_456, tzinfo=UTC),
]

AWKWARD_TEXT = 'it\'s a \\ \n\t "q" `b` é 日本 🚑 {x:String} %s %(y)s -- ; \x01'


@pytest.fixture
def scratch(any_store: Store) -> Any:
    """Makes tables that are gone after the test."""
    made: list[str] = []

    def make(columns: str, engine: str = "MergeTree ORDER BY tuple()") -> str:
        name = f"scratch_{uuid4().hex[:8]}"
        any_store.execute(f"CREATE TABLE {name} ({columns}) ENGINE = {engine}")
        made.append(name)
        return name

    yield make
    for name in made:
        any_store.execute(f"DROP TABLE {name} SYNC")


# --- the schema


def test_all_migrations_are_applied_and_a_second_run_applies_nothing(any_store: Store) -> None:
    assert {line.state for line in status(any_store)} == {MigrationState.APPLIED}
    assert all(line.applied_at and line.applied_at.tzinfo for line in status(any_store))
    assert migrate(any_store) == []


def test_every_table_can_be_read(any_store: Store) -> None:
    tables = any_store.rows(
        "SELECT name FROM system.tables WHERE database = currentDatabase()"
        " AND engine LIKE '%MergeTree'"
    )
    assert len(tables) > 15
    for table in tables:
        assert any_store.frame(f"SELECT * FROM `{table['name']}` LIMIT 1").width > 1
        any_store.rows(f"SELECT * FROM `{table['name']}` LIMIT 1")


# --- inserts, in all forms


def test_rows_come_back_as_they_were_inserted(any_store: Store) -> None:
    rows = [
        {"stage": "one", "stream": 2**64 - 1, "position": 0, "updated_at": INSTANTS[0]},
        {"stage": AWKWARD_TEXT, "stream": 0, "position": 2**64 - 1, "updated_at": INSTANTS[-1]},
    ]
    any_store.insert("cursors", rows)
    assert any_store.rows("SELECT * FROM cursors ORDER BY stream DESC") == rows


def test_columns_that_are_left_out_take_their_defaults(any_store: Store, scratch: Any) -> None:
    table = scratch("n UInt8, twice UInt8 DEFAULT n * 2, note String DEFAULT 'none'")
    any_store.insert(table, [{"n": 3}])
    any_store.insert_frame(table, pl.DataFrame({"n": [4]}))
    any_store.insert_arrow(table, pa.table({"n": pa.array([5], pa.uint8())}))
    any_store.insert_bytes(table, b'{"n": 6}\n', format="JSONEachRow")
    assert any_store.rows(f"SELECT * FROM {table} ORDER BY n") == [
        {"n": n, "twice": 2 * n, "note": "none"} for n in (3, 4, 5, 6)
    ]


def test_arrow_maps_and_lists_round_trip(any_store: Store, scratch: Any) -> None:
    table = scratch(
        "m Map(LowCardinality(String), String), a Array(LowCardinality(String)),"
        " ts Map(String, Array(DateTime64(6, 'UTC'))), at DateTime64(6, 'UTC')"
    )
    instant = pa.timestamp("us", tz="UTC")
    content = pa.table(
        {
            "m": pa.array(
                [[("a", "1"), ("b", AWKWARD_TEXT)], []], pa.map_(pa.string(), pa.string())
            ),
            "a": pa.array([["x", ""], []], pa.list_(pa.string())),
            "ts": pa.array([[("k", INSTANTS)], []], pa.map_(pa.string(), pa.list_(instant))),
            "at": pa.array([INSTANTS[0], INSTANTS[-1]], instant),
        }
    )
    any_store.insert_arrow(table, content)
    assert any_store.rows(f"SELECT * FROM {table} ORDER BY at") == [
        {
            "m": {"a": "1", "b": AWKWARD_TEXT},
            "a": ["x", ""],
            "ts": {"k": INSTANTS},
            "at": INSTANTS[0],
        },
        {"m": {}, "a": [], "ts": {}, "at": INSTANTS[-1]},
    ]
    frame = any_store.frame(f"SELECT m, a, at FROM {table} ORDER BY at")
    assert frame["at"].to_list() == [INSTANTS[0], INSTANTS[-1]]
    assert frame["a"].to_list() == [["x", ""], []]
    assert frame["m"].to_list()[0] in (
        {"a": "1", "b": AWKWARD_TEXT},
        [{"key": "a", "value": "1"}, {"key": "b", "value": AWKWARD_TEXT}],
    )


def test_a_frame_of_every_kind_of_column_round_trips(any_store: Store, scratch: Any) -> None:
    table = scratch(
        "s String, c LowCardinality(String), n Nullable(Float64), i Int64, u UInt64, b Bool,"
        " at DateTime64(6, 'UTC'), l Array(String)"
    )
    frame = pl.DataFrame(
        {
            "s": ["", AWKWARD_TEXT],
            "c": ["x", ""],
            "n": [None, 1e300],
            "i": [-(2**63), 2**63 - 1],
            "u": pl.Series([0, 2**64 - 1], dtype=pl.UInt64),
            "b": [True, False],
            "at": pl.Series([INSTANTS[0], INSTANTS[-1]], dtype=pl.Datetime("us", "UTC")),
            "l": [[], ["a", "b"]],
        }
    )
    any_store.insert_frame(table, frame)
    any_store.insert_frame(table, frame.clear())
    found = any_store.frame(f"SELECT * FROM {table} ORDER BY i")
    assert found.to_dicts() == frame.to_dicts()
    assert found.schema["at"] == pl.Datetime("us", "UTC")


def test_fifty_thousand_rows_go_in_one_frame(any_store: Store, scratch: Any) -> None:
    table = scratch("k String, n UInt32")
    frame = pl.DataFrame({"k": [f"key-{n}" for n in range(50_000)], "n": range(50_000)})
    any_store.insert_frame(table, frame.cast({"n": pl.UInt32}))
    found = any_store.rows(
        f"SELECT count() AS rows, sum(n) AS total, uniq(k) > 49000 AS u FROM {table}"
    )
    assert found == [{"rows": 50_000, "total": sum(range(50_000)), "u": 1}]


@pytest.mark.parametrize("surplus", [{"m": 1}, {}])
def test_rows_with_different_keys_are_refused_whole(
    any_store: Store, scratch: Any, surplus: dict[str, int]
) -> None:
    table = scratch("n UInt8, m UInt8")
    rows = (
        [{"n": 1, "m": 1}, {"n": 2, "x": 1} | surplus] if surplus else [{"n": 1, "m": 1}, {"n": 2}]
    )
    with pytest.raises(StoreRefused, match=r"row 1 does not have the columns of row 0"):
        any_store.insert(table, rows)
    assert any_store.rows(f"SELECT * FROM {table}") == []


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"nope": 1}], "nope"),
        ([{"n": "three"}], "insert into scratch_"),
        ([{"n": 70_000}], "column `n`"),
        ([{"at": datetime(2026, 1, 1)}], "has no zone"),  # noqa: DTZ001 - that is the point
        ([{"at": "yesterday"}], "insert into scratch_"),
        ([{"n": None}], "insert into scratch_"),
    ],
)
def test_values_that_do_not_fit_are_refused(
    any_store: Store, scratch: Any, rows: list[dict[str, Any]], said: str
) -> None:
    table = scratch("n UInt8, at DateTime64(6, 'UTC')")
    with pytest.raises(StoreRefused, match=said):
        any_store.insert(table, rows)
    assert any_store.rows(f"SELECT * FROM {table}") == []


# --- times


@pytest.mark.parametrize("instant", INSTANTS, ids=str)
def test_an_instant_keeps_its_microseconds_every_way(
    any_store: Store, scratch: Any, instant: datetime
) -> None:
    table = scratch("way String, at DateTime64(6, 'UTC')")
    elsewhere = instant.astimezone(timezone(timedelta(hours=-5)))
    any_store.insert(table, [{"way": "rows", "at": elsewhere}])
    any_store.insert_frame(table, pl.DataFrame({"way": ["frame"], "at": [instant]}))
    instants = pa.array([instant], pa.timestamp("us", tz="UTC"))
    any_store.insert_arrow(table, pa.table({"way": ["arrow"], "at": instants}))
    text = instant.isoformat().replace("+00:00", "Z")
    any_store.insert_bytes(
        table, f'{{"way": "json", "at": "{text}"}}'.encode(), format="JSONEachRow"
    )
    found = any_store.rows(
        f"SELECT way, at FROM {table} WHERE at = {{at:DateTime64(6, 'UTC')}} ORDER BY way",
        {"at": elsewhere},
    )
    assert found == [{"way": way, "at": instant} for way in ("arrow", "frame", "json", "rows")]
    assert any_store.frame(f"SELECT at FROM {table}")["at"].to_list() == [instant] * 4


def test_every_kind_of_time_comes_back_aware_and_in_utc(any_store: Store) -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    found = any_store.rows(
        """
        SELECT toDateTime('2026-07-01 12:00:00') AS bare,
               toDateTime('2026-07-01 14:00:00', 'Europe/Berlin') AS zoned,
               toDateTime64('2026-07-01 12:00:00', 3) AS bare64,
               toDateTime64('2026-07-01 08:00:00', 9, 'America/New_York') AS zoned64,
               CAST('2026-07-01 12:00:00', 'Nullable(DateTime64(6))') AS nullable,
               [toDateTime64('2026-07-01 08:00:00', 6, 'America/New_York')] AS listed,
               map('k', toDateTime('2026-07-01 21:00:00', 'Asia/Tokyo')) AS mapped,
               tuple(toDateTime64('2026-07-01 12:00:00', 6, 'UTC'), 1) AS tupled
        """
    )[0]
    assert found == {
        "bare": noon,
        "zoned": noon,
        "bare64": noon,
        "zoned64": noon,
        "nullable": noon,
        "listed": [noon],
        "mapped": {"k": noon},
        "tupled": (noon, 1),
    }
    times = [found["bare"], found["zoned"], found["zoned64"], found["listed"][0]]
    assert all(time.tzinfo is UTC for time in [*times, found["mapped"]["k"], found["tupled"][0]])


def test_a_frame_has_its_times_in_utc(any_store: Store) -> None:
    frame = any_store.frame(
        "SELECT toDateTime64('2026-07-01 08:00:00', 6, 'America/New_York') AS a,"
        " toDateTime64('2026-07-01 12:00:00', 6) AS b"
    )
    assert frame.schema == {"a": pl.Datetime("us", "UTC"), "b": pl.Datetime("us", "UTC")}
    assert frame.row(0) == (datetime(2026, 7, 1, 12, tzinfo=UTC),) * 2


def test_the_database_counts_in_utc(any_store: Store) -> None:
    found = any_store.rows("SELECT now() AS seconds, now64(6) AS precise, timezone() AS zone")[0]
    now = datetime.now(UTC)
    assert found["zone"] == "UTC"
    assert abs(found["seconds"] - now) < timedelta(minutes=5)
    assert abs(found["precise"] - now) < timedelta(minutes=5)


# --- parameters


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("String", AWKWARD_TEXT),
        ("String", ""),
        ("Nullable(String)", None),
        ("LowCardinality(String)", "x"),
        ("UInt64", 2**64 - 1),
        ("Int64", -(2**63)),
        ("Float64", 0.1),
        ("Bool", True),
        ("UUID", UUID("b7e3a1f0-0000-4000-8000-000000000001")),
        ("Decimal(18, 4)", Decimal("1250.0001")),
        ("DateTime64(6, 'UTC')", INSTANTS[0]),
        ("DateTime64(6)", INSTANTS[3]),
        ("Nullable(DateTime64(6, 'UTC'))", None),
        ("Nullable(DateTime64(6, 'UTC'))", INSTANTS[-1]),
        ("Array(DateTime64(6, 'UTC'))", INSTANTS),
        ("Array(String)", ["it's", "b\\", "c\n", "日本", ""]),
        ("Array(String)", []),
        ("Array(UInt64)", [1, 2**64 - 1]),
        ("Array(Tuple(String, UInt8))", [("a'", 1), ("", 2)]),
        ("Map(String, String)", {"a'b": "c\\", "": ""}),
    ],
    ids=lambda value: str(value)[:24].encode("ascii", "replace").decode(),
)
def test_parameters_of_every_type(any_store: Store, kind: str, value: Any) -> None:
    assert any_store.rows(f"SELECT {{value:{kind}}} AS value", {"value": value}) == [
        {"value": value}
    ]


def test_ten_thousand_values_in_one_parameter(any_store: Store) -> None:
    wanted = [f"key '{n}'" for n in range(10_000)]
    sql = (
        "SELECT count() AS n FROM numbers(20000) WHERE concat('key ''', toString(number), '''') IN"
    )
    assert any_store.rows(f"{sql} {{wanted:Array(String)}}", {"wanted": wanted}) == [{"n": 10_000}]


def test_parameters_of_a_statement_and_a_look_up(any_store: Store, scratch: Any) -> None:
    table = scratch("note String, at DateTime64(6, 'UTC')")
    any_store.execute(
        f"INSERT INTO {table} SELECT {{note:String}}, {{at:DateTime64(6, 'UTC')}}",
        {"note": AWKWARD_TEXT, "at": INSTANTS[0]},
    )
    keys = pl.Series([AWKWARD_TEXT, "other"])
    found = any_store.lookup(
        f"SELECT at FROM {table} WHERE note IN (SELECT key FROM lookup_keys)"
        " AND at < {end:DateTime64(6, 'UTC')}",
        keys,
        {"end": INSTANTS[1]},
    )
    assert found["at"].to_list() == [INSTANTS[0]]


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELECT {missing:String}", {}),
        ("SELECT {n:UInt8}", {"n": "no number"}),
        ("SELECT {at:DateTime64(6)}", {"at": datetime(2026, 1, 1)}),  # noqa: DTZ001
        ("SELECT 1 WHERE 'a%' LIKE 'a%'", {"unused": 1}),
    ],
)
def test_parameters_that_do_not_fit_are_refused(
    any_store: Store, sql: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(StoreRefused):
        any_store.rows(sql, parameters)


# --- reading


def test_values_of_every_type_are_read(any_store: Store) -> None:
    identity = uuid4()
    found = any_store.rows(
        """
        SELECT toDecimal64('1.25', 2) AS amount, {id:UUID} AS id,
               CAST('b', 'Enum8(''a'' = 1, ''b'' = 2)') AS choice, map('k', [1, 2]) AS mapped,
               CAST([(1, 'x')], 'Array(Tuple(n UInt8, s String))') AS nested,
               toIPv4('10.0.0.1') AS address, true AS yes, NULL AS nothing,
               toInt128('-170141183460469231731687303715884105728') AS big,
               toDate('2026-02-28') AS day
        """,
        {"id": identity},
    )[0]
    assert found.pop("day").isoformat() == "2026-02-28"
    assert found == {
        "amount": Decimal("1.25"),
        "id": identity,
        "choice": "b",
        "mapped": {"k": [1, 2]},
        "nested": [{"n": 1, "s": "x"}],
        "address": IPv4Address("10.0.0.1"),
        "yes": True,
        "nothing": None,
        "big": -(2**127),
    }


def test_nested_columns_are_read_as_lists(any_store: Store) -> None:
    any_store.insert(
        "otel_traces",
        [
            {
                "Timestamp": INSTANTS[4],
                "TraceId": "4bf9",
                "Events.Timestamp": [INSTANTS[3], INSTANTS[4]],
                "Events.Name": ["a", "b"],
                "Events.Attributes": [{"k": "v"}, {}],
            }
        ],
    )
    found = any_store.rows(
        "SELECT `Events.Timestamp` AS at, `Events.Name` AS name, `Events.Attributes` AS attributes,"
        " `Links.TraceId` AS links FROM otel_traces"
    )
    assert found == [
        {
            "at": [INSTANTS[3], INSTANTS[4]],
            "name": ["a", "b"],
            "attributes": [{"k": "v"}, {}],
            "links": [],
        }
    ]


def test_an_empty_result_has_no_rows_and_keeps_its_columns(any_store: Store) -> None:
    sql = "SELECT 'x' AS text, now64(6) AS at, map('a', 1) AS m WHERE 0"
    assert any_store.rows(sql) == []
    frame = any_store.frame(sql)
    assert frame.columns == ["text", "at", "m"]
    assert frame.is_empty()
    assert frame.schema["at"] == pl.Datetime("us", "UTC")
    assert any_store.lookup(
        f"{sql} AND 'k' IN (SELECT key FROM lookup_keys)", pl.Series(["k"])
    ).columns


def test_final_reads_the_latest_version_and_leaves_out_what_is_removed(any_store: Store) -> None:
    def row(version: int, removed: int) -> dict[str, Any]:
        return {
            "process": "p",
            "object": "production|order||P-1",
            "anchor": "production|requisition||R-1",
            "removed": removed,
            "version": version,
        }

    sql = "SELECT version FROM reaches FINAL WHERE removed = 0"
    any_store.insert("reaches", [row(1, 0)])
    any_store.insert("reaches", [row(3, 0)])
    any_store.insert("reaches", [row(2, 1)])
    assert any_store.rows(sql) == [{"version": 3}]
    any_store.insert("reaches", [row(4, 1)])
    assert any_store.rows(sql) == []
    any_store.insert("reaches", [row(5, 0)])
    assert any_store.frame(sql)["version"].to_list() == [5]


def test_settings_of_one_read_bind_that_read_only(any_store: Store) -> None:
    sql = "SELECT toUInt32(value) AS v FROM system.settings WHERE name = 'max_block_size'"
    before = any_store.rows(sql)
    assert any_store.rows(sql, settings={"max_block_size": 1234}) == [{"v": 1234}]
    assert any_store.frame(sql, settings={"max_block_size": 1234})["v"].to_list() == [1234]
    assert any_store.rows(sql) == before
    assert any_store.frame(sql)["v"].to_list() == [before[0]["v"]]


def test_a_read_that_takes_too_long_ends(any_store: Store) -> None:
    sql = "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1"
    with pytest.raises(StoreUnavailable, match="TIMEOUT_EXCEEDED"):
        any_store.rows(sql, settings={"max_execution_time": 1})


# --- look-ups


def test_fifty_thousand_keys(any_store: Store, scratch: Any) -> None:
    table = scratch("key String, n UInt32", "MergeTree ORDER BY key")
    names = [f"production|requisition||R-{n} '\\" for n in range(100_000)]
    any_store.insert_frame(
        table, pl.DataFrame({"key": names, "n": range(100_000)}).cast({"n": pl.UInt32})
    )
    sql = f"SELECT n FROM {table} WHERE key IN (SELECT key FROM lookup_keys) ORDER BY n"
    wanted = pl.Series([*names[::2], *names[:100:2], "nobody", None])
    assert any_store.lookup(sql, wanted)["n"].to_list() == list(range(0, 100_000, 2))
    assert any_store.lookup(sql, pl.Series([], dtype=pl.String)).is_empty()
    assert any_store.lookup(sql, pl.Series([names[7]]))["n"].to_list() == [7]


def test_rows_fit_a_table_that_was_made_anew_with_other_columns(
    any_store: Store, scratch: Any
) -> None:
    """What its columns were is remembered until an insert does not fit."""
    table = scratch("key String, n UInt8", "MergeTree ORDER BY key")
    any_store.insert(table, [{"key": "a", "n": 1}])
    any_store.execute(f"ALTER TABLE {table} MODIFY COLUMN n Int64")
    any_store.insert(table, [{"key": "b", "n": 2}])
    with pytest.raises(StoreRefused):
        any_store.insert(table, [{"key": "c", "n": 2**40}])
    any_store.insert(table, [{"key": "c", "n": 2**40}])
    assert any_store.rows(f"SELECT n FROM {table} ORDER BY n") == [
        {"n": 1}, {"n": 2}, {"n": 2**40}
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 30, 1_000])
def test_a_look_up_reads_by_the_primary_key(any_store: Store, scratch: Any, size: int) -> None:
    table = scratch("key String", "MergeTree ORDER BY key SETTINGS index_granularity = 256")
    any_store.insert_frame(table, pl.DataFrame({"key": [f"key-{n:05}" for n in range(10_000)]}))
    wanted = [f"key-{n:05}" for n in range(size)]
    # The keys count as read where they are rows; a granule more at either end.
    sql = (
        f"SELECT key FROM {table} WHERE key IN (SELECT key FROM lookup_keys)"
        f" SETTINGS force_primary_key = 1, max_rows_to_read = {2 * (size + 256)}"
    )
    found = any_store.lookup(sql, pl.Series(wanted))
    assert sorted(found["key"]) == wanted


@pytest.mark.parametrize("others", [0, 1_000])
def test_keys_of_a_look_up_are_any_text(any_store: Store, scratch: Any, others: int) -> None:
    odd = [
        "",
        "'",
        "''",
        "\\",
        "\\n",
        "a\nb",
        "a\tb",
        "a\0b",
        "]",
        "{key:String}",
        "%(key)s",
        "ü🙂\u2028",
    ]
    keys = pl.Series([*odd, *(f"other-{n}" for n in range(others))])
    sql = "SELECT key FROM lookup_keys WHERE NOT startsWith(key, 'other-')"
    assert set(any_store.lookup(sql, keys)["key"]) == set(odd)

    table = scratch("key String, length UInt32", "MergeTree ORDER BY key")
    rows = [{"key": key, "length": len(key)} for key in [*odd, "nobody's", "'nobody"]]
    any_store.insert(table, rows)
    sql = f"SELECT key FROM {table} WHERE key IN (SELECT key FROM lookup_keys)"
    assert sorted(any_store.lookup(sql, keys)["key"]) == sorted(odd)
    sql = f"SELECT key FROM {table} WHERE length IN (SELECT lengthUTF8(key) FROM lookup_keys)"
    wanted = ["abc", *(f"other-{n}" for n in range(others))]
    alike = {row["key"] for row in rows if row["length"] in set(map(len, wanted))}
    assert alike >= {"a\nb", "a\tb", "a\0b"}
    assert set(any_store.lookup(sql, pl.Series(wanted))["key"]) == alike


def test_keys_of_one_look_up_are_not_seen_by_another(any_store: Store) -> None:
    sql = "SELECT key FROM lookup_keys ORDER BY key"
    gate = threading.Barrier(6)

    def look(worker: int) -> None:
        keys = sorted(f"{worker}-{n}" for n in range(500))
        gate.wait(timeout=60)
        for _ in range(5):
            assert any_store.lookup(sql, pl.Series(keys))["key"].to_list() == keys

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(look, range(6)))
    with pytest.raises(StoreRefused):
        any_store.rows(sql)


def test_two_stores_look_up_side_by_side(any_store: Store) -> None:
    sql = "SELECT count() AS n FROM lookup_keys"
    url = any_store.address.with_database(any_store.database)
    with Store(url, readers=1) as other:
        for size in (1, 100, 101, 300, 7):
            assert any_store.lookup(sql, pl.Series(map(str, range(size)))).item() == size
            assert other.lookup(sql, pl.Series(map(str, range(size + 1)))).item() == size + 1


def test_a_failed_look_up_leaves_nothing_behind(any_store: Store) -> None:
    for size in (1, 1_000):
        with pytest.raises(StoreRefused):
            any_store.lookup("SELECT nope FROM lookup_keys", pl.Series(map(str, range(size))))
    found = any_store.lookup("SELECT key FROM lookup_keys", pl.Series(["b"]))
    assert found["key"].to_list() == ["b"]


# --- repeated inserts


def test_a_token_counts_once_where_the_table_has_a_window(any_store: Store) -> None:
    row = {"id": "d1", "received_at": INSTANTS[4], "reason": "no"}
    frame = pl.DataFrame({"id": ["d2", "d3"], "received_at": [INSTANTS[4], INSTANTS[3]]})
    for _ in range(2):
        any_store.insert("dead_letters", [row], token="7:1")
        any_store.insert_frame("dead_letters", frame, token="7:2")
        any_store.insert_bytes("dead_letters", b'{"id": "d4"}', format="JSONEachRow", token="7:3")
    assert any_store.rows("SELECT count() AS n FROM dead_letters") == [{"n": 4}]


def test_without_a_token_equal_rows_count_each_time(any_store: Store) -> None:
    row = {"id": "d1", "received_at": INSTANTS[4]}
    for _ in range(3):
        any_store.insert("dead_letters", [row])
    assert any_store.rows("SELECT count() AS n FROM dead_letters") == [{"n": 3}]


# --- telemetry


# Recent, since older spans than the retention are deleted as soon as the engine likes.
SPANS_FROM = int(datetime.now(UTC).timestamp()) * 1_000_000_000 + 123_456_789


def _request(spans: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(
        KeyValue(key="service.name", value=AnyValue(string_value="erp-api"))
    )
    scope = resource.scope_spans.add()
    for number in range(spans):
        span = scope.spans.add(
            trace_id=bytes(15) + bytes([number + 1]),
            span_id=bytes(7) + bytes([number + 1]),
            name="POST /orders",
            kind=2,
            start_time_unix_nano=SPANS_FROM + number,
            end_time_unix_nano=SPANS_FROM + 100_000_000 + number,
        )
        span.attributes.append(KeyValue(key="empty", value=AnyValue(string_value="")))
        span.attributes.append(KeyValue(key="zero", value=AnyValue(int_value=0)))
        span.attributes.append(KeyValue(key="none", value=AnyValue()))
    return request


def test_protobuf_becomes_spans(any_store: Store) -> None:
    body = request_body(4711 << 32 | 1, [(SPANS_FROM // 1000, _request(3).SerializeToString())] * 2)
    for _ in range(2):
        insert_spans(any_store, body, token="4711:1")
    found = any_store.rows(
        "SELECT count() AS n, uniqExact(TraceId) AS traces, any(ServiceName) AS service,"
        " any(SpanKind) AS kind, any(Duration) AS duration, any(WalSegment) AS segment,"
        " any(SpanAttributes) AS attributes, toUnixTimestamp64Nano(min(Timestamp)) AS first"
        " FROM otel_traces"
    )
    assert found == [
        {
            "n": 6,
            "traces": 3,
            "service": "erp-api",
            "kind": "Server",
            "duration": 100_000_000,
            "segment": 4711 << 32 | 1,
            "attributes": {"empty": "", "zero": "0", "none": ""},
            "first": SPANS_FROM,
        }
    ]
    assert any_store.rows("SELECT count() AS n FROM otel_traces_trace_id_ts FINAL") == [{"n": 3}]


def test_a_broken_request_stores_nothing(any_store: Store) -> None:
    good = _request(1).SerializeToString()
    with pytest.raises(StoreRefused):
        insert_spans(any_store, request_body(1, [(1, good), (2, good[:-3])]), token="1:1")
    assert any_store.rows("SELECT count() AS n FROM otel_traces") == [{"n": 0}]


# --- many at once


def test_eight_threads_read_and_write(any_store: Store, scratch: Any) -> None:
    table = scratch("worker UInt8, n UInt32")

    def work(worker: int) -> None:
        for n in range(6):
            any_store.insert_frame(
                table, pl.DataFrame({"worker": [worker], "n": [n]}).cast({"n": pl.UInt32})
            )
            mine = f"SELECT count() AS n FROM {table} WHERE worker = {{w:UInt8}}"
            assert any_store.rows(mine, {"w": worker}) == [{"n": n + 1}]
            assert any_store.frame(mine, {"w": worker}).item() == n + 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    assert any_store.rows(f"SELECT count() AS n FROM {table}") == [{"n": 48}]


# --- errors


@pytest.mark.parametrize(
    ("sql", "code", "name"),
    [
        ("SELEC 1", 62, "SYNTAX_ERROR"),
        ("SELECT * FROM nowhere", 60, "UNKNOWN_TABLE"),
        ("SELECT nothing FROM cursors", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT nonesuch(1)", 46, "UNKNOWN_FUNCTION"),
        ("SELECT throwIf(1, 'no')", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
    ],
)
def test_a_wrong_statement_is_refused_with_the_engines_code(
    any_store: Store, sql: str, code: int, name: str
) -> None:
    for call in (any_store.rows, any_store.frame, any_store.execute):
        with pytest.raises(StoreRefused, match=name) as caught:
            call(sql)
        assert caught.value.code == code
        assert "http://" not in caught.value.message


@pytest.mark.parametrize("how", ["rows", "frame", "execute", "lookup"])
def test_a_query_that_fails_midway_does_not_spoil_the_next(any_store: Store, how: str) -> None:
    broken = "SELECT number, throwIf(number > 200000, 'no') AS t FROM numbers(300000)"
    url = any_store.address.with_database(any_store.database)
    with Store(url, readers=1) as store:
        arguments = [pl.Series(["a"])] if how == "lookup" else []
        for _ in range(4):
            with pytest.raises(StoreRefused):
                getattr(store, how)(broken, *arguments)
            assert store.rows("SELECT 'x' AS x") == [{"x": "x"}]
            assert store.frame("SELECT 'x' AS x").to_dicts() == [{"x": "x"}]
            assert store.lookup("SELECT key FROM lookup_keys", pl.Series(["b"])).item() == "b"


def test_what_the_engine_cannot_parse_is_not_repeated_in_the_error(any_store: Store) -> None:
    body = b'{"stage": "a", "stream": "Jane Doe 1980-01-01"}'
    with pytest.raises(StoreRefused) as caught:
        any_store.insert_bytes("cursors", body, format="JSONEachRow")
    assert caught.value.code
    assert "Jane" not in caught.value.message


def test_too_little_memory_is_temporary(any_store: Store) -> None:
    sql = "SELECT length(groupArray(toString(number))) FROM numbers(5000000)"
    with pytest.raises(StoreUnavailable, match="MEMORY_LIMIT_EXCEEDED"):
        any_store.rows(sql, settings={"max_memory_usage": 10_000_000})


def test_too_many_partitions_are_permanent(any_store: Store, scratch: Any) -> None:
    table = scratch("n UInt32", "MergeTree PARTITION BY n ORDER BY n")
    frame = pl.DataFrame({"n": range(150)}).cast(pl.UInt32)
    with pytest.raises(StoreRefused, match="Too many partitions") as caught:
        any_store.insert_frame(table, frame)
    assert caught.value.code == 252
    any_store.insert_frame(table, frame, settings={"max_partitions_per_insert_block": 0})
    assert any_store.rows(f"SELECT count() AS n FROM {table}") == [{"n": 150}]


def test_the_codes_that_count_as_temporary_bear_these_names(any_store: Store) -> None:
    found = any_store.rows(
        "SELECT arrayMap(code -> toString(errorCodeToName(code)), {codes:Array(UInt32)}) AS names",
        {"codes": list(TEMPORARY_CODES)},
    )
    assert dict(zip(TEMPORARY_CODES, found[0]["names"], strict=True)) == TEMPORARY_CODES


def test_a_closed_store_says_so(any_store: Store) -> None:
    store = Store(any_store.address.with_database(any_store.database), readers=1)
    store.rows("SELECT 1")
    store.close()
    store.close()
    for call in (
        lambda: store.rows("SELECT 1"),
        lambda: store.execute("SELECT 1"),
        lambda: store.insert("cursors", [{"stage": "x"}]),
    ):
        with pytest.raises(StoreUnavailable, match="closed"):
            call()
