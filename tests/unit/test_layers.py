"""The house rules that a program can check: who imports whom, who may do what, and where SQL is."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("suture", "collector", "correlator", "sla_rules", "alerting", "dashboards")

_SQL = re.compile(
    r"\b(SELECT\s+[\w*(`{'].*?\bFROM\b|INSERT\s+(?:OR\s+\w+\s+)?INTO\s|DELETE\s+FROM\s|"
    r"UPDATE\s+\w+\s+SET\s|(?:CREATE|DROP|ALTER|TRUNCATE|RENAME)\s+(?:OR\s+REPLACE\s+)?"
    r"(?:TEMPORARY\s+|MATERIALIZED\s+)?(?:TABLE|VIEW|DATABASE|FUNCTION|INDEX)\s)",
    re.DOTALL,
)
SQL_EXCEPTIONS = {
    # They look for statements in files, they run none.
    "suture/store/schema.py",
}


@cache
def sources() -> dict[Path, ast.Module]:
    """Every module of the product, parsed."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            found[path.relative_to(ROOT)] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def name_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def docstrings(tree: ast.AST) -> set[int]:
    """Where docstrings stand: sentences there may mention statements."""
    found = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                found.add(id(statement.value))
    return found


def test_imports_run_one_way() -> None:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
    ]
    done = subprocess.run(
        [*command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_only_the_store_imports_the_driver() -> None:
    found = [
        f"{path}:{line} imports {name}"
        for path, tree in sources().items()
        if not within(name_of(path), ("suture.store",))
        for name, line in imported(tree)
        if within(name, ("clickhouse_connect", "chdb"))
    ]
    assert found == []


def test_only_the_settings_read_the_environment() -> None:
    readers = ("environ", "getenv", "getenvb", "environb", "expandvars")
    found = [
        f"{path}:{node.lineno}"
        for path, tree in sources().items()
        if path != Path("suture/settings.py")
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in readers)
        or (isinstance(node, ast.Name) and node.id in readers)
    ]
    assert found == []


def test_sql_stands_in_sql_files_only() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, tree in sources().items()
        if path.as_posix() not in SQL_EXCEPTIONS
        for prose in [docstrings(tree)]
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in prose
        and _SQL.search(node.value)
    ]
    assert found == []


def test_no_import_hides_in_a_function() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, tree in sources().items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert found == []


def test_importing_a_module_opens_nothing() -> None:
    """No file, socket, engine or thread: a process decides itself when to begin."""
    script = (
        "import sys, threading\n"
        "opened = []\n"
        "watched = ('socket.connect', 'sqlite3.connect', 'subprocess.Popen')\n"
        "sys.addaudithook(lambda event, arguments: event in watched and opened.append(event))\n"
        f"import {', '.join(PACKAGES)}\n"
        "import suture.store.engine, suture.store.migrate, suture.testing\n"
        "assert 'chdb' not in sys.modules\n"
        "assert threading.active_count() == 1\n"
        "assert not opened, opened\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=120, check=True)


@pytest.mark.parametrize(
    ("text", "is_sql"),
    [
        ("SELECT a FROM b", True),
        ("SELECT count() AS n\nFROM b", True),
        ("INSERT INTO t VALUES (1)", True),
        ("CREATE TABLE t", True),
        ("Select a process from the list", False),
        ("the store's address; SELECT", False),
        ("UPDATE suture SET x = 1", True),
        ("DROP TABLE t", True),
    ],
)
def test_what_counts_as_sql(text: str, is_sql: bool) -> None:
    assert bool(_SQL.search(text)) is is_sql


def test_no_tests_package_shadows_the_product() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


pytest_plugins = ["pytester"]


def test_a_test_that_opens_a_store_must_say_so(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        (ROOT / "tests" / "conftest.py")
        .read_text(encoding="utf-8")
        .replace("Path(__file__).resolve().parent.parent", f"Path({str(ROOT)!r})")
        .replace("Path(__file__).parent", f"Path({str(ROOT / 'tests')!r})")
    )
    pytester.makepyfile(
        """
        import pytest
        from suture.store.engine import Store

        ADDRESS = "http://127.0.0.1:9"  # nobody listens there

        def test_silent():
            Store(ADDRESS)

        def test_swallowing():
            try:
                Store(ADDRESS)
            except Exception:
                pass

        @pytest.fixture
        def opened():
            return Store(ADDRESS)

        def test_through_a_fixture(opened):
            pass

        @pytest.mark.store
        def test_saying_so():
            with pytest.raises(Exception, match="refused"):
                Store(ADDRESS, connect_timeout_seconds=1)

        def test_nothing():
            pass
        """
    )
    # Of packages that it loads as plugins it would rewrite every module first.
    options = ("--disable-plugin-autoload", "-o", "markers=store: opens one")
    result = pytester.runpytest_subprocess(*options)
    result.assert_outcomes(passed=2, failed=2, errors=1)
    result.stdout.fnmatch_lines(["*test_silent opens a store: mark it with @pytest.mark.store*"])
