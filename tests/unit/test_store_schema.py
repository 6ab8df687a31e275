"""The schema's files: their holes, their review, and what they say for a cluster."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.errors import MigrationError
from suture.store.migrate import plan
from suture.store.schema import Migration, Target, review, shipped, split_statements

CLUSTER = Target(cluster="main", retention_days={"traces": 7, "logs": 5, "metrics": 3})
GOLDEN = Path(__file__).parent.parent / "golden" / "schema_cluster.sql"

TABLE = """-- Some table; with a remark.
CREATE TABLE IF NOT EXISTS things {{on_cluster}}
(
    at DateTime64(6, 'UTC'),
    text String DEFAULT 'a;b -- no comment'
)
ENGINE = {{engine ReplacingMergeTree(at)}}
ORDER BY at
TTL toDate(at) + toIntervalDay({{ttl traces}})
SETTINGS {{durable}}, ttl_only_drop_parts = 1;
"""


def migration(text: str) -> Migration:
    return Migration(number=7, name="things", text=text)


def test_one_node() -> None:
    (statement,) = migration(TABLE).statements(Target(retention_days={"traces": 30}))
    assert statement == (
        "CREATE TABLE IF NOT EXISTS things \n(\n    at DateTime64(6, 'UTC'),\n"
        "    text String DEFAULT 'a;b -- no comment'\n)\nENGINE = ReplacingMergeTree(at)\n"
        "ORDER BY at\nTTL toDate(at) + toIntervalDay(30)\nSETTINGS fsync_after_insert = 1,"
        " fsync_part_directory = 1, non_replicated_deduplication_window = 1000,"
        " ttl_only_drop_parts = 1"
    )


def test_a_cluster() -> None:
    (statement,) = migration(TABLE).statements(CLUSTER)
    assert "things ON CLUSTER `main`\n" in statement
    assert (
        "ENGINE = ReplicatedReplacingMergeTree("
        "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}', at)\n"
    ) in statement
    assert "toIntervalDay(7)" in statement


@pytest.mark.parametrize(
    ("hole", "engine"),
    [
        ("{{engine MergeTree}}", "MergeTree"),
        ("{{engine MergeTree()}}", "MergeTree"),
        (
            "{{engine VersionedCollapsingMergeTree(sign, f(v))}}",
            "VersionedCollapsingMergeTree(sign, f(v))",
        ),
    ],
)
def test_engines_with_and_without_arguments(hole: str, engine: str) -> None:
    assert migration(f"ENGINE = {hole}").statements(Target()) == [f"ENGINE = {engine}"]


@pytest.mark.parametrize(
    ("hole", "element"),
    [
        ("{{span.name}}", "tupleElement(span, 'name')"),
        ("{{a.b_c.d}}", "tupleElement(tupleElement(a, 'b_c'), 'd')"),
    ],
)
def test_fields_of_tuples(hole: str, element: str) -> None:
    assert migration(f"SELECT {hole}").statements(Target()) == [f"SELECT {element}"]


@pytest.mark.parametrize("hole", ["{{durble}}", "{{ttl}}", "{{engine}}", "{{x y}}"])
def test_an_unknown_hole_is_named(hole: str) -> None:
    with pytest.raises(
        MigrationError, match=re.escape(f"0007_things: nothing is known to fill {hole}")
    ):
        migration(f"SETTINGS {hole}").statements(Target())


def test_a_family_without_a_retention_is_named() -> None:
    with pytest.raises(MigrationError, match="no retention is set for 'traces'"):
        migration(TABLE).statements(Target(retention_days={"logs": 3}))


def test_the_retention_of_a_table() -> None:
    found = migration(TABLE).retention(CLUSTER)
    assert found is not None
    assert (found.table, found.family, found.days) == ("things", "traces", 7)
    assert found.clause == "toDate(at) + toIntervalDay(7)"
    assert migration("CREATE TABLE IF NOT EXISTS t (a String)").retention(CLUSTER) is None


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", []),
        (" ;; -- only a comment; \n /* and ; another */ ;", []),
        ("A; B", ["A", "B"]),
        ("A 'x;y'; B \"x;y\"; C `x;y`", ["A 'x;y'", 'B "x;y"', "C `x;y`"]),
        ("A 'it''s; \\'; x'; B", ["A 'it''s; \\'; x'", "B"]),
        ("A - 1 / 2 -- gone\n + 3;", ["A - 1 / 2 \n + 3"]),
        ("A '--' '/*'; B", ["A '--' '/*'", "B"]),
    ],
)
def test_statements_are_split(text: str, statements: list[str]) -> None:
    assert list(split_statements(text)) == statements


@given(
    st.lists(
        st.text("ab ';\"`-/*\\\n", min_size=1).map(
            lambda t: "'" + t.replace("\\", "\\\\").replace("'", "\\'") + "'"
        ),
        max_size=6,
    )
)
def test_any_quoted_text_stays_whole(literals: list[str]) -> None:
    text = ";".join(f"SELECT {literal}" for literal in literals)
    assert list(split_statements(text)) == [f"SELECT {literal}" for literal in literals]


DANGERS = [
    "DROP TABLE IF EXISTS t {{on_cluster}}",
    "ALTER TABLE t {{on_cluster}} DROP COLUMN IF EXISTS a",
    "TRUNCATE TABLE t {{on_cluster}}",
    "DELETE FROM t {{on_cluster}} WHERE 1",
    "ALTER TABLE t {{on_cluster}} DELETE WHERE 1",
    "ALTER TABLE t {{on_cluster}} UPDATE a = 1 WHERE 1",
    "ALTER TABLE t {{on_cluster}} MODIFY ORDER BY (a, b)",
    "ALTER TABLE t {{on_cluster}} modify  column a String",
    "ALTER TABLE t {{on_cluster}} MODIFY TTL a + toIntervalDay(1)",
    "RENAME TABLE t TO u {{on_cluster}}",
    "EXCHANGE TABLES t AND u {{on_cluster}}",
    "INSERT INTO t SELECT 1",
    "CREATE OR REPLACE TABLE t {{on_cluster}} (a String) ENGINE = {{engine MergeTree}} ORDER BY a",
]


@pytest.mark.parametrize("statement", DANGERS)
def test_a_danger_needs_a_reason(statement: str) -> None:
    (complaint,) = review(migration(f"{statement};"))
    assert complaint.endswith("needs a line '-- danger: <reason>'")
    assert review(migration(f"-- danger:\n{statement};")) == [complaint]
    assert review(migration(f"-- danger: nobody reads it any more\n{statement};")) == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t {{on_cluster}} (a String) ENGINE = Null",
        "CREATE MATERIALIZED VIEW v {{on_cluster}} TO t AS SELECT 1 AS a",
        "CREATE FUNCTION suture_f {{on_cluster}} AS x -> x",
        "ALTER TABLE t {{on_cluster}} ADD COLUMN a String",
        "ALTER TABLE t {{on_cluster}} ADD INDEX i a TYPE minmax",
        "-- danger: x\nDROP TABLE t {{on_cluster}}",
    ],
)
def test_a_statement_that_cannot_be_run_twice_is_found(statement: str) -> None:
    assert [c.split(": ")[1] for c in review(migration(statement))] == [
        "cannot be run twice; say IF [NOT] EXISTS"
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE IF NOT EXISTS t {{on_cluster}} (`DROP` String DEFAULT 'x') ENGINE = Null",
        "CREATE TABLE IF NOT EXISTS t {{on_cluster}} (a String) ENGINE = {{engine MergeTree}}",
        "CREATE MATERIALIZED VIEW IF NOT EXISTS v {{on_cluster}} TO t AS SELECT updated_at FROM u",
        "CREATE OR REPLACE FUNCTION suture_f {{on_cluster}} AS x -> x",
        "ALTER TABLE t {{on_cluster}} ADD COLUMN IF NOT EXISTS a String",
        "CREATE TABLE IF NOT EXISTS t {{on_cluster}} (a String) ENGINE = Memory",
    ],
)
def test_harmless_statements_pass(statement: str) -> None:
    assert review(migration(statement)) == []


def test_what_would_differ_between_nodes_is_found() -> None:
    text = "CREATE TABLE IF NOT EXISTS t (a String) ENGINE = MergeTree ORDER BY a"
    assert review(migration(text)) == [
        "CREATE TABLE IF NOT EXISTS t: lacks {{on_cluster}}",
        "ENGINE = MergeTree: is not replicated on a cluster; write {{engine …}}",
    ]


def test_a_plan_of_an_unfit_migration_is_refused() -> None:
    with pytest.raises(MigrationError, match="0007_things: DROP needs a line"):
        plan(migrations=[migration("DROP TABLE IF EXISTS t {{on_cluster}}")])


# --- what is shipped


def test_the_shipped_migrations_are_fit_to_run() -> None:
    found = shipped()
    assert found[0].name == "schema_migrations"
    assert [m.number for m in found] == sorted({m.number for m in found})
    assert [f"{m}: {complaint}" for m in found for complaint in review(m)] == []


def test_every_shipped_table_that_keeps_rows_has_them_on_disk_when_an_insert_returns() -> None:
    for one in shipped():
        for statement in one.statements(Target()):
            if "MergeTree" in statement:
                assert "fsync_after_insert = 1, fsync_part_directory = 1" in statement, one


def test_facts_have_a_window_and_are_never_replaced() -> None:
    """A segment in doubt is settled by counting its rows, and repeated under its token."""
    for one in shipped():
        (first, *_) = one.statements(Target())
        plain = "ENGINE = MergeTree" in first
        if plain:
            assert "non_replicated_deduplication_window" in first, one


def test_no_replacing_table_is_partitioned_by_a_time_that_can_change() -> None:
    """Rows in different partitions never replace each other: the key has to hold the time."""
    for one in shipped():
        (first, *_) = one.statements(Target())
        partition = re.search(r"PARTITION BY \w+\((\w+)\)", first)
        if partition and "ReplacingMergeTree" in first:
            order = re.search(r"ORDER BY \(?([^\n]+)", first)
            assert order
            assert partition[1] in order[1], one


def test_the_schema_on_a_cluster() -> None:
    """A snapshot: SUTURE_UPDATE_GOLDEN=1 rewrites it, and the diff shows what changes."""
    text = ";\n\n".join(plan(CLUSTER)) + ";\n"
    if os.environ.get("SUTURE_UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
    assert text.startswith("CREATE DATABASE IF NOT EXISTS `suture` ON CLUSTER `main`;")
