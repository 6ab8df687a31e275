"""How `suture dead-letters` reaches the API: of a running platform, or of one opened for it."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, nullcontext
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx2

from collector.dead_letters import LetterDesk, PayloadReader
from collector.live_contracts import LiveContracts
from collector.loader import Loader
from collector.redaction import Redactor
from collector.spool import Spool
from correlator.keys import object_key
from dashboards.api import PREFIX, create_api
from dashboards.services import CollectorStatus, Services
from suture.app.config_dir import config_dir
from suture.app.installation import open_store
from suture.app.logs import configure_logs
from suture.app.redaction_key import redaction_key
from suture.app.stages import Stages, work_off_all
from suture.clock import Clock, SystemClock
from suture.definitions.catalog import Catalog, load_catalog
from suture.errors import (
    AccessDenied,
    InstallationError,
    InvalidQuery,
    NotFound,
    StoreLocked,
    SutureError,
    Unavailable,
)
from suture.settings import Settings
from suture.store.engine import Store

REQUEST_SECONDS = 120.0

_ERRORS: Mapping[int, type[SutureError]] = {
    400: InvalidQuery,
    401: AccessDenied,
    403: AccessDenied,
    404: NotFound,
}


class Api(Protocol):
    """The API, wherever it is."""

    def get(self, path: str, **query: Any) -> Any:
        """What a path below `/api/v1` answers; raises SutureError for a problem."""

    def post(self, path: str, body: Mapping[str, Any], **query: Any) -> Any:
        """The same for an act."""


class _Client:
    """Speaks the API through any transport, one call at a time."""

    def __init__(self, base: str, *, key: str | None, transport: Any = None) -> None:
        self._base = base.rstrip("/") + PREFIX
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self._transport = transport

    def get(self, path: str, **query: Any) -> Any:
        """See `Api`."""
        return asyncio.run(self._call("GET", path, query, None))

    def post(self, path: str, body: Mapping[str, Any], **query: Any) -> Any:
        """See `Api`."""
        return asyncio.run(self._call("POST", path, query, body))

    async def _call(
        self, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any] | None
    ) -> Any:
        given = {name: value for name, value in query.items() if value not in (None, "")}
        try:
            async with httpx2.AsyncClient(
                headers=self._headers,
                timeout=REQUEST_SECONDS,
                trust_env=False,
                transport=self._transport,
            ) as client:
                answer = await client.request(method, self._base + path, params=given, json=body)
        except httpx2.TransportError as error:
            raise Unavailable(f"{self._base} does not answer: {error}") from error
        if answer.status_code == 200:
            return answer.json()
        raise self._error(answer)

    def _error(self, answer: httpx2.Response) -> SutureError:
        kind = answer.headers.get("content-type", "")
        told = answer.json().get("detail", "") if "json" in kind else ""
        message = f"{told or answer.reason_phrase} (answer {answer.status_code})"
        return _ERRORS.get(answer.status_code, Unavailable)(message)


@contextmanager
def running(url: str, settings: Settings) -> Iterator[Api]:
    """The API of a running platform at its web port."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InstallationError(f"{url!r} is not an address such as http://host:8050")
    key = settings.api_key.get_secret_value() if settings.api_key else None
    yield _Client(url, key=key)


@contextmanager
def opened(settings: Settings, *, acting: bool) -> Iterator[Api]:
    """The API over the installation itself, which nothing else may be running.

    What waits in the spool is loaded first. With `acting`, what letters become is loaded, stitched
    and judged before it closes. Raises StoreLocked with a hint where the platform runs,
    InstallationError where there is no store.
    """
    configure_logs(settings.log_format)
    folder = config_dir(settings.config)
    catalog, clock = load_catalog(folder), SystemClock()
    with _store(settings) as store:
        # Who only looks makes neither a spool nor a key: without a spool nothing waits.
        loads = acting or settings.spool_path.exists()
        key = redaction_key(settings, catalog) if loads else ""
        redactor = Redactor.of(catalog, key.encode())
        contracts = LiveContracts(folder, catalog, redactor)
        app: Any = create_api(_services(store, catalog, settings, clock, contracts), home="/")
        with _loading(store, settings, catalog, redactor) if loads else nullcontext():
            transport = httpx2.ASGITransport(app=app)
            yield _Client("http://installation", key=None, transport=transport)
        if acting:
            with closing(Stages(store, catalog, settings)) as stages:
                work_off_all(stages.chain, clock.now)


@contextmanager
def _loading(
    store: Store, settings: Settings, catalog: Catalog, redactor: Redactor
) -> Iterator[None]:
    """Load what waits in the spool, then what comes into it meanwhile."""
    types = catalog.object_types

    def key_of(environment: str, type_: str, attributes: Mapping[str, str], id_: str) -> str:
        return object_key(
            types, environment=environment, type_=type_, id_=id_, attributes=attributes
        )

    # It is made here, before two threads and a look at it would meet in making it.
    Spool(settings.spool_path).close()
    loader = Loader(store, settings.spool_path, catalog, SystemClock(), key_of, redactor=redactor)
    loader.start()
    try:
        loader.drain()
        yield
    finally:
        loader.stop(drain=True)


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    with ExitStack() as stack:
        try:
            store = stack.enter_context(open_store(settings, existing=True))
        except StoreLocked as error:
            hint = "while the platform runs, go through it: --url http://127.0.0.1:8050"
            raise StoreLocked(f"{error.message}; {hint}") from error
        yield store


def _services(
    store: Store, catalog: Catalog, settings: Settings, clock: Clock, contracts: LiveContracts
) -> Services:
    payloads = PayloadReader(settings.spool_path)
    return Services.over(
        store,
        catalog,
        settings,
        clock,
        collector=CollectorStatus,
        payload=lambda id_: kept.content if (kept := payloads.get(id_)) else None,
        desk=LetterDesk(settings.spool_path, contracts.reader, clock),
    )
