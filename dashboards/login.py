"""The door of the pages where a key is set: the key once, then a session cookie."""

import asyncio
from html import escape
from string import Template
from urllib.parse import parse_qs, urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from dashboards import sessions
from suture.clock import Clock

_LONGEST_FORM = 8192
_PAUSE_SECONDS = 0.5

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in · Suture</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --ground: #f5f7f9; --surface: #fff; --line: #c5cfd9; --text: #16212c; --dim: #566575;
  --accent: #0b6e8f; --on: #fff; --bad: #c02434; }
@media (prefers-color-scheme: dark) { :root { --ground: #0e141a; --surface: #151d26; --line: #384858; --text: #e4ebf2;
  --dim: #9aaaba; --accent: #4fb8d8; --on: #06212a; --bad: #ff8a93; } }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }
form { width: min(100vw - 48px, 340px); display: grid; gap: 14px; background: var(--surface); padding: 28px;
  border: 1px solid var(--line); border-radius: 12px; box-sizing: border-box; }
h1 { margin: 0; font-size: 19px; } p { margin: 0; color: var(--dim); font-size: 13.5px; }
p.wrong { color: var(--bad); }
label { font-size: 13px; font-weight: 550; display: grid; gap: 5px; }
input { font: inherit; padding: 9px 11px; border: 1px solid var(--line); border-radius: 8px; background: var(--ground); color: inherit;
  width: 100%; box-sizing: border-box; }
button { font: inherit; font-weight: 600; padding: 10px; border: 0; border-radius: 8px; background: var(--accent); color: var(--on); cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
</style></head><body>
<form method="post" action="$action">
<h1>Suture</h1><p>This installation is protected by a key.</p>$wrong
<label>Key<input type="password" name="key" autocomplete="current-password" required autofocus></label>
<button type="submit">Sign in</button>
</form></body></html>""")


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
