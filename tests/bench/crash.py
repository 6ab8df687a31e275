"""Kill the collector again and again under load: acknowledged = stored, once each.

python -m tests.bench crash --cycles 200
"""

import argparse
import itertools
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.append(str(TESTS))

from collector_child import Place  # noqa: E402 - tests are no package
from crash_cycles import HEALTHCARE, KILLS, MORE_KILLS, Cycles  # noqa: E402

from tests.bench.report import report  # noqa: E402

CHECK_EVERY = 25


def main() -> None:
    """Run the cycles; what is wrong is said, counts as over budget, and keeps its data."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cycles", type=int, default=25)
    parser.add_argument("--seed", type=int, default=None, help="of the random moments")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.randrange(2**32)
    kills = itertools.cycle((*KILLS, *MORE_KILLS))
    wrong, done, began = "", 0, time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    place = Place(data=folder / "data", store_url=f"chdb://{folder}/store", config=HEALTHCARE)
    cycles = Cycles(place=place, chance=random.Random(seed))
    with cycles.running():
        try:
            for done in range(1, given.cycles + 1):
                cycles.live_through(next(kills))
                if done % CHECK_EVERY == 0 or done == given.cycles:
                    cycles.check(cycles.settle())
        except AssertionError as error:
            wrong = f"after cycle {done}: {error}"
    acknowledged = {
        kind: len(cycles.ledger(kind).acknowledged)
        for kind in ("spans", "milestones", "logs", "points")
    }
    if not wrong:
        shutil.rmtree(folder)
    report(
        "crash_cycles",
        0 if wrong else done,
        "cycles",
        at_least=given.cycles,
        seconds=round(time.monotonic() - began, 1),
        acknowledged=acknowledged,
        seed=seed,
        wrong=wrong,
        kept=str(folder) if wrong else "",
    )


if __name__ == "__main__":
    main()
