"""The store is away for a minute at 2,000 milestones a second: nothing lost, memory flat.

python -m tests.bench outage [--seconds 60] [--rate 2000]
"""

import argparse
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.append(str(TESTS))

from outage import live_through_outage  # noqa: E402 - tests are no package

from tests.bench.report import report  # noqa: E402


def main() -> None:
    """Run one outage and report what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=2_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = live_through_outage(Path(folder), rate=given.rate, outage_seconds=given.seconds)
    missing = outcome.acknowledged - outcome.distinct
    doubled = outcome.stored - outcome.distinct
    report(
        "outage_lost_or_doubled",
        abs(missing) + doubled + outcome.refused,
        "milestones",
        at_most=0,
        acknowledged=outcome.acknowledged,
        refused=outcome.refused,
        backlog=outcome.backlog,
    )
    report(
        "outage_memory_growth",
        max(outcome.growth.values()),
        "MiB",
        at_most=50,
        by_process=outcome.growth,
    )
    report(
        "outage_drain",
        outcome.drain_rate,
        "milestones/s",
        reference=given.rate,
        ratio=outcome.drain_rate / given.rate,
        at_least=5,
        seconds_until_it_shrinks=round(outcome.wait_seconds, 2),
        slowest_acknowledgement_seconds=round(outcome.slowest_ack_seconds, 3),
    )


if __name__ == "__main__":
    main()
