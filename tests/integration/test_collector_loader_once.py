"""The loader, from spool records to rows exactly once, whatever fails."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from loader_rig import STEPS, Killed, Rig, Step, assert_exactly_once, die_at, fill, milestone

from collector.segment_loading import MEMORY_ATTEMPTS, MEMORY_BYTES, MEMORY_LIMIT
from collector.spool import Spool
from suture.errors import StoreUnavailable, Unavailable
from suture.store import facts
from suture.store.engine import Store

pytestmark = pytest.mark.store


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS[:6], ids=lambda step: step[1])
def test_a_loader_that_dies_at_any_step_loses_and_doubles_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, step: Step, after: bool
) -> None:
    fill(rig)
    die_at(monkeypatch, step, after=after)
    with pytest.raises(Killed):
        rig.loader.run_once()
    rig.again().run_once()
    assert_exactly_once(rig)


def test_dying_twice_is_no_worse(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(rig)
    for step in ((facts, "insert_spans"), (Spool, "new_attempt"), (facts, "insert_milestones")):
        die_at(monkeypatch, step, after=True)
        with pytest.raises(Killed):
            rig.again().run_once()
    rig.again().run_once()
    assert_exactly_once(rig)


def test_a_half_inserted_segment_is_inserted_anew(
    any_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(any_rig)
    die_at(monkeypatch, (facts, "insert_spans"), after=True)
    with pytest.raises(Killed):
        any_rig.loader.run_once()
    any_rig.store.execute("DELETE FROM otel_traces WHERE SpanId = '0000000000000003'")
    any_rig.again().run_once()
    assert_exactly_once(any_rig)


def test_trace_times_missing_beside_their_spans_are_written_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(rig)
    die_at(monkeypatch, (facts, "insert_spans"), after=True)
    with pytest.raises(Killed):
        rig.loader.run_once()
    rig.store.execute("TRUNCATE TABLE otel_traces_trace_id_ts")
    rig.again().run_once()
    assert_exactly_once(rig)


@pytest.mark.parametrize("done", [False, True], ids=["not done", "done"])
def test_an_insert_of_unknown_fate_is_repeated_and_counts_once(
    any_rig: Rig, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    fill(any_rig)
    for name in ("insert_spans", "insert_milestones", "insert_dead_letters"):
        real = getattr(facts, name)
        calls = iter(range(100))

        def unanswered(*args: Any, real: Any = real, calls: Any = calls, **kwargs: Any) -> None:
            first = next(calls) == 0
            if first and not done:
                raise StoreUnavailable("no answer")
            real(*args, **kwargs)
            if first:
                raise StoreUnavailable("no answer")

        monkeypatch.setattr(facts, name, unanswered)
    any_rig.loader.run_once()
    assert_exactly_once(any_rig)


def test_an_outage_of_the_store_is_waited_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(rig)
    real = facts.count_of_segment
    answers = iter([StoreUnavailable("gone")] * 3)

    def flaky(*args: Any) -> int:
        if error := next(answers, None):
            raise error
        return real(*args)

    monkeypatch.setattr(facts, "finish_segment", _failing_once(facts.finish_segment))
    monkeypatch.setattr(facts, "count_of_segment", flaky)
    rig.loader.start()
    assert rig.loader.drain(timeout_seconds=30)
    rig.loader.stop()
    assert_exactly_once(rig)
    assert rig.loader.errors == {}


def _failing_once(real: Callable[..., Any]) -> Callable[..., Any]:
    calls = iter(range(1000))

    def once(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == 0:
            raise StoreUnavailable("gone")
        return real(*args, **kwargs)

    return once


def test_a_segment_too_large_for_the_store_s_memory_is_halved(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(1, 9):
        rig.put_milestones(milestone(n))
    real = facts.insert_milestones

    def little_memory(store: Store, table: pa.Table, *, token: str) -> None:
        if table.num_rows > 3:
            raise StoreUnavailable("no memory", code=MEMORY_LIMIT)
        real(store, table, token=token)

    monkeypatch.setattr(facts, "insert_milestones", little_memory)
    monkeypatch.setattr("collector.loader.FIRST_WAIT_SECONDS", 0.001)
    rig.loader.run_once()
    assert rig.one("SELECT count() AS n, uniq(id) AS ids FROM milestones") == {"n": 8, "ids": 8}
    assert rig.one("SELECT count() AS n FROM dead_letters") == {"n": 0}
    assert rig.pending() == 0


@pytest.mark.parametrize(("size", "letters"), [(10, 0), (MEMORY_BYTES, 1)], ids=["small", "large"])
def test_only_a_large_record_is_given_up_for_want_of_memory(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, size: int, letters: int
) -> None:
    rig.put_milestones(milestone(1, reason="x" * size))
    real = facts.insert_milestones

    def no_memory(*args: Any, **kwargs: Any) -> None:
        raise StoreUnavailable("no memory", code=MEMORY_LIMIT)

    monkeypatch.setattr(facts, "insert_milestones", no_memory)
    monkeypatch.setattr("collector.loader.FIRST_WAIT_SECONDS", 0.0)
    for _ in range(MEMORY_ATTEMPTS + 1):
        with suppress(StoreUnavailable):
            rig.again().run_once()
    assert rig.one("SELECT count() AS n FROM dead_letters") == {"n": letters}
    monkeypatch.setattr(facts, "insert_milestones", real)
    rig.again().run_once()
    assert rig.one("SELECT count() AS n FROM milestones") == {"n": 1 - letters}


def test_milestones_on_spans_are_settled_by_counting_when_the_answer_was_lost(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(rig)
    real = facts.insert_milestones
    tokens: list[str] = []

    def lost(store: Store, table: pa.Table, *, token: str) -> None:
        tokens.append(token)
        if len(tokens) == 1:
            raise StoreUnavailable("the server is gone, and has noted the token")
        if tokens.count(token) == 1:
            real(store, table, token=token)

    monkeypatch.setattr(facts, "insert_milestones", lost)
    rig.loader.run_once()
    assert_exactly_once(rig)


def test_an_insert_that_still_runs_on_the_server_is_waited_for(http_double: Any) -> None:
    with Store(f"{http_double.url}/running") as store:
        store.execute("CREATE TABLE slow (n UInt8) ENGINE = Memory")
        sql = (
            "INSERT INTO slow SELECT sleepEachRow(0.2) FROM numbers(15)"
            " SETTINGS max_block_size = 1, insert_deduplication_token = '77:1'"
        )
        running = threading.Thread(target=store.execute, args=(sql,))
        running.start()
        refusals = 0
        while running.is_alive():
            facts.require_no_insert(store, 7)
            try:
                facts.require_no_insert(store, 77)
            except StoreUnavailable:
                refusals += 1
        running.join()
        facts.require_no_insert(store, 77)
        store.execute("DROP DATABASE running")
    assert refusals > 0


def test_a_spool_that_does_not_open_at_first_ends_no_thread(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(rig)
    failures = iter([Unavailable("locked")] * 4)

    def hard_to_open(path: Path) -> Spool:
        if error := next(failures, None):
            raise error
        return Spool(path)

    monkeypatch.setattr("collector.loader.Spool", hard_to_open)
    monkeypatch.setattr(Spool, "expire_payloads", _unavailable)
    rig.loader.start()
    assert rig.loader.drain(timeout_seconds=30)
    rig.loader.stop()
    assert_exactly_once(rig)


def _unavailable(*args: Any) -> None:
    raise Unavailable("its disk is full")
