"""The gRPC door: OTLP's three services.

Requests arrive as bytes and are read by the same code as those over HTTP. gRPC itself decompresses
messages, and bounds them while it does; it does not say how large a message was before, so one
limit counts here, that for decompressed bodies. What is worth repeating carries `RetryInfo`, as
OTLP asks.

A message is fetched only once its sender has shown its key and there is room: gRPC does not say how
large a message is going to be, so no more are fetched at a time than could all be of the largest
size. Until then the sender's own flow control holds it back. To the sender a call is unary; it is
served as a stream of one message, which is how a message can be waited for.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from typing import Any

import grpc
import structlog

from collector import otlp_answers
from collector.failures import RESOURCE_EXHAUSTED, Failure, failure_of
from collector.intake import IN_FLIGHT_BYTES, Intake
from collector.otlp_signals import OTLP_SIGNALS, OtlpSignal
from suture.access.tls import TlsFiles, read_pem
from suture.errors import (
    InstallationError,
    MalformedInput,
    SpoolFull,
    SutureError,
    Unavailable,
)

FETCH_SECONDS = 60.0
"""How long a message may take to arrive once its sender was let in."""
SILENT_SECONDS = 5.0
"""After so long without a byte a sender has to give a sign of life, within as long again. One that
hangs, or whose network is gone, is given up then and keeps nobody's room."""
WINDOW_BYTES = 256 * 1024
"""How much of a message may come in before it is fetched."""
WAIT_SECONDS = 5.0
"""How long a sender waits for room before it is told to come back."""
MAX_WAITING = 64
"""How many senders wait; more are told at once. Of each, gRPC holds the beginning of a message."""

_log = structlog.get_logger(__name__)
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class OtlpDoor:
    """Answers `Export` for every signal."""

    def __init__(self, intake: Intake) -> None:
        """Hand requests to `intake`."""
        self._intake = intake
        largest = intake.limits.max_decompressed_bytes
        self._room = asyncio.Semaphore(max(2, IN_FLIGHT_BYTES // 2 // largest))
        self._waiting = 0

    def handler(self, kind: OtlpSignal) -> Any:
        """The gRPC service of one signal."""

        async def export(messages: Any, context: Any) -> bytes:
            return await self._export(kind, messages, context)

        method = grpc.stream_unary_rpc_method_handler(export)
        return grpc.method_handlers_generic_handler(kind.service, {"Export": method})

    async def _export(self, kind: OtlpSignal, messages: Any, context: Any) -> bytes:
        try:
            with self._intake.metrics.request("otlp_grpc"), self._intake.holding() as hold:
                caller = self._intake.require_key(_metadata(context, "authorization"))
                async with self._space():
                    body = await _fetch(messages)
                    hold(len(body))
                    self._intake.charge(caller, len(body))
                checked = await self._intake.take_otlp(kind, body, is_json=False)
        except SutureError as error:
            failure = failure_of(error)
            if failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                _log.warning("request not taken", path=kind.service, reason=str(error))
            await context.abort_with_status(_RpcStatus(failure))
            raise
        return otlp_answers.success(kind, checked)

    @asynccontextmanager
    async def _space(self) -> AsyncIterator[None]:
        if self._waiting >= MAX_WAITING:
            raise SpoolFull("too many requests at once")
        self._waiting += 1
        try:
            await asyncio.wait_for(self._room.acquire(), WAIT_SECONDS)
        except TimeoutError:
            raise SpoolFull("too many requests at once") from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._room.release()


def make_server(intake: Intake) -> Any:
    """A server with the services of OTLP, without a port. To be called in the event loop."""
    server = grpc.aio.server(
        options=(
            ("grpc.max_receive_message_length", intake.limits.max_decompressed_bytes),
            ("grpc.max_metadata_size", intake.limits.max_header_bytes),
            ("grpc.absolute_max_metadata_size", intake.limits.max_header_bytes),
            ("grpc.keepalive_time_ms", round(SILENT_SECONDS * 1000)),
            ("grpc.http2.ping_timeout_ms", round(SILENT_SECONDS * 1000)),
            # Its pings measure the network while a message comes in. Behind a slow one the answer
            # is late, and would be taken for silence; a larger window makes up for the tuning.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", WINDOW_BYTES),
            # Without this a second receiver would share the port silently.
            ("grpc.so_reuseport", 0),
        )
    )
    door = OtlpDoor(intake)
    server.add_generic_rpc_handlers(tuple(door.handler(kind) for kind in OTLP_SIGNALS))
    return server


def bind(server: Any, host: str, port: int, tls: TlsFiles | None = None) -> int:
    """Listen on a port, 0 for any, and return it; raises InstallationError if it is taken."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        if tls is None:
            bound = int(server.add_insecure_port(address))
        else:
            bound = int(server.add_secure_port(address, _credentials(tls)))
    except RuntimeError as error:
        raise InstallationError(f"cannot listen on {address} for OTLP/gRPC: {error}") from error
    if bound == 0:
        raise InstallationError(f"cannot listen on {address} for OTLP/gRPC")
    return bound


def _credentials(tls: TlsFiles) -> Any:
    """What a server shows and demands; gRPC itself takes no TLS below 1.2."""
    pair = (read_pem(tls.key), read_pem(tls.cert))
    authorities = read_pem(tls.client_ca) if tls.client_ca else None
    return grpc.ssl_server_credentials(
        [pair],
        root_certificates=authorities,
        require_client_auth=authorities is not None,
    )


async def _fetch(messages: Any) -> bytes:
    """The one message of a call; raises Unavailable where it does not come in time."""
    try:
        # Closed here: one left open lies in a circle with its call until garbage is collected.
        async with aclosing(aiter(messages)) as stream:
            body = await asyncio.wait_for(anext(stream, None), FETCH_SECONDS)
    except TimeoutError:
        message = f"the message did not arrive within {FETCH_SECONDS:g} seconds"
        raise Unavailable(message) from None
    if body is None:
        raise MalformedInput("the call ended without a message")
    content: bytes = body
    return content


class _RpcStatus(grpc.Status):  # type: ignore[misc]
    """A failure as gRPC sends it: code, message, and the details as trailing metadata."""

    def __init__(self, failure: Failure) -> None:
        code = RESOURCE_EXHAUSTED if failure.status == 413 else failure.code
        self.code = _CODES[code]
        self.details = failure.message
        self.trailing_metadata: Sequence[tuple[str, bytes]] = ()
        if failure.retry_after_seconds is not None:
            details = otlp_answers.error(failure, code=code)
            self.trailing_metadata = (("grpc-status-details-bin", details),)


def _metadata(context: Any, name: str) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == name:
            return value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return ""
