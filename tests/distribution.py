"""Who runs which test where several processes share them: `make test` says how many.

A file is run by one process, since its tests share what is dear to build. Tests that start the
platform themselves share nothing, so each goes to whoever is free. What takes longest comes first:
then no process works alone in the end.
"""

import pytest
from xdist.scheduler import LoadFileScheduling

LONGEST = (
    "acceptance/test_demo.py",
    "acceptance/test_import.py",
    "integration/test_collector_crash.py",
    "browser/test_pages.py",
    "integration/test_correlator_properties.py",
    "integration/test_sla_job.py",
    "browser/test_links.py",
    "acceptance/",
    "integration/test_alerting_pipeline.py",
    "integration/test_store_conformance.py",
    "integration/test_collector_signals.py",
    "integration/test_correlator_links.py",
    "integration/",
)
"""Beginnings of paths below `tests`; of several that fit, the first counts."""


class Distribution(LoadFileScheduling):
    """Files as a whole; tests in `tests/acceptance` one by one."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if "acceptance/" in nodeid.split("::")[0] else super()._split_scope(nodeid)


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by how early they have to begin; what is not in `LONGEST` comes last."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    path = item.nodeid.split("::")[0].partition("tests/")[2]
    ranks = (n for n, beginning in enumerate(LONGEST) if path.startswith(beginning))
    return next(ranks, len(LONGEST))
