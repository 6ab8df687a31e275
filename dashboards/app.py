"""The web application: API and pages behind one guard.

One Dash application can live in a process, so this is called once per process in production.
"""

import secrets
from functools import partial
from importlib import import_module
from typing import Any

from dashboards.api import create_api
from dashboards.asgi import App, Prefixed
from dashboards.guard import Guard
from dashboards.late_pages import LatePages, Pages
from dashboards.routes import PREFIX
from dashboards.services import (
    AttributionSource,
    LetterDesk,
    PayloadReader,
    Services,
    StatusSource,
)
from dashboards.sessions import Signer
from suture.access.doorkeeper import Doorkeeper
from suture.access.exposure import credentials_of
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
    letter_desk: LetterDesk | None = None,
    attributed: AttributionSource | None = None,
    access: Doorkeeper | None = None,
) -> App:
    """The ASGI application: `/api/v1`, health and metrics, and the pages below `/ui/`.

    `status_source` says what waits in the spool, `payload_reader` gives the payload of a dead
    letter by its id, None where it is gone, `letter_desk` acts on them, `attributed` says where the
    time of an instance went. All may block. `access` says who may come in; without it the keys of
    these settings are read once, now.
    """
    services = Services.over(
        store,
        catalog,
        settings,
        clock,
        collector=status_source,
        payload=payload_reader,
        desk=letter_desk,
        attributed=attributed,
    )
    access = access or Doorkeeper(credentials_of(settings, "web"), clock)
    signer = _signer(settings)
    pages = LatePages(partial(_create_pages, services, access=access, signer=signer))
    return Guard(
        Prefixed(create_api(services, home=PREFIX), pages, PREFIX),
        access=access,
        signer=signer,
        host=settings.host,
        clock=clock,
        pages=PREFIX,
        policy=pages.policy,
    )


def _create_pages(services: Services, *, access: Doorkeeper, signer: Signer) -> Pages:
    # Dash and its components take as long to import as all the rest.
    shell: Any = import_module("dashboards.shell")
    pages: Pages = shell.create_pages(services, access=access, signer=signer)
    return pages


def _signer(settings: Settings) -> Signer:
    """What signs sessions: they outlive the process where a setting says by what."""
    api_key = settings.api_key.get_secret_value() if settings.api_key else None
    if settings.session_secret is not None:
        return Signer(settings.session_secret.get_secret_value(), api_key)
    return Signer("" if api_key else secrets.token_hex(32), api_key)
