"""What only an embedded store does: its lock, its directory, its memory, its end."""

import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import pytest

from suture.errors import InstallationError, StoreError, StoreLocked, StoreUnavailable
from suture.store.engine import Store, StoreAddress, embedded_url

pytestmark = pytest.mark.store

ENDLESS = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1"


def run(script: str, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """Run a script in a process of its own and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **(environment or {})},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_another_process_is_told_who_owns_the_store(lone_engine_url: str) -> None:
    with Store(lone_engine_url, readers=1) as store:
        said = run(
            """
            import os
            import sys
            os.dup2(1, 2)
            from suture.errors import StoreLocked
            from suture.store.engine import Store
            try:
                Store(sys.argv[1])
            except StoreLocked as error:
                print(error)
            """,
            lone_engine_url,
        )
        path = store.address.path
        # Nothing else: the engine would write of its own lock in its own words.
        assert said == (
            f"{path}: process {os.getpid()} owns this embedded store; stop it, or use its doors"
            " instead"
        )


def test_the_lock_goes_with_a_killed_process(lone_engine_url: str) -> None:
    killed = subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "import os, signal, sys\n"
                "from suture.store.engine import Store\n"
                "store = Store(sys.argv[1], readers=1)\n"
                "store.execute('CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a')\n"
                "store.insert('t', [{'a': 'x'}])\n"
                "os.kill(os.getpid(), signal.SIGKILL)\n"
            ),
            lone_engine_url,
        ],
        timeout=120,
        check=False,
    )
    assert killed.returncode == -9
    with Store(lone_engine_url, readers=1) as store:
        assert store.rows("SELECT a FROM t") == [{"a": "x"}]


def test_a_second_directory_in_one_process_is_refused(lone_engine_url: str, tmp_path: Path) -> None:
    other_open = pytest.raises(InstallationError, match="has another embedded store open")
    with Store(lone_engine_url, readers=1), other_open:
        Store(embedded_url(tmp_path / "other"))
    with Store(embedded_url(tmp_path / "other"), readers=1) as store:
        assert store.rows("SELECT 1 AS n") == [{"n": 1}]


@pytest.mark.parametrize("name", ["my store", "100%", "a&b=c", "é日本", "it's"])
def test_directories_with_awkward_names(lone_engine_url: str, tmp_path: Path, name: str) -> None:
    with Store(embedded_url(tmp_path / name / "store"), readers=1) as store:
        store.execute("CREATE TABLE t (a String) ENGINE = Memory")
        store.insert("t", [{"a": name}])
        assert store.rows("SELECT a FROM t") == [{"a": name}]
    assert (tmp_path / name / "store" / "data").is_dir() or (tmp_path / name / "store").is_dir()


def test_a_directory_that_cannot_be_made(lone_engine_url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InstallationError, match="the embedded store cannot be opened"):
        Store(embedded_url(tmp_path / "file" / "store"))


def test_temporary_files_stay_beside_the_store_and_are_swept(lone_engine_url: str) -> None:
    path = StoreAddress.parse(lone_engine_url).path
    assert path is not None
    scratch = path.parent / f"{path.name}.tmp"
    scratch.mkdir()
    (scratch / "tmpleftover.raw").write_bytes(b"from a killed process")
    before = tempfile.tempdir
    with Store(lone_engine_url, readers=1) as store:
        assert list(scratch.iterdir()) == []
        assert tempfile.gettempdir() == str(scratch)
        store.execute("CREATE TABLE t (a String) ENGINE = Memory")
        store.insert("t", [{"a": "x"}])
        store.insert_bytes("t", b'{"a": "y"}', format="JSONEachRow")
        assert list(scratch.iterdir()) == []
    assert tempfile.tempdir == before


def test_a_refused_opening_sweeps_nothing(lone_engine_url: str) -> None:
    """The owner may be in the middle of an insert."""
    path = StoreAddress.parse(lone_engine_url).path
    assert path is not None
    with Store(lone_engine_url, readers=1):
        in_use = path.parent / f"{path.name}.tmp" / "tmpinuse.raw"
        in_use.write_bytes(b"an insert under way")
        run(
            """
            import os
            import sys
            os.dup2(1, 2)
            from suture.errors import StoreLocked
            from suture.store.engine import Store
            try:
                Store(sys.argv[1])
            except StoreLocked:
                print("locked")
            """,
            lone_engine_url,
        )
        assert in_use.exists()


def test_the_working_directory_stays_clean(lone_engine_url: str, tmp_path: Path) -> None:
    """The engine would keep a schema given as text there, even where it may not write."""
    (tmp_path / "cwd").mkdir()
    printed = run(
        """
        import os, sys
        os.chdir(sys.argv[2])
        from suture.store.engine import Store
        with Store(sys.argv[1], readers=1) as store:
            store.execute("CREATE TABLE t (a String) ENGINE = Memory")
            schema = {
                "format_schema_source": "string",
                "format_schema": 'syntax = "proto3"; message M { string a = 1; }',
                "format_schema_message_name": "M",
            }
            store.insert_bytes("t", bytes([3, 10, 1, 120]), format="Protobuf", settings=schema)
            print(store.rows("SELECT a FROM t"), os.listdir("."))
        """,
        lone_engine_url,
        str(tmp_path / "cwd"),
    )
    assert printed == "[{'a': 'x'}] []"


def test_memory_is_capped(lone_engine_url: str) -> None:
    with Store(lone_engine_url, readers=1, max_memory_bytes=400 * 1024 * 1024) as store:
        with pytest.raises(StoreUnavailable, match="MEMORY_LIMIT_EXCEEDED"):
            store.rows("SELECT length(groupArray(toString(number))) FROM numbers(20000000)")
        assert store.rows("SELECT 1 AS n") == [{"n": 1}]


def test_times_do_not_depend_on_the_zone_of_the_machine(lone_engine_url: str) -> None:
    printed = run(
        """
        import sys
        from datetime import UTC, datetime
        from suture.store.engine import Store
        noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
        with Store(sys.argv[1], readers=1) as store:
            store.execute("CREATE TABLE t (bare DateTime64(9), old DateTime) ENGINE = Memory")
            store.insert("t", [{"bare": noon, "old": noon}])
            store.execute("INSERT INTO t SELECT '2026-07-01 12:00:00', '2026-07-01 12:00:00'")
            rows = store.rows(
                "SELECT bare, old FROM t WHERE bare = {at:DateTime64(6)} AND old = {to:DateTime}",
                {"at": noon, "to": noon},
            )
            assert rows == [{"bare": noon, "old": noon}] * 2, rows
            assert all(row["old"].tzinfo is UTC for row in rows), rows
            assert store.frame("SELECT bare FROM t")["bare"].to_list() == [noon] * 2
        print("good")
        """,
        lone_engine_url,
        environment={"TZ": "America/New_York"},
    )
    assert printed == "good"


def test_a_forked_child_is_told_instead_of_hanging(store: Store) -> None:
    store.rows("SELECT 1")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = b"nothing"
        try:
            store.rows("SELECT 1")
        except StoreError as error:
            said = str(error).encode()
        finally:
            os.write(write, said)
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as pipe:
        assert "opened before this process was forked" in pipe.read()


def test_closing_waits_for_a_read_under_way(engine_url: str) -> None:
    store = Store(engine_url, readers=2)
    done: list[int] = []

    def read() -> None:
        done.append(store.rows("SELECT sleep(1) AS s, 7 AS n")[0]["n"])

    reader = threading.Thread(target=read)
    reader.start()
    _until_running(store, 1)
    store.close()
    reader.join(30)
    assert done == [7]


def test_closing_cancels_a_read_that_takes_too_long(engine_url: str) -> None:
    store = Store(engine_url, readers=3)
    caught: list[Exception] = []

    def read() -> None:
        try:
            store.rows(ENDLESS)
        except StoreUnavailable as error:
            caught.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    _until_running(store, 2)
    store.close(cancel_reads_after_seconds=0.1)
    for reader in readers:
        reader.join(30)
    assert ["QUERY_WAS_CANCELLED" in str(error) for error in caught] == [True, True]


def test_a_wrong_opening_can_be_followed_by_a_right_one(lone_engine_url: str) -> None:
    path = StoreAddress.parse(lone_engine_url).path
    assert path is not None
    scratch = path.parent / f"{path.name}.tmp"
    scratch.write_text("in the way")
    with pytest.raises(InstallationError, match="cannot be used"):
        Store(lone_engine_url)
    scratch.unlink()
    with Store(lone_engine_url, readers=1) as store:
        assert store.rows("SELECT 1 AS n") == [{"n": 1}]


def test_a_locked_store_is_no_installation_error() -> None:
    """Whoever operates it acts, not whoever installed it."""
    assert not issubclass(StoreLocked, InstallationError)


def _until_running(store: Store, count: int) -> None:
    sql = "SELECT count() AS n FROM system.processes WHERE query NOT LIKE '%system.processes%'"
    deadline = time.monotonic() + 30
    while store.rows(sql)[0]["n"] < count:
        assert time.monotonic() < deadline
