"""Killed at any moment, the collector loses nothing it acknowledged and doubles nothing."""

from pathlib import Path

import pytest
from collector_child import Place
from crash_cycles import HEALTHCARE, KILLS, Cycles

pytestmark = pytest.mark.store


def test_kills_lose_nothing_and_double_nothing(lone_engine_url: str, tmp_path: Path) -> None:
    place = Place(data=tmp_path / "data", store_url=lone_engine_url, config=HEALTHCARE)
    with Cycles(place=place).running() as cycles:
        for kill in KILLS:
            cycles.live_through(kill)
        stored = cycles.settle()
    cycles.check(stored)
