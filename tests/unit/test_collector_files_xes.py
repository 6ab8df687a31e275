"""XES: what a reader gives of whole, odd and broken files."""

import gzip
from pathlib import Path

import pytest
from event_log_generator import NESTED_CONTAINER, NESTED_LIST, case_log, write_xes
from event_log_oracle import read_xes

from collector.files import logfile, xes
from collector.files.logfile import LogFile
from collector.files.rows import Rows
from collector.files.xes import XesReader
from suture.errors import InvalidInput, MalformedInput, NotFound

CASE, NAME, TIME = "case:concept:name", "concept:name", "time:timestamp"
STANDARD = frozenset({CASE, NAME, TIME})


def read(path: Path, *columns: str) -> tuple[list[Rows], XesReader]:
    reader = XesReader(LogFile(path), wanted=STANDARD | set(columns))
    return list(reader.rows()), reader


def cells(path: Path, column: str) -> list[str | None]:
    chunks, _ = read(path, column)
    return [cell for chunk in chunks for cell in chunk.columns[column]]


def log(path: Path, body: str) -> Path:
    path.write_text(f"<log>{body}</log>", encoding="utf-8")
    return path


def event(name: str = "n", *more: str) -> str:
    return f'<event><string key="concept:name" value="{name}"/>{"".join(more)}</event>'


def trace(case: str, *events: str) -> str:
    return f'<trace><string key="concept:name" value="{case}"/>{"".join(events)}</trace>'


@pytest.mark.parametrize("namespace", [True, False])
def test_a_pathological_log_reads_as_the_oracle_reads_it(tmp_path: Path, namespace: bool) -> None:
    path = tmp_path / "log.xes"
    written = case_log(1)
    write_xes(written, path, seed=1, namespace=namespace)
    expected = read_xes(path)
    assert [(e.case, e.name, e.attributes.get("comment")) for e in expected] == [
        (e.case, e.name, e.attributes.get("comment")) for e in written
    ]
    assert cells(path, CASE) == [e.case for e in expected]
    assert cells(path, NAME) == [e.name for e in expected]
    assert cells(path, "comment") == [e.attributes.get("comment") for e in expected]


def test_small_pieces_and_chunks_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.xes"
    write_xes(case_log(2, cases=20, huge=False), path)
    whole = [cells(path, column) for column in sorted(STANDARD)]
    monkeypatch.setattr(logfile, "PIECE_BYTES", 97)
    monkeypatch.setattr(xes, "CHUNK_ROWS", 5)
    chunks, _ = read(path)
    assert len(chunks) > 10
    assert [cells(path, column) for column in sorted(STANDARD)] == whole


def test_lists_containers_and_nested_attributes_are_columns(tmp_path: Path) -> None:
    old_list = '<list key="old"><string key="x" value="1"/><string key="y" value="2"/></list>'
    deep = '<list key="deep"><values><container key="c"><int key="i" value="1"/></container>'
    deep += '<list key="l"><values><int key="i" value="2"/></values></list></values></list>'
    meta = '<string key="who" value="Mike"><string key="since" value="2017"/></string>'
    body = event("a", NESTED_LIST, NESTED_CONTAINER, old_list, deep, meta) + event("b")
    path = log(tmp_path / "log.xes", trace("1", meta, body))
    assert cells(path, "orders") == ['["P-1", "P-2"]', None]
    assert cells(path, "site") == [None, None]
    assert cells(path, "site/id") == ["mercy-west", None]
    assert cells(path, "site/id/rank") == ["3", None]
    assert cells(path, "old") == ['["1", "2"]', None]
    assert cells(path, "deep") == ['[{"i": "1"}, ["2"]]', None]
    assert cells(path, "who/since") == ["2017", None]
    assert cells(path, "case:who/since") == ["2017", "2017"]


def test_trace_attributes_may_stand_after_events(tmp_path: Path) -> None:
    body = f'<trace>{event()}<string key="concept:name" value="late"/></trace>'
    assert cells(log(tmp_path / "log.xes", body), CASE) == ["late"]


