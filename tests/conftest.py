"""Fixtures for every tier.

`store` is a migrated store on the embedded engine. `any_store` is the same on each backend in turn:
a test that takes it runs on the embedded engine, over HTTP in front of it, and on a real server
where SUTURE_TEST_CLICKHOUSE_URL names one. Both need the marker `store`.
"""

import gc
import multiprocessing.util
import os
import sys
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from suture.garbage import collect_seldom
from suture.store.engine import Store, StoreAddress, embedded_url
from suture.store.migrate import migrate
from suture.store.queries import load
from suture.testing import wipe

# A deadline measures the machine, not the code.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

ROOT = Path(__file__).resolve().parent.parent
HEALTHCARE = ROOT / "deploy" / "config" / "healthcare"
SERVER_URL = os.environ.get("SUTURE_TEST_CLICKHOUSE_URL", "")
BACKENDS = ["chdb", "http", *(["server"] if SERVER_URL else [])]

# Doubles are modules beside this file; tests import them by name.
sys.path.append(str(Path(__file__).parent))

try:
    import chdb
    from clickhouse_double import ClickHouseDouble
except ImportError:  # the extra `embedded` is not installed: tests on a server still run
    chdb = None

try:
    import distribution
except ImportError:  # without xdist one process runs all
    distribution = None  # type: ignore[assignment]

_running: pytest.Item | None = None

# To import and to collect makes hardly any garbage; see `pytest_collection_finish`.
gc.disable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[object]:
    """Know which test runs, and all its fixtures with it."""
    global _running
    _running = item
    try:
        return (yield)
    finally:
        _running = None


def pytest_configure() -> None:
    """Let no test open a store that does not say so: its marker decides where it may run."""
    # Where processes keep their sockets is decided once: not below a store, which passes away.
    multiprocessing.util.get_temp_dir()
    open_store = Store.__init__

    def guarded(self: Store, *args: object, **options: object) -> None:
        if _running is not None and _running.get_closest_marker("store") is None:
            pytest.fail(f"{_running.nodeid} opens a store: mark it with @pytest.mark.store")
        open_store(self, *args, **options)  # type: ignore[arg-type]

    Store.__init__ = guarded  # type: ignore[method-assign]


def pytest_collection_finish() -> None:
    """Modules and tests live to the end; nobody need look for garbage among them."""
    collect_seldom()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    ids = Counter(item.nodeid for item in items)
    if twice := [id_ for id_, times in ids.items() if times > 1]:
        raise pytest.UsageError(f"several tests have one id, and xdist would run one: {twice}")
    if distribution is not None:
        distribution.longest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share the tests out, unless another way is asked for; see `distribution.py`."""
    return distribution.Distribution(config, log) if config.getvalue("dist") == "load" else None


REAL_DATA = Path(os.environ.get("SUTURE_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path | None:
    """Where the public event logs lie, for tests that can do without."""
    return REAL_DATA if REAL_DATA.is_dir() else None


@pytest.fixture(scope="session")
def real_data_dir(real_data: Path | None) -> Path:
    """Where the public event logs lie; tests that need one skip where it is absent."""
    if real_data is None:
        pytest.skip(f"no event logs at {REAL_DATA}; set SUTURE_TEST_DATA")
    return real_data


class EmbeddedEngine:
    """The one directory of the embedded engine that a test process has.

    It stays open from test to test, since opening takes most of a second and never gives all its
    threads back. `release` lets go of it for a test that needs another directory, or none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: object = None
        self._stores: dict[str, Store] = {}
        self._double: ClickHouseDouble | None = None

    def store(self, url: str) -> Store:
        """A store that stays open for the next test, since opening costs more than most tests.

        `url` is this engine's address with a database, or that of the double in front of it.
        """
        kept = self._stores.get(url)
        if kept is None or kept.closed:
            kept = self._stores[url] = Store(url, readers=2)
        return kept

    def forget_what_was_changed(self, url: str) -> None:
        """Close a store whose methods were replaced: undone, that leaves something of its own."""
        kept = self._stores[url]
        if not kept.closed and any(name in vars(Store) for name in vars(kept)):
            kept.close()

    def double_url(self) -> str:
        """The address of a server's HTTP interface in front of it; it stays from test to test."""
        if self._double is None:
            self._double = ClickHouseDouble(self.path).start()
        self._double.requests.clear()
        return self._double.url

    def hold(self) -> None:
        if self._handle is None:
            self._handle = chdb.connect(str(self.path))

    def tables(self, database: str) -> dict[str, int]:
        """The tables and views of a database, and how many rows each has; views have none."""
        found = self._ask(
            "SELECT name, ifNull(total_rows, 0) FROM system.tables"
            f" WHERE database = '{database}' ORDER BY name"
        )
        return {name: int(rows) for name, rows in (line.split("\t") for line in found)}

    def empty(self, database: str, tables: Iterable[str]) -> None:
        for table in tables:
            self._ask(f"TRUNCATE TABLE {database}.{table} SYNC")
        for kept in self._stores.values():
            kept.written_elsewhere()

    def _ask(self, sql: str) -> list[str]:
        self.hold()
        answer: bytes = self._handle.query(sql, "TabSeparated").bytes()  # type: ignore[attr-defined]
        return answer.decode().splitlines()

    def release(self) -> None:
        for kept in self._stores.values():
            kept.close()
        self._stores.clear()
        if self._double is not None:
            self._double.close()
            self._double = None
        if self._handle is not None:
            self._handle.close()  # type: ignore[attr-defined]
            self._handle = None


