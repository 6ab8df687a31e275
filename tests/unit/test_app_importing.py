"""What `suture import` shows while it reads."""

from pathlib import Path

import pytest
from rich.cells import cell_len

from collector.files.reading import Progress
from suture.app.commands.importing import fitted, progress_bar

LONG = "bpi-challenge-2019-one-trace-per-variant.xes.gz"


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_progress_fits_on_one_line_of_the_terminal(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: int,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    log = tmp_path / LONG
    log.write_bytes(bytes(1_234_567))
    with progress_bar(log) as show:
        show(Progress(bytes_read=617_283, bytes_total=1_234_567, events=12_345_678))
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert len(lines) == 1
    line = lines[0]
    assert cell_len(line) <= columns
    assert line.startswith("bpi-c")
    assert ".xes.gz " in line if columns > 80 else "gz " in line
    assert "50% 0.6/1.2 MB 12,345,678 events 0:00:" in line


@pytest.mark.parametrize(
    ("name", "width", "shown"),
    [
        ("log.xes", 3, "log.xes"),
        (LONG, 47, LONG),
        (LONG, 20, "bpi-chall…nt.xes.gz"),
        (LONG, 0, "bpi….gz"),
        ("注文書の一覧二千二十六年.csv", 15, "注文書の….csv"),
    ],
)
def test_of_a_long_name_the_beginning_and_the_end_are_shown(
    name: str, width: int, shown: str
) -> None:
    assert fitted(name, width) == shown
