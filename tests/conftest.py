"""Fixtures for every tier."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from suture.store.engine import Store
from suture.testing import temporary_store

ROOT = Path(__file__).resolve().parent.parent
HEALTHCARE = ROOT / "deploy" / "config" / "healthcare"


@pytest.fixture(scope="session")
def real_data_dir() -> Path:
    """Where the public event logs lie; tests that need one skip where it is absent."""
    folder = Path(os.environ.get("SUTURE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no event logs at {folder}; set SUTURE_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The embedded engine's directory: one per test process, since it can be opened only once."""
    return f"chdb://{tmp_path_factory.mktemp('engine') / 'store'}"


@pytest.fixture
def store(engine_url: str) -> Iterator[Store]:
    """A migrated, empty store on the embedded engine."""
    with temporary_store(engine_url) as opened:
        yield opened
