"""The store of an installation, opened and brought up to date."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from suture.errors import InstallationError
from suture.settings import Settings
from suture.store.address import StoreAddress
from suture.store.embedded import holds_store
from suture.store.engine import Store
from suture.store.migrate import Target, migrate
from suture.store.rebuilding import finish_swap


@contextmanager
def open_store(
    settings: Settings, *, migrated: bool = True, existing: bool = False
) -> Iterator[Store]:
    """The store of this installation, its schema up to date unless `migrated` is False.

    With `existing` no installation is made: InstallationError is raised where there is neither an
    embedded store nor a spool.
    """
    if not existing:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif not (has_store(settings) or settings.spool_path.exists()):
        raise InstallationError(_missing(settings))
    store = Store(settings.store_url, max_memory_bytes=settings.max_store_memory_bytes)
    try:
        if migrated:
            migrate(store, Target(retention_days=settings.retention_days))
            if store.embedded:  # on a server, whoever becomes its worker does
                finish_swap(store)
        yield store
    finally:
        store.close(cancel_reads_after_seconds=5)


def has_store(settings: Settings) -> bool:
    """Whether there is an embedded store where one would be opened; true for every server."""
    path = StoreAddress.parse(settings.store_url).path
    return path is None or holds_store(path)


def _missing(settings: Settings) -> str:
    if settings.store:
        return f"there is no store in {StoreAddress.parse(settings.store).path}"
    return f"there is no installation in {_shown(settings.data)} (choose it with --data)"


def _shown(folder: Path) -> str:
    """A directory as people write it: `./data` where it is below the present one."""
    plain = not folder.is_absolute() and folder.parts[:1] != ("..",)
    return f"./{folder}" if plain else str(folder)
