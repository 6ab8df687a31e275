"""A lease: whatever the interleaving and however slow anybody is, no two hold it at once."""

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from suture.errors import LeaseLost
from suture.store.leases import Claim, Lease

SECONDS = 10.0


@dataclass
class Board:
    """Claims in memory, with a clock that everybody shares and a turn that somebody must have."""

    now: float = 1000.0
    rows: dict[str, tuple[Claim, float]] = field(default_factory=dict)
    turn: threading.Semaphore | None = None
    asked: threading.Semaphore | None = None

    def step(self) -> None:
        if self.asked is not None and self.turn is not None:
            self.asked.release()
            self.turn.acquire()

    def write(self, claim: Claim, *, beat: int, released: bool) -> None:
        self.step()
        if released:
            self.rows.pop(claim.holder, None)
        else:
            self.rows[claim.holder] = (claim, self.now)

    def read(self) -> Sequence[Claim]:
        self.step()
        return [replace(claim, age_seconds=self.now - at) for claim, at in self.rows.values()]


class Part(Board):
    """The board as one claimant sees it: the same rows and clock, a turn of its own."""

    def __init__(self, board: Board) -> None:
        super().__init__(rows=board.rows)
        self._board = board
        self.turn = threading.Semaphore(0)
        self.asked = threading.Semaphore(0)

    @property
    def now(self) -> float:
        return self._board.now

    @now.setter
    def now(self, value: float) -> None:
        pass


def lease(board: Board, holder: str, *, urgent: bool = False) -> Lease:
    return Lease(board, seconds=SECONDS, holder=holder, urgent=urgent, monotonic=lambda: board.now)


def test_the_first_holds_it_and_the_next_takes_over_when_it_is_gone() -> None:
    board = Board()
    first, second = lease(board, "b"), lease(board, "a")
    assert first.beat()
    assert not second.beat()
    board.now += 8
    assert first.beat()
    assert not second.beat()
    first.check()
    board.now += 9
    with pytest.raises(LeaseLost):
        first.check()
    assert not second.beat()  # it might still be there
    board.now += 4
    assert not first.held
    assert second.beat()
    assert not first.beat()  # it has to queue anew
    second.release()
    assert first.beat()


def test_an_urgent_one_is_given_way_to() -> None:
    board = Board()
    worker, rebuild = lease(board, "w"), lease(board, "r", urgent=True)
    assert worker.beat()
    assert not rebuild.beat()
    assert not worker.wanted
    assert worker.beat()
    assert worker.wanted
    assert not rebuild.beat()
    worker.release()
    assert rebuild.beat()
    assert not worker.beat()
    rebuild.release()
    assert worker.beat()


def test_no_two_hold_it_at_once_whatever_the_interleaving() -> None:
    assert sum(interleaved(seed) for seed in range(150)) > 500


def interleaved(seed: int) -> int:
    """One random schedule of every access, between which any time may pass; how often it was held.

    The claimants are slow at different paces: some schedules hardly ever let a claim lapse.
    """
    rng = random.Random(seed)
    pauses = [0.0, 0.1, 0.5, rng.choice([0.5, 2.0, 4.0, 14.0])]
    board = Board()
    parts = [Part(board) for _ in range(3)]
    leases = [lease(part, f"h{n}", urgent=n == 2 and seed % 4 == 0) for n, part in enumerate(parts)]
    finished = [False] * 3

    def claim(number: int) -> None:
        for _ in range(12):
            leases[number].beat()
        finished[number] = True
        parts[number].asked.release()

    threads = [threading.Thread(target=claim, args=(n,), daemon=True) for n in range(3)]
    for thread, part in zip(threads, parts, strict=True):
        thread.start()
        part.asked.acquire()
    held = number = 0
    while not all(finished):
        if finished[number] or rng.random() < 0.3:
            number = rng.choice([n for n in range(3) if not finished[n]])
        board.now += rng.choice(pauses)
        parts[number].turn.release()
        parts[number].asked.acquire()
        holders = [one for one in leases if one.held]
        assert len(holders) <= 1
        held += len(holders)
    for thread in threads:
        thread.join()
    return held
