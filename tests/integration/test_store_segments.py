"""Which segments wait to be read, after any history."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suture.contracts.trace import Signal, segment_number
from suture.store.engine import Store
from suture.store.queries import load
from suture.store.segments import waiting_segments
from suture.testing import wipe

pytestmark = pytest.mark.store

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WANTED = (Signal.MILESTONES, Signal.TRACES)

streams = st.dictionaries(
    st.integers(0, 2**32 - 1),
    st.tuples(
        st.sampled_from([Signal.MILESTONES, Signal.TRACES, Signal.LOGS]),
        st.sets(st.integers(1, 12)),
        st.none() | st.integers(0, 12),
    ),
    max_size=12,
)


def finished(stream: int, sequence: int, signal: Signal) -> dict[str, Any]:
    segment = segment_number(stream, sequence)
    return {
        "stream": stream, "sequence": sequence, "segment": segment, "signal": signal.value,
        "rows": 5, "finished_at": NOW,
    }  # fmt: skip


def cursor(stage: str, stream: int, position: int) -> dict[str, Any]:
    return {"stage": stage, "stream": stream, "position": position, "updated_at": NOW}


def without_a_gap(read: int, sequences: set[int]) -> list[int]:
    found = []
    while read + 1 in sequences:
        read += 1
        found.append(read)
    return found


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(streams)
def test_of_each_stream_what_follows_without_a_gap_in_reading_order(
    any_store: Store, streams: dict[int, tuple[Signal, set[int], int | None]]
) -> None:
    store = any_store
    wipe(store)
    rows = [
        finished(stream, sequence, signal)
        for stream, (signal, sequences, _) in streams.items()
        for sequence in sequences
    ]
    store.insert("segments", [*rows, *rows[:3]])
    at = [
        row
        for stream, (_, _, read) in streams.items()
        if read is not None
        for row in (cursor("one", stream, read), cursor("other", stream, 12))
    ]
    store.insert("cursors", at)
    found = waiting_segments(store, stage="one", signals=WANTED, limit=1000)
    assert [(s.stream, s.sequence) for s in found] == [
        (stream, sequence)
        for stream, (signal, sequences, read) in sorted(streams.items())
        if signal in WANTED
        for sequence in without_a_gap(read or 0, sequences)
    ]
    assert {s.segment for s in found} <= {row["segment"] for row in rows}


def test_what_was_read_long_ago_is_passed_over_by_the_primary_key(store: Store) -> None:
    store.execute(
        "INSERT INTO segments SELECT 7 + number % 2 AS stream, intDiv(number, 2) + 1 AS sequence,"
        " toUInt64(stream) * 4294967296 + sequence, 'traces', 5, now64(6) FROM numbers(200_000)"
    )
    store.insert("cursors", [cursor("one", 7, 99_999), cursor("one", 8, 100_000)])
    explained: list[str] = []
    rows = store.rows

    class Watching(Store):
        def __init__(self) -> None: ...

        def rows(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
            if sql == load("segments")["unread_segments"]:
                plan = rows(f"EXPLAIN ESTIMATE {sql}", *arguments)
                explained.extend(str(row["marks"]) for row in plan)
            return rows(sql, *arguments)

        def poll(self, sql: str, *arguments: Any, of: Sequence[str]) -> list[dict[str, Any]]:
            return self.rows(sql, *arguments)

    (waiting,) = waiting_segments(Watching(), stage="one", signals=WANTED, limit=10)
    assert (waiting.stream, waiting.sequence) == (7, 100_000)
    assert 1 <= sum(map(int, explained)) <= 3, "of some 25"
