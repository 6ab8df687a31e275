"""How well an estate with missing, reused and contradicting keys is put together again."""

import logging
import sys
import tempfile
import time

from correlator.job import Correlator
from suture.app.logs import configure_logs
from suture.store.engine import Store
from suture.store.migrate import migrate
from tests.bench.report import report
from tests.linked_estate import CATALOG, T0, estate, load, score


def main(requisitions: int) -> None:
    """Stitch an estate of so many requisitions, and compare with the truth."""
    made = estate(requisitions, seed=1)
    with tempfile.TemporaryDirectory() as folder, Store(f"chdb://{folder}/store") as store:
        migrate(store)
        correlator, took = Correlator(store, CATALOG), 0.0
        for _ in load(store, made, batch=20_000):
            began = time.perf_counter()
            correlator.run(T0)
            took += time.perf_counter() - began
        found = score(store, made)
    shape = {
        "pairs": found.pairs,
        "missing_bridges": made.missing,
        "of_them_in_traces": made.traced,
        "wrong_claims": made.wrong,
        "reused_numbers": made.reused,
        "refused": found.refused,
    }
    report("estate_precision", found.precision, "ratio", at_least=1.0, **shape)
    report("estate_recall_where_evidence_exists", found.recall_told, "ratio", at_least=0.99)
    report("estate_recall", found.recall, "ratio")
    report("estate_stitching", len(made.events) / took, "events/s")


if __name__ == "__main__":
    configure_logs("console", level=logging.WARNING)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