def test_events_outside_traces_have_no_case(tmp_path: Path) -> None:
    path = log(tmp_path / "log.xes", event("alone") + trace("1", event("inside")) + event("last"))
    assert cells(path, NAME) == ["alone", "inside", "last"]
    assert cells(path, CASE) == [None, "1", None]


def test_a_prefixed_namespace_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    inside = trace("1", event("n", NESTED_LIST))
    prefixed = inside.replace("</", "</x:").replace("<", "<x:").replace("<x:/x:", "</x:")
    path.write_text(f'<x:log xmlns:x="http://www.xes-standard.org/">{prefixed}</x:log>')
    assert cells(path, "orders") == ['["P-1", "P-2"]']
    assert cells(path, CASE) == ["1"]


def test_positions_are_lines(tmp_path: Path) -> None:
    path = log(tmp_path / "log.xes", f"\n{trace('1', event())}\n\n{trace('2', event())}")
    chunks, _ = read(path)
    assert chunks[0].positions == ["line 2", "line 4"]


@pytest.mark.parametrize("packed", [True, False])
def test_of_a_file_cut_anywhere_all_complete_traces_are_read(tmp_path: Path, packed: bool) -> None:
    whole = tmp_path / "whole.xes"
    write_xes(case_log(3, cases=30, huge=False), whole, seed=3)
    content = whole.read_bytes()
    end = b"</trace>"
    for cut in range(len(content) // 4, len(content) - 7, len(content) // 23):
        kept = content[:cut]
        path = tmp_path / "cut.xes"
        path.write_bytes(gzip.compress(kept)[:-8] if packed else kept)
        _, reader = read(path)
        # The empty trace at the log's begin is complete as well.
        assert reader.traces == kept.count(end) + 1
        assert reader.file.damage


def test_a_file_cut_right_behind_a_trace_keeps_that_trace(tmp_path: Path) -> None:
    path = tmp_path / "cut.xes"
    path.write_text(f"<log>{trace('1', event())}{trace('2', event())}")
    _, reader = read(path)
    assert reader.traces == 2
    assert reader.file.damage == (
        "the XML breaks off at line 1 (no element found);"
        " the 2 complete traces before that were read"
    )


def test_damaged_gzip_gives_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "log.xes.gz"
    traces = "".join(trace(str(n), event(f"n{n * 7919}")) for n in range(20_000))
    packed = bytearray(gzip.compress(f"<log>{traces}</log>".encode(), 1))
    packed[len(packed) * 2 // 3] ^= 0xFF
    path.write_bytes(packed)
    _, reader = read(path)
    assert 5_000 < reader.traces < 20_000
    assert reader.file.damage


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("", MalformedInput, r"\(no element found\); no trace is complete"),
        ("<log><trace>", MalformedInput, "no trace is complete"),
        ("case,activity\n1,a\n", MalformedInput, r"\(syntax error\); no trace is complete"),
        ("<pnml><trace/></pnml>", InvalidInput, "not XES: it begins with <pnml>"),
        ('<!DOCTYPE log [<!ENTITY a "b">]><log/>', MalformedInput, "declares a document type"),
        ("<log><trace>" + "<string>" * 500, MalformedInput, "nested too deeply"),
    ],
)
def test_what_is_no_xes_is_refused(
    content: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "log.xes"
    path.write_text(content)
    with pytest.raises(error, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_an_empty_log_has_no_events(tmp_path: Path) -> None:
    assert read(log(tmp_path / "log.xes", ""))[0] == []


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such file"):
        read(tmp_path / "none.xes")


def test_other_encodings(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    text = '<?xml version="1.0" encoding="{}"?><log>' + trace("ß", event("é")) + "</log>"
    for encoding in ("iso-8859-1", "utf-16"):
        path.write_bytes(text.format(encoding).encode(encoding))
        assert (cells(path, CASE), cells(path, NAME)) == (["ß"], ["é"])
