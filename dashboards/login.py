"""The door of the pages where a key is set: the key once, then a session cookie."""

import asyncio
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from dashboards import sessions
from suture.clock import Clock

_LONGEST_FORM = 8192
_PAUSE_SECONDS = 0.5

_PAGE = Template((Path(__file__).parent / "login.html").read_text(encoding="utf-8"))


def add_login(pages: FastAPI, *, prefix: str, api_key: str, clock: Clock) -> None:
    """Add the sign-in page and sign-out below `prefix`."""

    @pages.get(f"{prefix}login", include_in_schema=False)
    async def ask(next: str = prefix) -> HTMLResponse:
        return _form(prefix, next, wrong=False)

    @pages.post(f"{prefix}login", include_in_schema=False)
    async def enter(request: Request, next: str = prefix) -> Response:
        given = await _given_key(request)
        if not sessions.same_key(given, api_key):
            # Slow enough that guessing over the network is pointless.
            await asyncio.sleep(_PAUSE_SECONDS)
            return _form(prefix, next, wrong=True)
        target = sessions.local_path(next, below=prefix)
        response = RedirectResponse(target, status_code=303)
        response.set_cookie(
            sessions.COOKIE,
            sessions.issue(api_key, clock.now()),
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


def _form(prefix: str, target: str, *, wrong: bool) -> HTMLResponse:
    safe = sessions.local_path(target, below=prefix)
    action = f"{prefix}login?{urlencode({'next': safe})}"
    said = '<p class="wrong" role="alert">This is not the key.</p>' if wrong else ""
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
