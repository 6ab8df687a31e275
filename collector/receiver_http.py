"""The HTTP doors: OTLP/HTTP at a path per signal, CloudEvents at /v1/milestones, health, metrics.

OTLP errors are a `google.rpc.Status` in the request's own encoding, as OTLP asks; all others are
RFC 9457 problem details.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message

from collector import otlp_answers
from collector.bodies import BodyLimit, require_encoding
from collector.failures import UNIMPLEMENTED, Failure, failure_of
from collector.intake import Intake
from collector.milestones import Reading
from collector.otlp_signals import OTLP_SIGNALS, OtlpSignal
from suture.contracts.access import Caller, Scope
from suture.errors import SutureError, TooLarge, Unavailable, UnsupportedMedia

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
PROBLEM = "application/problem+json"
BODY_SECONDS = 60.0
"""How long a body may take to arrive, as over gRPC."""
READ_ON_SECONDS, READ_ON_BYTES = 10.0, 64 * 1024 * 1024
"""How long, and how far, a body is read that is too large to be taken."""

_log = structlog.get_logger(__name__)
_json = msgspec.json.Encoder().encode

Endpoint = Callable[[Request], Awaitable[Response]]
ErrorAnswer = Callable[[Request, Failure], Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Door:
    """A path, who answers there, and how errors look there."""

    method: str
    path: str
    answer: Endpoint
    on_error: ErrorAnswer
    needs: Scope | None = Scope.INGEST
    """The scope that its callers need; None where nobody has to say who they are."""


def build_app(intake: Intake, is_ready: Callable[[], bool]) -> Starlette:
    """The application; `is_ready` says whether requests can be kept at the moment."""
    doors = _Doors(intake, is_ready)
    routes = [
        Route(door.path, _guarded(intake, door), methods=[door.method]) for door in doors.all()
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _no_such_door})
    # Exporters do not follow redirects, and one would lead wherever the request's own host says.
    app.router.redirect_slashes = False
    return app


def _guarded(intake: Intake, door: _Door) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            if door.needs is not None:
                given = request.headers.get("authorization", "")
                request = _metered(request, intake, intake.require_key(given, door.needs))
            return await door.answer(request)
        except SutureError as error:
            failure = failure_of(error)
            if failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                _log.warning("request not taken", path=door.path, reason=str(error))
            return door.on_error(request, failure)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)

    return answer


def _metered(request: Request, intake: Intake, caller: Caller) -> Request:
    """The same request, whose body counts against the rate of its sender's key."""
    if caller.rates.bytes is None:
        return request

    async def counted() -> Message:
        message = await request.receive()
        intake.charge(caller, len(message.get("body", b"")))
        return message

    return Request(request.scope, counted)


class _Doors:
    def __init__(self, intake: Intake, is_ready: Callable[[], bool]) -> None:
        self._intake = intake
        self._is_ready = is_ready

    def all(self) -> tuple[_Door, ...]:
        return (
            *(
                _Door(method="POST", path=kind.path, answer=self.otlp(kind), on_error=_status)
                for kind in OTLP_SIGNALS
            ),
            _Door(method="POST", path="/v1/milestones", answer=self.milestones, on_error=_problem),
            _Door(
                method="GET",
                path="/metrics",
                answer=self.metrics,
                on_error=_problem,
                needs=Scope.READ,
            ),
            _Door(
                method="GET",
                path="/healthz",
                answer=self.healthy,
                on_error=_problem,
                needs=None,
            ),
            _Door(
                method="GET",
                path="/readyz",
                answer=self.ready,
                on_error=_problem,
                needs=None,
            ),
        )

    def otlp(self, kind: OtlpSignal) -> Endpoint:
        async def answer(request: Request) -> Response:
            with self._intake.metrics.request("otlp_http"), self._intake.holding() as hold:
                is_json = _is_json(request)
                body = await self._body(request, hold)
                checked = await self._intake.take_otlp(kind, body, is_json=is_json)
            if is_json:
                return Response(otlp_answers.success_json(kind, checked), media_type=JSON)
            return Response(otlp_answers.success(kind, checked), media_type=PROTOBUF)

        return answer

    async def milestones(self, request: Request) -> Response:
        with self._intake.metrics.request("milestones"), self._intake.holding() as hold:
            body = await self._body(request, hold)
            reading = await self._intake.take_milestones(dict(request.headers), body)
        return _milestones_answer(reading)

    async def metrics(self, request: Request) -> Response:
        self._intake.metrics.refresh()
        content = generate_latest(self._intake.metrics.registry)
        return Response(content, media_type=CONTENT_TYPE_LATEST)

    async def healthy(self, request: Request) -> Response:
        return _respond({"status": "ok"}, HTTPStatus.OK)

    async def ready(self, request: Request) -> Response:
        if self._is_ready():
            return _respond({"status": "ready"}, HTTPStatus.OK)
        return _respond({"status": "the spool is full"}, HTTPStatus.SERVICE_UNAVAILABLE)

    async def _body(self, request: Request, hold: Callable[[int], None]) -> bytes:
        limits = self._intake.limits
        encoding = require_encoding(request.headers)
        chunks: list[bytes] = []
        stream = request.stream()
        try:
            count = BodyLimit(request.headers, max_bytes=limits.max_body_bytes)
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in stream:
                    count.add(chunk)
                    hold(len(chunk))
                    chunks.append(chunk)
        except TimeoutError:
            message = f"the body did not arrive within {BODY_SECONDS:g} seconds"
            raise Unavailable(message) from None
        except TooLarge:
            chunks.clear()
            if "expect" not in request.headers:
                await _read_on(stream)
            raise
        body = await self._intake.unpack(b"".join(chunks), encoding)
        hold(len(body) if encoding else 0)
        return body


