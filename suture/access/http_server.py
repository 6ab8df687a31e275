"""The HTTP server's side of access: how large a request's head may be, and TLS.

The server we use bounds neither. A head that is too large is refused while it comes in, before any
of it reaches an application; one that does not come ends the connection.
"""

import asyncio
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from suture.access.tls import TlsFiles, server_context

PER_HEADER_BYTES = 32
"""What a header counts beside its text, so that very many empty ones are bounded too."""

FRAMING_BYTES = 1024 * 1024
FRAMING_RATIO = 8
"""What a body may carry beside its data: so much, and so many times its data."""

HEAD_SECONDS = 30.0
"""How long a head may take to arrive, from the moment its sender could begin."""

_TOO_LARGE = 431


def server_options(max_header_bytes: int, tls: TlsFiles | None) -> dict[str, Any]:
    """Options for `uvicorn.Config`; raises InstallationError for wrong certificates."""
    options: dict[str, Any] = {"http": bounded(max_header_bytes)}
    if tls is not None:
        context = server_context(tls)
        options["ssl_context_factory"] = lambda _config, _default: context
    return options


def bounded(max_header_bytes: int) -> type[HttpToolsProtocol]:
    """The server's protocol, with a bound for heads."""
    return type("Bounded", (_Bounded,), {"max_header_bytes": max_header_bytes})


class _Bounded(HttpToolsProtocol):
    max_header_bytes = 0
    _in_head = False
    _head_bytes = 0
    """Bytes of the present head, of which the first read is only counted when it is complete."""

    _read_bytes = 0
    _body_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._have_head()
        super().connection_lost(exc)

    def _have_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
        self._read_bytes += len(data)
        super().data_received(data)
        around = self._read_bytes - self._body_bytes
        if around > FRAMING_BYTES + FRAMING_RATIO * self._body_bytes:
            # Trailers, or what chunks may carry beside their data.
            self._head_bytes = max(self._head_bytes, around)
        if self._is_too_large and not self.transport.is_closing():
            self.send_400_response("")

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = self._read_bytes = self._body_bytes = 0
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._have_head()
        self._head_bytes = len(self.url) + sum(
            len(name) + len(value) + PER_HEADER_BYTES for name, value in self.headers
        )
        if self._is_too_large:
            # For the parser it is an error like others; it is answered below.
            raise ValueError("the head is too large")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    @property
    def _is_too_large(self) -> bool:
        return self._head_bytes > self.max_header_bytes

    def send_400_response(self, msg: str) -> None:
        if not self._is_too_large:
            super().send_400_response(msg)
            return
        problem = {
            "type": "about:blank",
            "title": "Request Header Fields Too Large",
            "status": _TOO_LARGE,
            "detail": f"the head of the request is over {self.max_header_bytes} bytes",
        }
        body = msgspec.json.encode(problem)
        head = (
            b"content-type: application/problem+json\r\nconnection: close\r\n"
            b"content-length: " + str(len(body)).encode() + b"\r\n\r\n"
        )
        self.transport.write(STATUS_LINE[_TOO_LARGE] + head + body)
        self.transport.close()
