"""Migrations on a store: status, dry run, drift, interruption, two at once, retention."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from suture.clock import ManualClock
from suture.errors import MigrationError, StoreUnavailable
from suture.store.engine import Store
from suture.store.migrate import Migration, MigrationState, Target, migrate, plan, shipped, status
from suture.testing import empty_store

pytestmark = pytest.mark.store

RECORD = shipped()[0]
FIRST = Migration(
    number=10,
    name="first",
    text="-- Two tables.\n"
    "CREATE TABLE IF NOT EXISTS a {{on_cluster}} (x UInt8)\n"
    "ENGINE = {{engine MergeTree}} ORDER BY x;\n"
    "CREATE TABLE IF NOT EXISTS b {{on_cluster}} (x UInt8)\n"
    "ENGINE = {{engine MergeTree}} ORDER BY x",
)
SECOND = Migration(
    number=20,
    name="second",
    text="ALTER TABLE a {{on_cluster}} ADD COLUMN IF NOT EXISTS y UInt8 DEFAULT x + 1;"
    "CREATE MATERIALIZED VIEW IF NOT EXISTS ab {{on_cluster}} TO b AS SELECT x FROM a",
)
EMPTYING = Migration(
    number=30,
    name="emptying",
    text="-- danger: the rows of b were wrong, and a gives them again\n"
    "TRUNCATE TABLE IF EXISTS b {{on_cluster}}",
)
KEEPING = Migration(
    number=40,
    name="keeping",
    text="CREATE TABLE IF NOT EXISTS kept {{on_cluster}} (at DateTime64(6, 'UTC'))\n"
    "ENGINE = {{engine MergeTree}}\nORDER BY at\nTTL toDate(at) + toIntervalDay({{ttl traces}})\n"
    "SETTINGS ttl_only_drop_parts = 1",
)
ALL = [RECORD, FIRST, SECOND, EMPTYING]


@pytest.fixture
def bare(any_store_url: str) -> Iterator[Store]:
    """A store without any table, on each backend in turn."""
    with empty_store(any_store_url) as store:
        yield store


def tables(store: Store) -> list[str]:
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name"
    return [row["name"] for row in store.rows(sql)]


def states(store: Store, migrations: list[Migration]) -> list[str]:
    return [line.state.value for line in status(store, migrations)]


def test_looking_changes_nothing(bare: Store) -> None:
    assert states(bare, ALL) == ["pending"] * 4
    assert len(plan(store=bare, migrations=ALL)) == 6
    assert tables(bare) == []


def test_what_is_pending_is_applied_in_order_and_recorded(bare: Store) -> None:
    clock = ManualClock(datetime(2026, 11, 22, 9, 14, 3, 120_000, tzinfo=UTC))
    assert migrate(bare, migrations=[RECORD, FIRST], clock=clock) == [RECORD, FIRST]
    clock.advance(days=1)
    assert states(bare, ALL) == ["applied", "applied", "pending", "pending"]
    assert plan(store=bare, migrations=ALL) == [
        *SECOND.statements(Target()),
        *EMPTYING.statements(Target()),
    ]
    assert migrate(bare, migrations=ALL, clock=clock) == [SECOND, EMPTYING]
    assert [line.applied_at and line.applied_at.day for line in status(bare, ALL)] == [
        22,
        22,
        23,
        23,
    ]
    assert plan(store=bare, migrations=ALL) == []
    bare.insert("a", [{"x": 1}])
    assert bare.rows("SELECT x, y FROM a") == [{"x": 1, "y": 2}]
    assert bare.rows("SELECT x FROM b") == [{"x": 1}]


def test_a_migration_between_applied_ones_is_applied(bare: Store) -> None:
    migrate(bare, migrations=[RECORD, FIRST, EMPTYING])
    assert migrate(bare, migrations=ALL) == [SECOND]


def test_a_changed_file_is_refused(bare: Store) -> None:
    migrate(bare, migrations=[RECORD, FIRST])
    edited = Migration(number=10, name="first", text=FIRST.text + " ")
    assert states(bare, [RECORD, edited]) == ["applied", "changed"]
    for call in (migrate, lambda store, migrations: plan(store=store, migrations=migrations)):
        with pytest.raises(MigrationError, match="have changed since: 0010_first"):
            call(bare, migrations=[RECORD, edited, SECOND])
    assert states(bare, ALL) == ["applied", "applied", "pending", "pending"]


def test_a_store_of_a_newer_version_is_refused(bare: Store) -> None:
    migrate(bare, migrations=ALL)
    older = [RECORD, FIRST]
    assert states(bare, older) == ["applied", "applied", "unknown", "unknown"]
    assert [line.name for line in status(bare, older)][2:] == ["second", "emptying"]
    with pytest.raises(MigrationError, match=r"newer version .* 0020_second, 0030_emptying"):
        migrate(bare, migrations=older)


def test_an_unfit_migration_stops_everything_before_it_begins(bare: Store) -> None:
    unfit = Migration(number=40, name="unfit", text="DROP TABLE IF EXISTS a {{on_cluster}}")
    with pytest.raises(MigrationError, match="0040_unfit: DROP needs a line"):
        migrate(bare, migrations=[*ALL, unfit])
    assert tables(bare) == []


class Interrupted(Store):
    """A store that fails after so many statements, as a killed process would stop."""

    left = 0

    def execute(self, sql: str, parameters: Any = None) -> None:
        self._count()
        super().execute(sql, parameters)

    def insert(self, *arguments: Any, **options: Any) -> None:
        self._count()
        super().insert(*arguments, **options)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise StoreUnavailable("killed")


@pytest.mark.parametrize("statements", range(8))
def test_a_run_that_stopped_anywhere_is_run_again(bare: Store, statements: int) -> None:
    url = bare.address.with_database(bare.database)
    with Interrupted(url, readers=1) as store:
        store.left = statements
        with pytest.raises(StoreUnavailable, match="killed"):
            migrate(store, migrations=ALL)
    migrate(bare, migrations=ALL)
    assert states(bare, ALL) == ["applied"] * 4
    assert tables(bare) == ["a", "ab", "b", "schema_migrations"]


def test_a_dangerous_migration_is_recorded_at_once(bare: Store) -> None:
    later = Migration(number=50, name="later", text="CREATE TABLE IF NOT EXISTS {{on_cluster}} ?")
    with pytest.raises(Exception, match="SYNTAX_ERROR"):
        migrate(bare, migrations=[*ALL, later])
    assert states(bare, ALL) == ["applied"] * 4


@pytest.mark.parametrize("statements", [1, 9, 20])
def test_the_shipped_migrations_survive_an_interruption(engine_url: str, statements: int) -> None:
    with empty_store(engine_url) as store:
        with Interrupted(store.address.with_database(store.database), readers=1) as first:
            first.left = statements
            with pytest.raises(StoreUnavailable, match="killed"):
                migrate(first)
        migrate(store)
        assert {line.state for line in status(store)} == {MigrationState.APPLIED}


def test_two_that_migrate_at_once_do_not_disturb_each_other(bare: Store) -> None:
    url = bare.address.with_database(bare.database)

    def run(_: int) -> None:
        with Store(url, readers=1) as store:
            migrate(store)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(run, range(2)))
    assert {line.state for line in status(bare)} == {MigrationState.APPLIED}
    sql = "SELECT count() AS n, uniqExact(number) AS numbers FROM schema_migrations FINAL"
    assert bare.rows(sql) == [{"n": len(shipped()), "numbers": len(shipped())}]


def test_two_processes_that_migrate_at_once(http_double: Any) -> None:
    with empty_store(http_double.url) as store:
        script = textwrap.dedent(
            """
            import sys
            from suture.store.engine import Store
            from suture.store.migrate import migrate
            with Store(sys.argv[1], readers=1) as store:
                migrate(store)
            """
        )
        url = store.address.with_database(store.database)
        command = [sys.executable, "-W", "error", "-c", script, url]
        running = [subprocess.Popen(command) for _ in range(2)]
        assert [process.wait(timeout=120) for process in running] == [0, 0]
        assert {line.state for line in status(store)} == {MigrationState.APPLIED}


def test_another_retention_alters_the_table_and_only_once(bare: Store) -> None:
    migrations = [RECORD, KEEPING]
    month, week = Target(retention_days={"traces": 30}), Target(retention_days={"traces": 7})
    migrate(bare, month, migrations)
    assert plan(month, bare, migrations) == []
    assert plan(week, bare, migrations) == [
        "ALTER TABLE `kept`  MODIFY TTL toDate(at) + toIntervalDay(7)"
    ]
    assert migrate(bare, week, migrations) == []
    sql = (
        "SELECT create_table_query FROM system.tables WHERE database = {d:String} AND name = 'kept'"
    )
    (table,) = bare.rows(sql, {"d": bare.database})
    assert "TTL toDate(at) + toIntervalDay(7)" in table["create_table_query"]
    assert plan(week, bare, migrations) == []


def test_the_shipped_retentions_can_all_be_changed(any_store: Store) -> None:
    longer = Target(retention_days={"traces": 31, "logs": 32, "metrics": 33})
    changes = plan(longer, any_store)
    assert len(changes) == sum(m.retention(longer) is not None for m in shipped()) > 1
    migrate(any_store, longer)
    assert plan(longer, any_store) == []
    migrate(any_store)
    assert plan(store=any_store) == []
