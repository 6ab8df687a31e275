"""`suture import`: what it says when it sends, waits, and is stopped."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from answering_platform import Platform, accepted, problem
from click.testing import CliRunner

from suture.app.cli import suture
from suture.app.commands import importing

MAPPING = """
source: /import/my-log
case: order
milestone: step
time: when
objects: {requisition: order}
"""
BUSY = problem(503, "the spool is full", **{"retry-after": "0"})


@pytest.fixture
def log(tmp_path: Path) -> list[str]:
    """The arguments that import a log of three events."""
    rows = [f"R-{n},requisition_created,2026-11-03T08:0{n}:00Z" for n in range(3)]
    (tmp_path / "orders.csv").write_text("\n".join(["order,step,when", *rows]))
    (tmp_path / "map.yaml").write_text(MAPPING)
    return ["import", str(tmp_path / "orders.csv"), "--map", str(tmp_path / "map.yaml")]


def _started(arguments: list[str]) -> "subprocess.Popen[str]":
    env = {k: v for k, v in os.environ.items() if not k.startswith("SUTURE_")}
    command = [sys.executable, "-m", "suture.app", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )


def test_what_is_sent_is_counted_as_accepted_each_time(log: list[str], tmp_path: Path) -> None:
    with Platform().open() as url:
        for _ in range(2):
            done = CliRunner().invoke(suture, [*log, "--to", url], catch_exceptions=False)
            assert done.exit_code == 0
            assert done.stdout == f"{tmp_path}/orders.csv: 3 events read, 3 accepted\n"


def test_a_wait_is_one_line_in_plain_words(log: list[str]) -> None:
    with Platform(BUSY, BUSY, accepted).open() as url:
        command = _started([*log, "--to", url])
        _, told = command.communicate(timeout=60)
    assert command.returncode == 0
    assert told.count("answers 503: the spool is full; trying again for up to 5 min, Ctrl-C") == 1
    assert "stamina" not in told
    assert "retry" not in told


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_import_that_waits_and_is_stopped_says_what_was_accepted(
    log: list[str], number: int, code: int
) -> None:
    with Platform(*[BUSY] * 100_000).open() as url:
        command = _started([*log, "--to", url])
        assert command.stderr is not None
        for line in command.stderr:
            if "trying again" in line:
                break
        command.send_signal(number)
        _, told = command.communicate(timeout=60)
    assert command.returncode == code
    assert "stopped: 0 events are accepted; run it again to complete\n" in told
    assert "Aborted" not in told


@pytest.mark.store
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_import_that_is_stopped_says_what_is_stored(
    log: list[str],
    number: int,
    code: int,
    lone_engine_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = importing.import_file

    def stopped(*arguments: Any, **options: Any) -> Any:
        whole(*arguments, **options)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(importing, "import_file", stopped)
    before = signal.getsignal(signal.SIGTERM)
    where = ["--data", str(tmp_path / "data"), "--store", lone_engine_url]
    done = CliRunner().invoke(suture, [*log, *where])
    assert done.exit_code == code
    assert "stopped: 3 events are stored; run it again to complete\n" in done.stderr
    assert signal.getsignal(signal.SIGTERM) == before
