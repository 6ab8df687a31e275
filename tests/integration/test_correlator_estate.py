"""In an estate whose telemetry is incomplete and contradicts itself nobody is merged wrongly."""

import pytest

from correlator.job import Correlator
from suture.store.engine import Store
from tests.linked_estate import CATALOG, T0, estate, load, score

pytestmark = pytest.mark.store


def test_missing_bridges_are_found_in_traces_and_nothing_is_merged_wrongly(store: Store) -> None:
    made = estate(120, seed=4, missing=0.06, reused=0.1)
    assert made.missing > made.traced > 3
    assert min(made.wrong, made.reused) > 0
    correlator = Correlator(store, CATALOG)
    for _ in load(store, made, batch=400):
        correlator.run(T0)
    found = score(store, made)
    assert found.precision == 1.0
    assert found.recall_told == 1.0
    assert found.recall < 1.0
    assert found.refused == made.wrong
