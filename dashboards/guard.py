"""The outermost layer: who may come in, for what, and the headers that every answer carries.

It stands before both applications, for requests and websockets alike, because the pages' own hooks
see neither deep links nor files.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, quote, urlsplit

from dashboards import callers, sessions
from dashboards.asgi import App, Headers, Message, Receive, Scope, Send, header
from dashboards.late_pages import NOTHING_LOADED
from dashboards.permissions import need_of
from dashboards.sessions import Signer
from suture.access.doorkeeper import Doorkeeper
from suture.clock import Clock
from suture.contracts.access import ANYBODY, Caller
from suture.contracts.access import Scope as KeyScope
from suture.errors import AccessDenied, NotPermitted, RateLimited, Unavailable
from suture.settings import is_loopback

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_EVERYWHERE: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
]
_FILES = ("assets/", "_dash-component-suites/")
"""Where files lie, below the pages: scripts, styles, icons."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    detail: str
    headers: Headers = field(default_factory=list)


class Guard:
    """Checks host, origin, key and scope, then adds the security headers."""

    def __init__(
        self,
        app: App,
        *,
        access: Doorkeeper,
        signer: Signer,
        host: str,
        clock: Clock,
        pages: str,
        policy: Callable[[], str],
    ) -> None:
        """`pages` is the prefix of the pages, `policy` their content security policy.

        While nobody has to say who they are, only names of this machine are answered, so that no
        web page elsewhere can reach the installation by a name that it makes point here.
        """
        self._app, self._access, self._signer, self._clock = app, access, signer, clock
        self._host, self._pages, self._policy = host, pages, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one connection in, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        found = self._decide(scope)
        if scope["type"] == "websocket":
            if isinstance(found, _Refusal):
                await receive()
                await send({"type": "websocket.close", "code": 4403})
                return
            with callers.calling(found):
                await self._app(scope, receive, send)
            return
        guarded = self._with_headers(scope, send)
        if isinstance(found, _Refusal):
            await self._refuse(scope, guarded, found)
            return
        with callers.calling(found):
            await self._app(scope, self._metered(found, receive), guarded)

    def _decide(self, scope: Scope) -> Caller | _Refusal:
        """Who asks, or why that is refused."""
        if refusal := self._misled(scope):
            return refusal
        method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"]
        need = need_of(method, scope["path"])
        if need.known and need.scope is None:
            return ANYBODY
        try:
            caller = self._caller(scope, need.scope)
        except AccessDenied as error:
            return _Refusal(401, error.message, [(b"www-authenticate", b"Bearer")])
        except NotPermitted as error:
            challenge = f'Bearer error="insufficient_scope", scope="{need.scope}"'
            return _Refusal(403, error.message, [(b"www-authenticate", challenge.encode())])
        except RateLimited as error:
            return _Refusal(429, error.message, [_retry_after(error)])
        except Unavailable as error:
            return _Refusal(503, error.message, [_retry_after(error)])
        if need.known or KeyScope.ADMIN in caller.scopes:
            return caller
        if need.allowed:
            allow = (b"allow", ", ".join(need.allowed).encode())
            return _Refusal(405, f"{method} is not allowed here.", [allow])
        return _Refusal(404, "There is nothing here.")

    def _misled(self, scope: Scope) -> _Refusal | None:
        """Refuse what a browser was talked into by a page from elsewhere."""
        host = header(scope, b"host")
        name = urlsplit(f"//{host}").hostname or ""
        if not self._access.closed and not (is_loopback(name) or name == self._host):
            detail = f"This installation has no key and does not answer to the name {name!r}."
            return _Refusal(403, detail)
        origin = header(scope, b"origin")
        careful = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        if careful and origin and urlsplit(origin).netloc != host:
            return _Refusal(403, "The request comes from a page of another site.")
        return None

    def _caller(self, scope: Scope, needs: KeyScope | None) -> Caller:
        authorization = header(scope, b"authorization")
        if not authorization and (caller := self._by_session(scope)) is not None:
            if needs is not None and needs not in caller.scopes:
                raise NotPermitted(f"the key {caller.name!r} has not the scope {needs.value!r}")
            return caller
        return self._access.admit(authorization, needs)

    def _by_session(self, scope: Scope) -> Caller | None:
        if not scope["path"].startswith(self._pages):
            return None
        cookie = sessions.cookie_of(header(scope, b"cookie"))
        session = self._signer.read(cookie, self._clock.now()) if cookie else None
        if session is None:
            return None
        return self._access.holder(session.key_id, session.secret_number)

    def _metered(self, caller: Caller, receive: Receive) -> Receive:
        if caller.rates.bytes is None:
            return receive

        async def counted() -> Message:
            message = await receive()
            self._access.charge(caller, len(message.get("body", b"")))
            return message

        return counted

    async def _refuse(self, scope: Scope, send: Send, refusal: _Refusal) -> None:
        below = f"{scope['path']}/".startswith(self._pages)
        asks_for_page = "text/html" in header(scope, b"accept")
        if refusal.status == 401 and below and asks_for_page:
            target = quote(f"{scope['path']}{_query(scope)}", safe="")
            location = f"{self._pages}login?next={target}"
            await _answer(send, 303, b"", [(b"location", location.encode())])
            return
        body = {
            "type": "about:blank",
            "title": HTTPStatus(refusal.status).phrase,
            "status": refusal.status,
            "detail": refusal.detail,
            "instance": scope["path"],
            "errors": [],
        }
        headers: Headers = [(b"content-type", b"application/problem+json"), *refusal.headers]
        await _answer(send, refusal.status, json.dumps(body).encode(), headers)

    def _keeping(self, scope: Scope, status: int) -> bytes:
        """What a browser may keep of an answer.

        What is shown is about patients' care: no copies on shared machines. The files that show it
        are the same for every installation: kept where the address names their version, else asked
        for again, whether they have changed.
        """
        is_file = scope["path"].startswith(tuple(self._pages + name for name in _FILES))
        if not is_file or status not in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED):
            return b"no-store"
        is_versioned = b"m" in dict(parse_qsl(scope.get("query_string", b"")))
        return b"private, max-age=31536000, immutable" if is_versioned else b"private, no-cache"

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        below = f"{scope['path']}/".startswith(self._pages)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message.get("headers", ())}
                policy = self._policy() if below else NOTHING_LOADED
                added: Headers = [*_EVERYWHERE, (b"content-security-policy", policy.encode())]
                if b"cache-control" not in present:
                    added.append((b"cache-control", self._keeping(scope, message["status"])))
                if scope.get("scheme") == "https":
                    added.append((b"strict-transport-security", b"max-age=31536000"))
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        return guarded


def _retry_after(error: Unavailable) -> tuple[bytes, bytes]:
    return b"retry-after", str(max(1, math.ceil(error.retry_after_seconds))).encode()


def _query(scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    return f"?{query}" if query else ""


async def _answer(send: Send, status: int, body: bytes, headers: Headers) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
