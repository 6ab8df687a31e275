"""Fixtures that several files of this tier share."""

from pathlib import Path

import pytest
from loader_rig import Rig

from suture.store.engine import Store


@pytest.fixture
def rig(store: Store, tmp_path: Path) -> Rig:
    return Rig(store, tmp_path / "spool.db")


@pytest.fixture
def any_rig(any_store: Store, tmp_path: Path) -> Rig:
    """Where engines could differ: what rows look like, how they are taken back, what is refused."""
    return Rig(any_store, tmp_path / "spool.db")
