"""What tests of every stage build on: a migrated store of their own, and builders of values."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from suture.store.engine import Store
from suture.store.migrate import migrate


@contextmanager
def temporary_store(base_url: str) -> Iterator[Store]:
    """A migrated store in a database of its own, dropped afterwards.

    `base_url` is a `chdb://` directory (one per process: the engine allows no second) or the
    address of a server.
    """
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = f"{base_url}?database={name}" if base_url.startswith("chdb:") else f"{base_url}/{name}"
    store = Store(url, readers=2)
    try:
        migrate(store)
        yield store
    finally:
        store.execute(f"DROP DATABASE IF EXISTS `{name}`")
        store.close()
