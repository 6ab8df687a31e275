"""The web application: API and pages behind one guard.

One Dash application can live in a process, so this is called once per process in production.
"""

from dashboards.api import create_api
from dashboards.asgi import App, Prefixed
from dashboards.guard import Guard
from dashboards.services import PayloadReader, Services, StatusSource
from dashboards.shell import PREFIX, create_pages
from suture.clock import Clock
from suture.definitions.catalog import Catalog
from suture.settings import Settings
from suture.store.engine import Store


def create_web(
    store: Store,
    catalog: Catalog,
    settings: Settings,
    clock: Clock,
    *,
    status_source: StatusSource,
    payload_reader: PayloadReader,
) -> App:
    """The ASGI application: `/api/v1`, health and metrics, and the pages below `/ui/`.

    `status_source` says what waits in the spool, `payload_reader` gives the payload of a dead
    letter by its id, None where it is gone. Both may block. With `settings.api_key` every call
    needs it, and the pages ask for it once.
    """
    services = Services.over(
        store, catalog, settings, clock, collector=status_source, payload=payload_reader
    )
    key = settings.api_key.get_secret_value() if settings.api_key else None
    pages, policy = create_pages(services, api_key=key)
    return Guard(
        Prefixed(create_api(services, home=PREFIX), pages, PREFIX),
        api_key=key,
        host=settings.host,
        clock=clock,
        pages=PREFIX,
        policy=policy,
    )