async def _read_on(stream: AsyncIterator[bytes]) -> None:
    """Read what is still coming, within bounds, for a sender that listens only once it sent all.

    To hang up at once would reset the connection under it: it would not learn that it must not try
    again.
    """
    left = READ_ON_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(READ_ON_SECONDS):
            async for chunk in stream:
                left -= len(chunk)
                if left < 0:
                    return


def _milestones_answer(reading: Reading) -> Response:
    content: dict[str, Any] = {"accepted": len(reading.accepted)}
    if not reading.rejected:
        return _respond(content, HTTPStatus.ACCEPTED)
    content["rejected"] = [asdict(rejection) for rejection in reading.rejected]
    status = HTTPStatus.MULTI_STATUS if reading.accepted else HTTPStatus.BAD_REQUEST
    return _respond(content, status)


# -- errors ---------------------------------------------------------------------------------------


def _problem(request: Request, failure: Failure) -> Response:
    content = {
        "type": "about:blank",
        "title": failure.status.phrase,
        "status": failure.status.value,
        "detail": failure.message,
        "instance": request.url.path,
    }
    return Response(
        _json(content), failure.status, headers=_headers_of(failure), media_type=PROBLEM
    )


def _status(request: Request, failure: Failure) -> Response:
    """An OTLP error; in protobuf unless the request was JSON."""
    is_json = _media_type(request) == JSON
    content = otlp_answers.error_json(failure) if is_json else otlp_answers.error(failure)
    return Response(
        content,
        failure.status,
        headers=_headers_of(failure),
        media_type=JSON if is_json else PROTOBUF,
    )


def _headers_of(failure: Failure) -> Mapping[str, str]:
    headers = {}
    if failure.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    if failure.status in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.SERVICE_UNAVAILABLE):
        # What was not read of the body must not be taken for the next request.
        headers["connection"] = "close"
    if failure.retry_after_seconds is not None:
        headers["retry-after"] = str(max(1, math.ceil(failure.retry_after_seconds)))
    return headers


def _no_such_door(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    detail = {
        HTTPStatus.NOT_FOUND: f"there is nothing at {request.url.path}",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not allowed at {request.url.path}",
    }.get(status, str(error.detail))
    failure = Failure(status=status, code=UNIMPLEMENTED, message=detail)
    is_otlp = any(request.url.path == kind.path for kind in OTLP_SIGNALS)
    response = _status(request, failure) if is_otlp else _problem(request, failure)
    response.headers.update(error.headers or {})
    return response


def _is_json(request: Request) -> bool:
    media_type = _media_type(request)
    if media_type not in (PROTOBUF, JSON):
        raise UnsupportedMedia(f"content type {media_type!r}: send {PROTOBUF} or {JSON}")
    return media_type == JSON


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _respond(content: Any, status: HTTPStatus) -> Response:
    return Response(_json(content), status, media_type=JSON)
