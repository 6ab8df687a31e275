"""The outermost layer: who may come in, and the headers that every answer carries.

It stands before both applications, for requests and websockets alike, because the pages' own hooks
see neither deep links nor files.
"""

import json
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from dashboards import sessions
from dashboards.asgi import App, Headers, Message, Receive, Scope, Send, header
from suture.clock import Clock
from suture.settings import is_loopback

OPEN_PATHS = frozenset({"/", "/healthz", "/readyz"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_EVERYWHERE: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
]
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"


class Guard:
    """Checks host, origin and key, then adds the security headers."""

    def __init__(
        self,
        app: App,
        *,
        api_key: str | None,
        host: str,
        clock: Clock,
        pages: str,
        policy: Callable[[], str],
    ) -> None:
        """`pages` is the prefix of the pages, `policy` their content security policy.

        Without a key only names of this machine are answered, so that no web page elsewhere can
        reach a keyless installation by a name that it makes point here.
        """
        self._app, self._key, self._clock = app, api_key, clock
        self._host, self._pages, self._policy = host, pages, policy
        self._open = OPEN_PATHS | {f"{pages}login"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one connection in, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal:
                await receive()
                await send({"type": "websocket.close", "code": 4403})
                return
            await self._app(scope, receive, send)
            return
        guarded = self._with_headers(scope, send)
        if refusal is None:
            await self._app(scope, receive, guarded)
        else:
            await self._refuse(scope, guarded, *refusal)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        host = header(scope, b"host")
        name = urlsplit(f"//{host}").hostname or ""
        if self._key is None and not (is_loopback(name) or name == self._host):
            return 403, f"This installation has no key and does not answer to the name {name!r}."
        origin = header(scope, b"origin")
        careful = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        if careful and origin and urlsplit(origin).netloc != host:
            return 403, "The request comes from a page of another site."
        if self._key is None or scope["path"] in self._open or self._known(scope, self._key):
            return None
        return 401, "A valid key is needed: send it as 'Authorization: Bearer <key>'."

    def _known(self, scope: Scope, key: str) -> bool:
        scheme, _, given = header(scope, b"authorization").partition(" ")
        if scheme.lower() == "bearer" and sessions.same_key(given.strip(), key):
            return True
        cookie = sessions.cookie_of(header(scope, b"cookie"))
        on_pages = scope["path"].startswith(self._pages)
        return on_pages and bool(cookie) and sessions.holds(key, cookie, self._clock.now())

    async def _refuse(self, scope: Scope, send: Send, status: int, detail: str) -> None:
        below = f"{scope['path']}/".startswith(self._pages)
        asks_for_page = "text/html" in header(scope, b"accept")
        if status == 401 and below and asks_for_page:
            target = quote(f"{scope['path']}{_query(scope)}", safe="")
            location = f"{self._pages}login?next={target}"
            await _answer(send, 303, b"", [(b"location", location.encode())])
            return
        body = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "instance": scope["path"],
            "errors": [],
        }
        headers: Headers = [(b"content-type", b"application/problem+json")]
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        await _answer(send, status, json.dumps(body).encode(), headers)

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        below = f"{scope['path']}/".startswith(self._pages)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message.get("headers", ())}
                policy = self._policy() if below else _API_POLICY
                added: Headers = [*_EVERYWHERE, (b"content-security-policy", policy.encode())]
                if b"cache-control" not in present:
                    # What is shown is about patients' care: no copies on shared machines.
                    added.append((b"cache-control", b"no-store"))
                if scope.get("scheme") == "https":
                    added.append((b"strict-transport-security", b"max-age=31536000"))
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        return guarded


def _query(scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    return f"?{query}" if query else ""


async def _answer(send: Send, status: int, body: bytes, headers: Headers) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
