"""The store of an installation, opened and brought up to date."""

from collections.abc import Iterator
from contextlib import contextmanager

from suture.settings import Settings
from suture.store.engine import Store
from suture.store.migrate import Target, migrate
from suture.store.rebuilding import finish_swap


@contextmanager
def open_store(settings: Settings, *, migrated: bool = True) -> Iterator[Store]:
    """The store of this installation, its schema up to date unless `migrated` is False."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = Store(settings.store_url, max_memory_bytes=settings.max_store_memory_bytes)
    try:
        if migrated:
            migrate(store, Target(retention_days=settings.retention_days))
            if store.embedded:  # on a server, whoever becomes its worker does
                finish_swap(store)
        yield store
    finally:
        store.close(cancel_reads_after_seconds=5)
