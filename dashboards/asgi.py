"""Plumbing between the server and two applications: the API, and the pages under a prefix.

The pages are one Dash application, which answers every path below its prefix with the same
document. Which paths are pages is therefore known here: all others are 404, with the same document,
so that the browser shows the page that says so.
"""

import gzip
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack
from typing import Any

from fastapi import FastAPI

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_CACHED_FILES = 400
_SMALLEST_GZIP = 1024


def header(scope: Scope, name: bytes) -> str:
    """A request header, empty where it is missing."""
    return next((v.decode("latin-1") for k, v in scope.get("headers", ()) if k == name), "")


class Prefixed:
    """Sends what is below `prefix` to the pages and the rest to the API, whose lifespan it runs."""

    def __init__(self, api: FastAPI, pages: App, prefix: str) -> None:
        """`prefix` begins and ends with a slash."""
        self._api, self._pages, self._prefix = api, pages, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        path = scope["path"]
        below = path == self._prefix.rstrip("/") or path.startswith(self._prefix)
        await (self._pages if below else self._api)(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as stack:
            await receive()
            await stack.enter_async_context(self._api.router.lifespan_context(self._api))
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


class Documents:
    """Gives every page its document: deep links too, and 404 for paths that are no page."""

    def __init__(
        self, app: App, prefix: str, *, is_page: Callable[[str], bool], own: tuple[str, ...]
    ) -> None:
        """Tell pages by `is_page`, from their path below the prefix.

        Paths that begin with one of `own` belong to the application and pass unchanged.
        """
        self._app, self._prefix, self._is_page, self._own = app, prefix, is_page, own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        path = scope["path"].removeprefix(self._prefix)
        if (
            scope["type"] != "http"
            or scope["method"] not in ("GET", "HEAD")
            or path.startswith(self._own)
        ):
            await self._app(scope, receive, send)
            return
        known = self._is_page(scope["path"].removeprefix(self._prefix.rstrip("/")))
        head = scope["method"] == "HEAD"

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and not known:
                message = {**message, "status": 404}
            elif message["type"] == "http.response.body" and head:
                message = {**message, "body": b""}
            await send(message)

        document = {
            **scope,
            "method": "GET",
            "path": self._prefix,
            "raw_path": self._prefix.encode(),
        }
        await self._app(document, receive, answer)


class Compressed:
    """Compresses files once: those below the given paths never change while the process runs."""

    def __init__(self, app: App, paths: tuple[str, ...]) -> None:
        """Cache what lies below `paths`; everything else passes."""
        self._app, self._paths = app, paths
        self._files: dict[str, tuple[Headers, bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        wanted = (
            scope["type"] == "http"
            and scope["method"] == "GET"
            and scope["path"].startswith(self._paths)
            and "gzip" in header(scope, b"accept-encoding")
        )
        if not wanted:
            await self._app(scope, receive, send)
            return
        name = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
        if name not in self._files:
            fetched = await self._fetch(scope, receive, send)
            if fetched is None:
                return
            if len(self._files) >= _CACHED_FILES:
                self._files.clear()
            self._files[name] = fetched
        headers, body = self._files[name]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _fetch(
        self, scope: Scope, receive: Receive, send: Send
    ) -> tuple[Headers, bytes] | None:
        """The compressed answer; None where it was no file and has been sent on as it is."""
        started: Message = {}
        chunks: list[bytes] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
            else:
                chunks.append(message.get("body", b""))

        # Asked without conditions and in full, so that the copy is whole.
        plain = {
            **scope,
            "headers": [
                (k, v)
                for k, v in scope["headers"]
                if k not in (b"if-none-match", b"if-modified-since", b"range", b"accept-encoding")
            ],
        }
        await self._app(plain, receive, collect)
        body = b"".join(chunks)
        if started.get("status") != 200:
            await send(started)
            await send({"type": "http.response.body", "body": body})
            return None
        headers = [(k, v) for k, v in started["headers"] if k.lower() != b"content-length"]
        headers.append((b"vary", b"Accept-Encoding"))
        if len(body) >= _SMALLEST_GZIP:
            body = gzip.compress(body, compresslevel=6)
            headers.append((b"content-encoding", b"gzip"))
        return [*headers, (b"content-length", str(len(body)).encode())], body
