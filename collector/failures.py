"""How an error is told to a producer: HTTP status, gRPC code, and when to come back. Pure."""

from dataclasses import dataclass
from http import HTTPStatus

from suture.errors import (
    AccessDenied,
    InputError,
    NotPermitted,
    RateLimited,
    SpoolFull,
    SutureError,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
)

# Codes of google.rpc.Code, which are those of gRPC.
INVALID_ARGUMENT = 3
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
UNAUTHENTICATED = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as an answer. Only with `retry_after_seconds` is it worth trying again."""

    status: HTTPStatus
    code: int
    message: str
    retry_after_seconds: float | None = None


_ANSWERS: tuple[tuple[type[SutureError], HTTPStatus, int], ...] = (
    (AccessDenied, HTTPStatus.UNAUTHORIZED, UNAUTHENTICATED),
    (NotPermitted, HTTPStatus.FORBIDDEN, PERMISSION_DENIED),
    (RateLimited, HTTPStatus.TOO_MANY_REQUESTS, RESOURCE_EXHAUSTED),
    (TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, INVALID_ARGUMENT),
    (UnsupportedMedia, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, INVALID_ARGUMENT),
    (InputError, HTTPStatus.BAD_REQUEST, INVALID_ARGUMENT),
    (SpoolFull, HTTPStatus.TOO_MANY_REQUESTS, RESOURCE_EXHAUSTED),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE),
)


def failure_of(error: SutureError) -> Failure:
    """The answer to an error; one that no producer can cause is an internal error."""
    for kind, status, code in _ANSWERS:
        if isinstance(error, kind):
            seconds = error.retry_after_seconds if isinstance(error, Unavailable) else None
            return Failure(
                status=status, code=code, message=error.message, retry_after_seconds=seconds
            )
    return Failure(
        status=HTTPStatus.INTERNAL_SERVER_ERROR, code=INTERNAL, message="an error on our side"
    )
