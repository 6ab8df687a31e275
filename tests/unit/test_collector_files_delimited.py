"""CSV: every row is either given or refused by line, and none is lost for another."""

import gzip
from pathlib import Path

import pytest
from event_log_generator import case_log, write_csv
from event_log_oracle import read_csv

from collector.files import delimited
from collector.files.delimited import CsvReader
from collector.files.logfile import LogFile
from collector.files.mapping import CsvOptions
from collector.files.rows import ReadReport
from suture.errors import InvalidInput, MalformedInput

ALL = frozenset({"case", "activity", "when", "department", "comment", "amount"})


def read(
    path: Path, **options: str
) -> tuple[list[list[str | None]], list[str], ReadReport, CsvReader]:
    """Rows in the header's order, their positions, and what was refused."""
    report = ReadReport()
    reader = CsvReader(LogFile(path), CsvOptions(**options), report)
    rows: list[list[str | None]] = []
    positions: list[str] = []
    for chunk in reader.rows(frozenset(reader.header)):
        rows += [list(row) for row in zip(*(chunk.columns[n] for n in reader.header), strict=True)]
        positions += chunk.positions
    return rows, positions, report, reader


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("bom", [True, False])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_pathological_log_reads_as_the_oracle_reads_it(
    tmp_path: Path, bom: bool, delimiter: str
) -> None:
    path = tmp_path / "log.csv"
    events = case_log(4, cases=40)
    write_csv(events, path, bom=bom, delimiter=delimiter)
    rows, _, report, reader = read(path)
    assert (set(reader.header), report.bad) == (ALL, 0)
    assert [(r[0], r[1]) for r in rows] == [(e.case, e.name) for e in events]
    cells = [{n: c for n, c in zip(reader.header[3:], r[3:], strict=True) if c} for r in rows]
    assert cells == [dict(e.attributes) for e in events]
    if delimiter == ",":
        assert read_csv(path, case="case", name="activity", time="when") == events


def test_small_chunks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.csv"
    write_csv(case_log(5, cases=10, huge=False), path)
    whole = read(path)[:2]
    monkeypatch.setattr(delimited, "CHUNK_ROWS", 3)
    assert read(path)[:2] == whole


def test_positions_are_first_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "log.csv", 'a,b\n1,"x\ny"\n\n2,z\r\n3,"p\r\nq"\n4,e')
    rows, positions, report, _ = read(path)
    assert rows == [["1", "x\ny"], ["2", "z"], ["3", "p\r\nq"], ["4", "e"]]
    assert positions == ["line 2", "line 5", "line 6", "line 8"]
    assert report.bad == 0


def test_rows_that_do_not_fit_are_refused_by_line(tmp_path: Path) -> None:
    path = written(tmp_path / "log.csv", "a,b\n1,2\n1\n1,2,3\n4,5\n")
    rows, _, report, _ = read(path)
    assert rows == [["1", "2"], ["4", "5"]]
    assert [str(p) for p in report.problems] == [
        "line 3: has 1 cells where the header has 2",
        "line 4: has 3 cells where the header has 2",
    ]
    assert (report.bad, report.read) == (2, 2)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('a,b\n1,"open\n2,x\n3,y\n', [["2", "x"], ["3", "y"]]),
        ('a,b\n1,"open\n2,x\n3,"closed"\n4,z\n', [["2", "x"], ["3", "closed"], ["4", "z"]]),
        ('a,b\n1,"x" y\n2,z\n', [["2", "z"]]),
        ('a,b\n1,"x', []),
    ],
)
def test_a_stray_quote_costs_its_own_line_only(
    text: str, kept: list[list[str]], tmp_path: Path
) -> None:
    rows, _, report, _ = read(written(tmp_path / "log.csv", text))
    assert rows == kept
    assert (report.bad, report.problems[0].position) == (1, "line 2")


def test_bytes_that_are_no_text_cost_their_own_row_only(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"a,b\n1,caf\xe9\n2,ok\n")
    rows, _, report, _ = read(path)
    assert rows == [["2", "ok"]]
    assert str(report.problems[0]) == "line 2: is not text in the file's encoding"
    assert read(path, encoding="latin-1")[0] == [["1", "café"], ["2", "ok"]]


def test_utf_16_is_known_by_its_mark(tmp_path: Path) -> None:
    assert read(written(tmp_path / "log.csv", "a;b\n1;ß\n", "utf-16"))[0] == [["1", "ß"]]


def test_the_delimiter_can_be_said(tmp_path: Path) -> None:
    path = written(tmp_path / "log.csv", "a,x:b,y\n1:2\n")
    assert read(path, delimiter=":")[3].header == ["a,x", "b,y"]
    assert read(written(tmp_path / "q.csv", "a,b\n'1,5',2\n"), quote="'")[0] == [["1,5", "2"]]
    named = written(tmp_path / "quoted.csv", '"a;b;c;d",e\n1,2\n')
    assert read(named)[3].header == ["a;b;c;d", "e"]


def test_a_cell_beyond_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "LARGEST_CELL", 1000)
    path = written(tmp_path / "log.csv", f"a,b\n1,{'x' * 1001}\n2,ok\n")
    rows, _, report, _ = read(path)
    assert (rows, report.bad) == ([["2", "ok"]], 1)


def test_a_cut_gzip_gives_its_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    lines = "".join(f"{n},{n * 7919}\n" for n in range(50_000))
    packed = gzip.compress(f"a,b\n{lines}".encode())
    path.write_bytes(packed[: len(packed) // 2])
    rows, _, report, reader = read(path)
    assert 1_000 < len(rows) < 50_000
    assert all(row == [str(n), str(n * 7919)] for n, row in enumerate(rows))
    assert report.bad == 0
    assert "the compressed file ends early" in reader.file.damage


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", MalformedInput, "is empty"),
        ("a,b,a\n", InvalidInput, "the header names a twice"),
        ('"a,b\n1,2\n', MalformedInput, "line 1: unexpected end"),
    ],
)
def test_what_has_no_header_is_refused(
    text: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        read(written(tmp_path / "log.csv", text))
