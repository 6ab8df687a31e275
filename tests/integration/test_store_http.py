"""What only a store behind HTTP does: it loses its server, and finds it again.

The server is a double (`tests/clickhouse_double.py`) that can be told to fail.
"""

import functools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from clickhouse_double import ClickHouseDouble, DoubleProcess, Failure

from suture.errors import InstallationError, StoreRefused, StoreUnavailable
from suture.store import clients
from suture.store.engine import Store
from suture.testing import empty_store

pytestmark = pytest.mark.store


@pytest.fixture
def remote(http_double: ClickHouseDouble) -> Iterator[Store]:
    """A store behind the double, with one table: plain, so that a doubled insert shows."""
    with empty_store(http_double.url) as store:
        store.execute("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a")
        yield store


def insert(store: Store, how: str, value: str) -> None:
    if how == "rows":
        store.insert("t", [{"a": value}])
    elif how == "frame":
        store.insert_frame("t", pl.DataFrame({"a": [value]}))
    else:
        store.insert_bytes("t", f'{{"a": "{value}"}}'.encode(), format="JSONEachRow")


def values(store: Store) -> list[str]:
    return [row["a"] for row in store.rows("SELECT a FROM t ORDER BY a")]


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="refused"):
        Store(f"http://127.0.0.1:{port}", connect_timeout_seconds=1)
    assert time.monotonic() - began < 20


def test_somebody_who_is_no_clickhouse(http_double: ClickHouseDouble) -> None:
    strange = pytest.raises(StoreRefused, match="is this address a ClickHouse server")
    with http_double.failing(Failure(status=404)), strange:
        Store(http_double.url)


def test_a_server_that_is_too_old(
    http_double: ClickHouseDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "MINIMUM_VERSION", (99, 1))
    with pytest.raises(InstallationError, match=r"ClickHouse 26\.\S+ is too old, 99\.1 is needed"):
        Store(http_double.url)


def test_a_password_with_special_characters(embedded_engine: Any, engine_url: str) -> None:
    double = ClickHouseDouble(embedded_engine.path, user="me@home", password="p:a/s?s#w%rd").start()
    try:
        with Store(double.url, readers=1) as store:
            assert store.rows("SELECT 1 AS n") == [{"n": 1}]
        with pytest.raises(StoreRefused, match="AUTHENTICATION_FAILED") as caught:
            Store(double.url.replace("p%3Aa", "wrong"))
        assert caught.value.code == 516
    finally:
        double.close()


def test_no_session_ties_calls_to_one_server(remote: Store, http_double: ClickHouseDouble) -> None:
    http_double.requests.clear()
    remote.rows("SELECT 1")
    remote.lookup("SELECT key FROM lookup_keys", pl.Series(["a"]))
    insert(remote, "rows", "x")
    assert len(http_double.requests) > 3
    assert not any("session_id" in request.transport for request in http_double.requests)


def test_every_insert_waits_for_its_rows_and_bears_a_token(
    remote: Store, http_double: ClickHouseDouble
) -> None:
    http_double.requests.clear()
    for how in ("rows", "frame", "bytes"):
        insert(remote, how, how)
    remote.insert("t", [{"a": "given"}], token="7:1")
    sent = [r.settings for r in http_double.requests if b"INSERT" in r.statement]
    assert [settings["async_insert"] for settings in sent] == ["0"] * 4
    tokens = [settings["insert_deduplication_token"] for settings in sent]
    assert tokens[3] == "7:1"
    assert len(set(tokens)) == 4


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("how", ["rows", "frame", "lookup"])
def test_a_read_is_sent_again_over_a_dead_connection(
    remote: Store, http_double: ClickHouseDouble, how: str, when: Any
) -> None:
    arguments = [pl.Series(["a"])] if how == "lookup" else []
    sql = "SELECT 7 AS n" + (" WHERE 'a' IN (SELECT key FROM lookup_keys)" if arguments else "")
    getattr(remote, how)(sql, *arguments)
    with http_double.failing(Failure(cut=when, times=1)):
        http_double.requests.clear()
        found = getattr(remote, how)(sql, *arguments)
    assert len(http_double.requests) == 2
    assert (found if how == "rows" else found.to_dicts()) == [{"n": 7}]


def test_a_read_is_sent_again_only_once(remote: Store, http_double: ClickHouseDouble) -> None:
    with http_double.failing(Failure(cut="before")):
        http_double.requests.clear()
        with pytest.raises(StoreUnavailable):
            remote.frame("SELECT 1")
    assert 1 < len(http_double.requests) <= 3


@pytest.mark.parametrize("how", ["frame", "bytes"])
def test_a_body_is_never_sent_again_unasked(
    remote: Store, http_double: ClickHouseDouble, how: str
) -> None:
    """It may have arrived: a plain table would count it twice."""
    insert(remote, how, "first")
    cut = Failure(cut="after", times=1, matching="INSERT")
    with http_double.failing(cut), pytest.raises(StoreUnavailable):
        insert(remote, how, "second")
    assert values(remote) == ["first", "second"]


