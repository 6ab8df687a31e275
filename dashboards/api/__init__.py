"""The REST API under /api/v1: the same reads and actions as the pages.

Reads: what `suture.store.reading`, `suture.store.verdicts` and `suture.store.alerts` read.
Writes: alert events, through `suture.store.alerts`; decisions about links, through
`suture.store.link_decisions`.
Runs as: routes of one FastAPI application, each call in a thread of its pool.
Next: one module per family of calls; `parameters` (times, cursors), `problems` (RFC 9457).
"""

from fastapi import Depends, FastAPI
from fastapi.responses import RedirectResponse

from dashboards.api import (
    alerts,
    attribution,
    conflicts,
    dead_letters,
    health,
    instances,
    keys,
    kpis,
    links,
    problems,
    processes,
    slas,
    sources,
    status,
    traces,
    views,
)
from dashboards.api.parameters import require_single
from dashboards.services import Services
from suture import __version__

PREFIX = "/api/v1"


def create_api(services: Services, *, home: str) -> FastAPI:
    """The API; `/` leads to `home`. It has no documentation page: those load scripts from afar."""
    api = FastAPI(
        title="Suture",
        version=__version__,
        description="Business processes across systems: instances, verdicts, alerts, traces.",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
    )
    problems.install(api)
    api.include_router(health.router(services))
    for family in (
        processes,
        views,
        instances,
        slas,
        kpis,
        attribution,
        alerts,
        traces,
        dead_letters,
        conflicts,
        links,
        status,
        sources,
        keys,
    ):
        api.include_router(
            family.router(services), prefix=PREFIX, dependencies=[Depends(require_single)]
        )

    # FastAPI describes its own 422; ours are problems.
    plain = api.openapi
    api.openapi = lambda: api.openapi_schema or problems.describe(plain())  # type: ignore[method-assign]

    @api.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse(home)

    return api
