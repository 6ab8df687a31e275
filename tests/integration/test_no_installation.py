"""Commands that only look: they say that there is nothing to look at, and make nothing."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from suture.app.cli import suture
from suture.errors import InstallationError
from suture.store.engine import Store
from suture.store.migrate import migrate
from suture.store.schema import shipped

PROCESS = "requisition_to_fulfilment"
LOOKING = [
    ("dead-letters", "list"),
    ("dead-letters", "list", "--by", "type"),
    ("dead-letters", "show", "1a403de8d52a4a46c0e5a86897230a7c"),
    ("dead-letters", "replay", "--all"),
    ("links", "ambiguous"),
    ("links", "decisions"),
    ("explain", PROCESS, "R-10044"),
    ("export", "--process", PROCESS, "log.json"),
    ("process", "map", PROCESS),
    ("process", "variants", PROCESS),
    ("process", "conformance", PROCESS),
    ("correlate", "--rebuild"),
]


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, and the present one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(*words: str) -> Result:
    return CliRunner().invoke(suture, words)


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_where_nothing_is_installed_that_is_said(empty: Path, words: tuple[str, ...]) -> None:
    done = _run(*words)
    assert done.exit_code == 1
    assert isinstance(done.exception, InstallationError)
    assert done.exception.message == "there is no installation in ./data (choose it with --data)"
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(("where", "shown"), [("elsewhere", "./elsewhere"), ("../x", "../x")])
def test_the_directory_that_was_chosen_is_named(empty: Path, where: str, shown: str) -> None:
    done = _run("process", "map", PROCESS, "--data", where)
    assert f"in {shown} " in str(done.exception)
    assert list(empty.iterdir()) == []


def test_a_store_that_was_chosen_is_named(empty: Path) -> None:
    done = _run("process", "map", PROCESS, "--store", f"chdb://{empty}/store")
    assert str(done.exception) == f"there is no store in {empty}/store"
    assert list(empty.iterdir()) == []


def test_every_migration_is_pending_where_there_is_no_store(empty: Path) -> None:
    done = _run("migrate", "--status")
    assert done.exit_code == 0
    assert [line.split() for line in done.stdout.splitlines()] == [
        [f"{m.number:04d}", m.name, "pending"] for m in shipped()
    ]
    assert list(empty.iterdir()) == []


def test_what_would_run_is_all_where_there_is_no_store(empty: Path) -> None:
    done = _run("migrate", "--dry-run")
    assert done.exit_code == 0
    assert done.stdout.count("CREATE TABLE") > 20
    assert list(empty.iterdir()) == []


@pytest.mark.store
def test_a_look_at_dead_letters_makes_neither_a_spool_nor_a_key(
    empty: Path, lone_engine_url: str
) -> None:
    with Store(lone_engine_url) as store:
        migrate(store)
    for words in (("list",), ("list", "--json"), ("list", "--by", "owner")):
        done = _run("dead-letters", *words, "--store", lone_engine_url)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "none\n")
    assert not (empty / "data").exists()
