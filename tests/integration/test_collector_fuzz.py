"""Damaged requests at every door; `python -m tests.bench fuzz` sends many more."""

from pathlib import Path

from doors import Door
from fuzz_inputs import Fuzzer
from fuzz_sender import Sender

SEED = 20261122
REQUESTS = 2_000
GROWTH_MIB = 40


def test_whatever_is_sent_is_answered_and_never_by_an_error_of_ours(tmp_path: Path) -> None:
    door = Door(tmp_path, spool_max_bytes=1 << 30)
    try:
        outcome = Sender(door, Fuzzer(SEED)).send(0, REQUESTS)
    finally:
        door.process.stop()
    assert not outcome.wrong
    assert (outcome.sent, outcome.restarts) == (REQUESTS, 0)
    assert outcome.end_mib - outcome.warm_mib < GROWTH_MIB
    # Enough is well-formed to get past the first check, at every door.
    for status in ("200", "202", "207", "400", "415", "grpc OK", "grpc INVALID_ARGUMENT"):
        assert outcome.statuses[status] > REQUESTS // 200, outcome.statuses


def test_an_input_is_the_same_each_time() -> None:
    first, second = Fuzzer(1), Fuzzer(1)
    assert all(first.input(n) == second.input(n) for n in range(200))
