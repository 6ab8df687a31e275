"""What an event costs to stitch after ten times the history, against what it costs before.

Two databases of one engine take batches of one size in turn, so that both see the same machine:
one is short, the other has ten times as many events behind it. Identifiers go on in both as they do
in life, so what a batch touches is recent.
"""

import logging
import statistics
import tempfile
import time
from datetime import UTC, datetime

from correlator.job import Correlator
from suture.app.logs import configure_logs
from suture.definitions.catalog import Catalog
from suture.store.engine import Store
from suture.store.migrate import migrate
from tests.bench.estate import ESTATE, SEGMENTS
from tests.bench.report import report
from tests.bench.stitching import PROCESS

BATCH = 10_000
SHORT = 5
"""Batches before the first that is measured: by then every milestone of the process occurs."""
LONG = 10 * SHORT
MEASURED = 7
REQUISITIONS_A_BATCH = 2_000
AT_THE_END = 20_000
"""Requisitions whose events come when no new ones begin any more: they are not reached."""


def _prepared(store: Store, behind: int) -> Correlator:
    """A correlator with so many batches behind it, and more to come."""
    migrate(store)
    requisitions = REQUISITIONS_A_BATCH * (behind + MEASURED) + AT_THE_END
    store.execute(ESTATE, {"batch": BATCH, "requisitions": requisitions})
    store.execute(SEGMENTS)
    correlator = Correlator(store, Catalog(processes={"bench": PROCESS}), batch_events=BATCH)
    for _ in range(behind):
        correlator.tick(datetime.now(UTC))
    return correlator


def _seconds(correlator: Correlator) -> float:
    began = time.perf_counter()
    done = correlator.tick(datetime.now(UTC))
    if done.events != BATCH:
        raise SystemExit(f"a tick took {done.events} events")
    return time.perf_counter() - began


def main() -> None:
    """Stitch with little and with much behind."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Store(f"chdb://{folder}/store") as store,
        Store(store.address.with_database("grown")) as grown,
    ):
        young, old = _prepared(store, SHORT), _prepared(grown, LONG)
        pairs = [(_seconds(young), _seconds(old)) for _ in range(MEASURED)]
    before, after = (statistics.median(times) for times in zip(*pairs, strict=True))
    report(
        "stitching_after_10x_history",
        1e6 * after / BATCH,
        "us/event",
        reference=1e6 * before / BATCH,
        ratio=after / before,
        at_most=1.2,
    )


if __name__ == "__main__":
    configure_logs("console", level=logging.WARNING)
    main()
