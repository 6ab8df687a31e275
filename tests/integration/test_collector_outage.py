"""The store goes away under load: nothing is lost, nothing grows, and the backlog is worked off."""

from pathlib import Path

import pytest
from outage import live_through_outage

pytestmark = pytest.mark.store


def test_an_outage_of_the_store_costs_nothing_but_time(tmp_path: Path) -> None:
    outcome = live_through_outage(tmp_path, rate=1_000, outage_seconds=4)
    assert outcome.refused == 0
    assert outcome.backlog > 2_000
    assert outcome.stored == outcome.distinct == outcome.acknowledged
    assert max(outcome.growth.values()) < 50