def test_rows_sent_again_bear_the_same_token(remote: Store, http_double: ClickHouseDouble) -> None:
    remote.execute("ALTER TABLE t MODIFY SETTING non_replicated_deduplication_window = 100")
    with http_double.failing(Failure(cut="after", times=1, matching="INSERT")):
        insert(remote, "rows", "x")
    assert values(remote) == ["x"]


def test_a_statement_is_never_sent_again(remote: Store, http_double: ClickHouseDouble) -> None:
    with http_double.failing(Failure(cut="after", times=1)):
        http_double.requests.clear()
        with pytest.raises(StoreUnavailable):
            remote.execute("INSERT INTO t SELECT 'x'")
    assert len(http_double.requests) == 1
    assert values(remote) == ["x"]


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Failure(status=503), StoreUnavailable),
        (Failure(status=502), StoreUnavailable),
        (Failure(status=413), StoreRefused),
        (Failure(code=202), StoreUnavailable),
        (Failure(code=241), StoreUnavailable),
        (Failure(code=62), StoreRefused),
    ],
)
@pytest.mark.parametrize("how", ["read", "frame", "bytes", "rows"])
def test_failures_of_the_server(
    remote: Store, http_double: ClickHouseDouble, how: str, failure: Failure, kind: type[Exception]
) -> None:
    call = values if how == "read" else functools.partial(insert, how=how, value="x")
    with http_double.failing(failure), pytest.raises(kind):
        call(remote)
    assert values(remote) == []


def test_a_busy_moment_is_waited_out_by_reads(remote: Store, http_double: ClickHouseDouble) -> None:
    with http_double.failing(Failure(status=503, times=1)):
        assert remote.rows("SELECT 7 AS n") == [{"n": 7}]


def test_a_slow_server_is_given_up_on(
    http_double: ClickHouseDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "ANSWER_SECONDS", 0)
    http_double.fail(Failure(delay_seconds=4, times=1, matching="slow"))
    with Store(http_double.url, readers=1, timeout_seconds=1) as store:
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="timed out"):
            store.rows("SELECT 1 AS slow")
        assert time.monotonic() - began < 3.5


def test_an_outage_ends_and_everything_goes_on(
    remote: Store, http_double: ClickHouseDouble
) -> None:
    insert(remote, "rows", "before")
    with http_double.outage():
        with pytest.raises(StoreUnavailable):
            remote.rows("SELECT 1")
        for how in ("rows", "frame", "bytes"):
            with pytest.raises(StoreUnavailable):
                insert(remote, how, "during")
    for how in ("rows", "frame", "bytes"):
        insert(remote, how, f"then {how}")
    assert values(remote) == ["before", "then bytes", "then frame", "then rows"]


def test_threads_live_through_an_outage(remote: Store, http_double: ClickHouseDouble) -> None:
    stop = threading.Event()
    outcomes: list[set[str]] = [set() for _ in range(6)]

    def work(seen: set[str]) -> None:
        while not stop.is_set():
            try:
                assert remote.rows("SELECT 7 AS n") == [{"n": 7}]
                seen.add("good")
            except StoreUnavailable:
                seen.add("unavailable")

    threads = [threading.Thread(target=work, args=(seen,)) for seen in outcomes]
    for thread in threads:
        thread.start()
    _until(lambda: all("good" in seen for seen in outcomes))
    with http_double.outage():
        _until(lambda: any("unavailable" in seen for seen in outcomes))
    for seen in outcomes:
        seen.clear()
    _until(lambda: all("good" in seen for seen in outcomes))
    stop.set()
    for thread in threads:
        thread.join(30)
    assert set().union(*outcomes) <= {"good", "unavailable"}


def test_a_server_killed_and_started_again_on_its_data(tmp_path: Path) -> None:
    server = DoubleProcess(tmp_path / "server").start()
    try:
        with Store(f"{server.url}/kept", readers=1) as store:
            store.execute("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a")
            insert(store, "rows", "before")
            server.kill()
            with pytest.raises(StoreUnavailable):
                values(store)
            server.start()
            insert(store, "frame", "then")
            assert values(store) == ["before", "then"]
            server.stop()
            with pytest.raises(StoreUnavailable):
                insert(store, "bytes", "never")
            server.start()
            assert values(store) == ["before", "then"]
    finally:
        server.stop()


def test_two_processes_share_one_server(remote: Store) -> None:
    """A worker and a web process look up at the same time and do not see each other's keys."""
    script = (
        "import sys, polars as pl\n"
        "from suture.store.engine import Store\n"
        "with Store(sys.argv[1], readers=1) as store:\n"
        "    for size in range(1, 40):\n"
        "        keys = pl.Series([f'{sys.argv[2]}-{n}' for n in range(size)])\n"
        "        found = store.lookup('SELECT key FROM lookup_keys', keys)['key']\n"
        "        assert sorted(found) == sorted(keys), (size, found)\n"
    )
    url = remote.address.with_database(remote.database)
    running = [subprocess.Popen([sys.executable, "-c", script, url, name]) for name in "ab"]
    assert [process.wait(timeout=120) for process in running] == [0, 0]


def _until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
