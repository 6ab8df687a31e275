"""An answer from memory is the answer that the tables would give."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.store import polling
from suture.store.polling import Polls, Rows

STORE = Path(polling.__file__).parent
TABLES = ["cursors", "segments", "deliveries"]

tables = st.sampled_from(TABLES)
questions = st.tuples(
    st.just("ask"), st.lists(tables, min_size=1, max_size=2, unique=True), st.integers(0, 2)
)
writes = st.tuples(st.sampled_from(["write", "fail", "elsewhere"]), tables, st.booleans())


@given(st.lists(st.one_of(questions, writes), max_size=40))
def test_whatever_is_written_meanwhile_it_answers_like_the_tables(steps: list[tuple]) -> None:
    polls, held = Polls(), dict.fromkeys(TABLES, 0)

    def read(names: list[str], number: int) -> Rows:
        return [{"table": name, "rows": held[name], "asked": number} for name in sorted(names)]

    for what, about, third in steps:
        if what == "ask":
            asked: list[str] = about
            sql = f"SELECT {asked}"
            found = polls.ask(
                lambda a=asked, n=third: read(a, n), sql, {"number": third}, tables=asked
            )
            assert found == read(asked, third)
            # What the asker does with its rows is its own business.
            found[0]["rows"] = -1
            continue
        # A write that fails may have been made, or may not.
        if what != "fail" or third:
            held[about] += 1
        polls.note_write(None if what == "elsewhere" else about)


def test_nothing_is_read_twice_until_something_is_written() -> None:
    polls, reads = Polls(), []

    def ask(table: str, **parameters: int) -> Rows:
        def read() -> Rows:
            reads.append((table, parameters))
            return []

        return polls.ask(read, f"SELECT {table}", parameters, [table])

    for _ in range(3):
        ask("cursors", stage=1)
        ask("cursors", stage=2)
        ask("segments")
    assert len(reads) == 3
    polls.note_write("deliveries")
    ask("cursors", stage=1)
    assert len(reads) == 3
    polls.note_write("cursors")
    for _ in range(3):
        ask("cursors", stage=1)
        ask("segments")
    assert reads[3:] == [("cursors", {"stage": 1})]


def test_what_is_written_while_it_reads_is_read_the_next_time() -> None:
    polls, held = Polls(), [1]

    def read() -> Rows:
        found = [{"rows": held[0]}]
        held[0] += 1
        polls.note_write("cursors")
        return found

    assert [polls.ask(read, "SELECT", {}, ["cursors"]) for _ in range(3)] == [
        [{"rows": 1}],
        [{"rows": 2}],
        [{"rows": 3}],
    ]


def test_a_read_that_fails_is_no_answer() -> None:
    polls, failing = Polls(), iter([True, False])

    def read() -> Rows:
        if next(failing):
            raise OSError("no store")
        return [{"rows": 1}]

    with pytest.raises(OSError, match="no store"):
        polls.ask(read, "SELECT", {}, ["cursors"])
    assert polls.ask(read, "SELECT", {}, ["cursors"]) == [{"rows": 1}]


def test_old_questions_are_forgotten() -> None:
    polls, reads = Polls(), []
    for number in [*range(polling.ANSWERS + 1), 0]:
        polls.ask(lambda n=number: reads.append(n) or [], "SELECT", {"n": number}, ["cursors"])
    assert reads == [*range(polling.ANSWERS + 1), 0]


def test_no_view_writes_into_a_table_that_is_polled() -> None:
    """Its rows would come with a write to another table, which nobody would take for one."""
    polled = set()
    for path in STORE.rglob("*.py"):
        for listed in re.findall(r"\bof=\[([^\]]+)\]", path.read_text(encoding="utf-8")):
            polled |= set(re.findall(r'"(\w+)"', listed))
    assert polled >= {"cursors", "segments", "link_decisions", "deliveries", "alert_events"}
    targets = set()
    for path in (STORE / "migrations").glob("*.sql"):
        targets |= set(re.findall(r"\bVIEW\b[^;]*?\bTO (\w+)", path.read_text(encoding="utf-8")))
    assert "otel_traces" in targets
    assert not polled & targets
