"""The pages as one Dash application: the frame around them, and how they come alive.

Two callbacks show everything: `show`, when the address changes, and `refresh`, at every tick, which
makes only the live part anew and sends it only where it differs. All callbacks are coroutines and
every read runs in a thread, since Dash runs callbacks on the server's own loop.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from dash import Dash
from fastapi import FastAPI, HTTPException, Request
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import StreamingResponse

from dashboards import callbacks
from dashboards.api import problems
from dashboards.asgi import Compressed, Documents
from dashboards.exports import TABLES, csv_lines
from dashboards.frame import frame
from dashboards.late_pages import Pages
from dashboards.login import add_login
from dashboards.pages.page import View
from dashboards.routes import PREFIX, Place, is_page
from dashboards.services import Services
from dashboards.sessions import Signer
from suture.access.doorkeeper import Doorkeeper

log = structlog.get_logger(__name__)

_OWN = ("_dash-", "_favicon", "assets/", "login", "logout", "export/")
_FILES = (f"{PREFIX}_dash-component-suites/", f"{PREFIX}assets/")

_POLICY = (
    "default-src 'self'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)

_DOCUMENT = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{%title%}</title>
{%favicon%}
{%css%}
</head>
<body>
{%app_entry%}
<footer>{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>"""


def create_pages(services: Services, *, access: Doorkeeper, signer: Signer) -> Pages:
    """The pages below `PREFIX`, and what gives their content security policy."""
    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    problems.install(server)
    # Always, since the first key may be made while the process runs.
    add_login(server, prefix=PREFIX, access=access, signer=signer, clock=services.clock)
    _add_exports(server, services)
    dash = create_dash(server, services, closed=access.closed)
    server.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    pages = Documents(Compressed(server, _FILES), PREFIX, is_page=is_page, own=_OWN)
    return pages, _policy_of(dash)


def create_dash(server: FastAPI, services: Services, *, closed: bool) -> Dash:
    """The Dash application with its layout and callbacks; `closed`: there is a session to leave."""
    # Its own annotation forgets that a server may be a FastAPI application.
    given: Any = server
    dash = Dash(
        "suture",
        server=given,
        url_base_pathname=PREFIX,
        assets_folder=str(Path(__file__).parent / "assets"),
        title="Suture",
        update_title="",
        index_string=_DOCUMENT,
        suppress_callback_exceptions=True,
        serve_locally=True,
        add_log_handler=False,
        enable_mcp=False,
        on_error=_failed,
    )
    # No callback of ours is a websocket's, and an idle one would only hold up a shutdown.
    dash.backend.websocket_capability = False
    dash.layout = frame(closed=closed, refresh_seconds=services.settings.refresh_seconds)
    callbacks.register(dash, services)
    return dash


def _failed(error: Exception) -> None:
    log.error("callback failed", exc_info=error)
    raise error


def _policy_of(dash: Dash) -> Callable[[], str]:
    known: list[str] = []

    def policy() -> str:
        # Only now, at the first answer, are all inline scripts known.
        if not known:
            known.append(_POLICY.format(hashes=" ".join(sorted(set(dash.csp_hashes())))))
        return known[0]

    return policy


def _add_exports(server: FastAPI, services: Services) -> None:
    @server.get(f"{PREFIX}export/{{table}}.csv", include_in_schema=False)
    def export(table: str, request: Request) -> StreamingResponse:
        if table not in TABLES:
            raise HTTPException(404)
        place = Place(page=table, query=dict(request.query_params))
        view = View(services=services, place=place, now=services.now())
        found = TABLES[table](view)
        name = "-".join(filter(None, ("suture", table, found.part, f"{view.now:%Y%m%d-%H%M}")))
        return StreamingResponse(
            csv_lines(found),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
        )
