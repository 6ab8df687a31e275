"""The door of the pages where keys are needed: the key once, then a session cookie."""

import asyncio
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from dashboards import sessions
from dashboards.sessions import Session, Signer
from suture.access.doorkeeper import Doorkeeper
from suture.clock import Clock
from suture.contracts.access import Scope

_LONGEST_FORM = 8192
_PAUSE_SECONDS = 0.5

_PAGE = Template((Path(__file__).parent / "login.html").read_text(encoding="utf-8"))


_WRONG = "This is not a valid key."
_CANNOT_READ = "This key is not for the pages: it has not the scope read."


def add_login(
    pages: FastAPI, *, prefix: str, access: Doorkeeper, signer: Signer, clock: Clock
) -> None:
    """Add the sign-in page and sign-out below `prefix`."""

    @pages.get(f"{prefix}login", include_in_schema=False)
    async def ask(next: str = prefix) -> HTMLResponse:
        return _form(prefix, next, wrong="")

    @pages.post(f"{prefix}login", include_in_schema=False)
    async def enter(request: Request, next: str = prefix) -> Response:
        given = await _given_key(request)
        found = access.session_of(given)
        if found is None or Scope.READ not in found[0].scopes:
            # Slow enough that guessing over the network is pointless.
            await asyncio.sleep(_PAUSE_SECONDS)
            return _form(prefix, next, wrong=_WRONG if found is None else _CANNOT_READ)
        session = Session(key_id=found[0].id, secret_number=found[1])
        target = sessions.local_path(next, below=prefix)
        response = RedirectResponse(target, status_code=303)
        response.set_cookie(
            sessions.COOKIE,
            signer.issue(session, clock.now()),
            max_age=int(sessions.LIFETIME.total_seconds()),
            path=prefix,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return response

    @pages.post(f"{prefix}logout", include_in_schema=False)
    async def leave() -> Response:
        response = RedirectResponse(f"{prefix}login", status_code=303)
        response.delete_cookie(sessions.COOKIE, path=prefix)
        return response


def _form(prefix: str, target: str, *, wrong: str) -> HTMLResponse:
    safe = sessions.local_path(target, below=prefix)
    action = f"{prefix}login?{urlencode({'next': safe})}"
    said = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    page = _PAGE.substitute(action=escape(action, quote=True), wrong=said)
    return HTMLResponse(page, status_code=401 if wrong else 200)


async def _given_key(request: Request) -> str:
    """The key in a form; empty where the body is none, or longer than any form of ours."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_FORM:
            return ""
    values = parse_qs(body.decode("utf-8", errors="replace"))
    return values.get("key", [""])[0]
