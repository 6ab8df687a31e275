"""A rebuild whose process is killed: what is left opens, and is the old or the new, whole."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import rebuild_child
from crash_cycles import forked

pytestmark = pytest.mark.store

KILLS = (
    ("Store.insert_arrow:before", 6, "old"),
    ("Store.execute~swap_plan\nSELECT:after", 1, "new"),
    ("Store.execute~EXCHANGE:before", 7, "new"),
    ("Store.execute~instance_changes SELECT:after", 1, "new"),
    ("Store.execute~DROP DATABASE:before", 2, "new"),
)
"""Where it dies, and what must stand then: before, around and behind the swap."""

AT_RANDOM = 2


class Life:
    """A process over the store; `state` is what stood when it had opened it."""

    def __init__(self, data: Path, point: str = "", number: int = 0) -> None:
        context = forked("rebuild_child")
        self._talk, theirs = context.Pipe()
        self.process = context.Process(
            target=rebuild_child.live, args=(theirs, data, point, number)
        )
        self.process.start()
        theirs.close()
        self.state: dict[str, Any] = self._talk.recv()

    def ask(self, *asked: Any) -> None:
        self._talk.send(asked)

    def do(self, *asked: Any) -> dict[str, Any]:
        """What stands when it is done."""
        self.ask(*asked)
        found: dict[str, Any] = self._talk.recv()
        return found

    def end(self) -> None:
        """End it in peace; nothing to do for one that is dead."""
        if self.process.is_alive():
            self._talk.send(None)
        self.process.join()
        self._talk.close()


@contextmanager
def living(data: Path, point: str = "", number: int = 0) -> Iterator[Life]:
    """A life that is over at the end of the block, one way or the other."""
    life = Life(data, point, number)
    try:
        yield life
    finally:
        if life.process.is_alive() and not point:
            life.end()
        else:
            life.process.kill()
            life.end()


def test_a_rebuild_that_is_killed_for_real_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    with living(tmp_path) as life:
        stands = {"first": life.do("feed", "first", 1, range(12))}
        began = time.monotonic()
        stands["second"] = life.do("rebuild", "second")
        took = time.monotonic() - began
        assert life.do("rebuild", "first") == stands["first"]
    assert stands["first"]["instances"] != stands["second"]["instances"]
    assert stands["first"]["spaces"] == stands["second"]["spaces"] == 0

    here, there = "first", "second"
    for point, number, left in KILLS:
        with living(tmp_path, point, number) as life:
            assert life.state == stands[here]
            life.ask("rebuild", there)
            life.process.join(60)
            assert life.process.exitcode == -9, point
        if left == "new":
            here, there = there, here
    dice = random.Random(3)
    for _ in range(AT_RANDOM):
        with living(tmp_path) as life:
            assert life.state in stands.values()
            here, there = (
                ("first", "second") if life.state == stands["first"] else ("second", "first")
            )
            life.ask("rebuild", there)
            life.process.join(dice.uniform(0.2, 0.95) * took)
            life.process.kill()
            life.process.join()

    with living(tmp_path) as life:
        assert life.state in stands.values()
        assert life.do("rebuild", "second") == stands["second"]
        assert life.do("rebuild", "first") == stands["first"]
        after = life.do("feed", "first", 2, range(12, 15))
        assert len(after["instances"]) == len(stands["first"]["instances"]) + 3
