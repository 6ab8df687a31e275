import pytest

from suture.store.engine import Store
from suture.store.migrate import MigrationState, migrate, status

pytestmark = pytest.mark.store


def test_everything_is_applied_once(store: Store) -> None:
    assert {line.state for line in status(store)} == {MigrationState.APPLIED}
    assert migrate(store) == []