@pytest.fixture(scope="session")
def embedded_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    """The embedded engine of this test process."""
    if chdb is None:
        pytest.skip("the embedded engine is not installed: install suture[embedded]")
    engine = EmbeddedEngine(tmp_path_factory.mktemp("engine") / "store")
    yield engine
    engine.release()


@pytest.fixture
def engine_url(embedded_engine: EmbeddedEngine) -> str:
    """The embedded engine's address: one per test process, since it can be opened only once."""
    embedded_engine.hold()
    return embedded_url(embedded_engine.path)


@pytest.fixture
def lone_engine_url(embedded_engine: EmbeddedEngine, tmp_path: Path) -> str:
    """A directory that nobody has opened, here or in another process: the test may do so.

    It must not use `store` or `engine_url` as well, and must close what it opens.
    """
    embedded_engine.release()
    return embedded_url(tmp_path / "store")


class Slates:
    """A migrated database for each use, wiped after each test instead of made anew."""

    def __init__(self, engine: EmbeddedEngine | None) -> None:
        self._engine = engine
        self._databases: dict[str, str] = {}
        self._migrated: dict[str, list[str]] = {}

    @contextmanager
    def clean(self, use: str, base_url: str) -> Iterator[Store]:
        """An empty store at `base_url`, for one at a time of each `use`."""
        database = self._databases.setdefault(use, f"test_{uuid.uuid4().hex[:12]}")
        url = StoreAddress.parse(base_url).with_database(database)
        with self._opened(use, url) as store:
            if use not in self._migrated:
                migrate(store)
                self._migrated |= {use: [] if use == "server" else list(self._tables(database))}
            yield store
        if use == "server":
            with Store(url, readers=1) as store:  # since the test may have closed the other
                wipe(store)
            del self._migrated[use]
        else:
            self._wipe_embedded(use, database)

    @contextmanager
    def _opened(self, use: str, url: str) -> Iterator[Store]:
        if use == "server":
            with Store(url, readers=2) as store:
                yield store
            return
        assert self._engine is not None
        yield self._engine.store(url)
        self._engine.forget_what_was_changed(url)

    def _wipe_embedded(self, use: str, database: str) -> None:
        """Beside all stores: to open one takes longer than to wipe it."""
        assert self._engine is not None
        found = self._tables(database)
        filled = {name for name, rows in found.items() if rows and name != "schema_migrations"}
        self._engine.empty(database, filled)
        if list(found) != self._migrated[use]:  # the next one repairs what the test did to it
            del self._migrated[use]

    def _tables(self, database: str) -> dict[str, int]:
        assert self._engine is not None
        return self._engine.tables(database)

    def drop(self) -> None:
        """Leave nothing on a server; what is embedded goes with its directory."""
        if database := self._databases.get("server"):
            with Store(SERVER_URL, readers=1) as store:
                store.execute(load("engine")["drop_database"], {"database": database})


@pytest.fixture(scope="session")
def slates(request: pytest.FixtureRequest) -> Iterator[Slates]:
    """The databases of this test process."""
    slates = Slates(request.getfixturevalue("embedded_engine") if chdb else None)
    yield slates
    slates.drop()


@pytest.fixture
def store(engine_url: str, slates: Slates) -> Iterator[Store]:
    """A migrated, empty store on the embedded engine."""
    with slates.clean("chdb", engine_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def kept_store(embedded_engine: EmbeddedEngine, slates: Slates) -> Iterator[Store]:
    """Like `store`, for all tests of a file: what one writes, the next finds."""
    embedded_engine.hold()
    with slates.clean("kept", embedded_url(embedded_engine.path)) as opened:
        yield opened


@pytest.fixture
def http_double(engine_url: str, embedded_engine: EmbeddedEngine) -> Iterator["ClickHouseDouble"]:
    """A server's HTTP interface in front of the embedded engine; see `clickhouse_double.py`."""
    double = ClickHouseDouble(embedded_engine.path).start()
    yield double
    double.close()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The name and address, without a database, of each backend in turn."""
    name: str = request.param
    if name == "server":
        return name, SERVER_URL
    address = request.getfixturevalue("engine_url")
    if name == "http":
        return name, request.getfixturevalue("embedded_engine").double_url()
    return name, address


@pytest.fixture
def any_store_url(backend: tuple[str, str]) -> str:
    """The address of each backend in turn, without a database."""
    return backend[1]


@pytest.fixture
def any_store(backend: tuple[str, str], slates: Slates) -> Iterator[Store]:
    """A migrated, empty store on each backend in turn."""
    with slates.clean(*backend) as opened:
        yield opened
