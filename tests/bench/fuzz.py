"""Damaged requests at every door: each is answered, in time, and never by an error of ours.

python -m tests.bench fuzz --requests 100000 [--seed 7] [--first 0] [--failures fuzz-failures.jsonl]

With `--seed`, and `--first N --requests 1`, request N is sent again by itself.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.append(str(TESTS))

from doors import Door  # noqa: E402 - tests are no package
from fuzz_inputs import Fuzzer  # noqa: E402
from fuzz_sender import Sender, write_failures  # noqa: E402

from tests.bench.report import report  # noqa: E402

GROWTH_MIB = 25
"""From the first tenth of the requests to the last. What may grow is bounded: redaction remembers
32,768 short values and as many keys (about 12 MiB when all are different, as here), the reader of
events 4,096 sources; and up to 10 MiB are garbage in cycles that nobody has collected yet."""


def main() -> None:
    """Send them and report; inputs that went wrong are written to a file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first request")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures.jsonl"))
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.randrange(2**32)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        door = Door(Path(folder), spool_max_bytes=16 << 30)
        try:
            outcome = Sender(door, Fuzzer(seed)).send(given.first, given.requests)
        finally:
            door.process.stop()
    if outcome.wrong:
        write_failures(outcome, given.failures)
    report(
        "fuzz_memory_growth",
        outcome.end_mib - outcome.warm_mib,
        "MiB",
        at_most=GROWTH_MIB,
        warm_mib=round(outcome.warm_mib, 1),
        end_mib=round(outcome.end_mib, 1),
    )
    report(
        "fuzz_wrong_answers",
        len(outcome.wrong) + outcome.restarts,
        "requests",
        at_most=0,
        requests=outcome.sent,
        seed=seed,
        statuses=dict(outcome.statuses.most_common()),
        slowest_seconds=round(outcome.slowest_seconds, 3),
        restarts=outcome.restarts,
        seconds=round(time.monotonic() - began, 1),
        failures=str(given.failures) if outcome.wrong else "",
    )


if __name__ == "__main__":
    main()
