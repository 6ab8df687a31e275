"""Errors as RFC 9457 problem details: one shape for everything that goes wrong."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from suture.errors import (
    AccessDenied,
    InputError,
    InvalidQuery,
    NotFound,
    NotPermitted,
    SutureError,
    Unavailable,
)

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_RAISED_BY_ROUTING = (400, 404, 405, 413, 415)


class FieldProblem(BaseModel):
    """What is wrong with one parameter or field."""

    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked for.")
    errors: list[FieldProblem] = Field(default_factory=list)


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    errors: tuple[FieldProblem, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem as a response."""
    body = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        errors=list(errors),
    )
    return JSONResponse(
        body.model_dump(), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {})
    )


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem."""
    app.add_exception_handler(RequestValidationError, _invalid)
    for status in _RAISED_BY_ROUTING:
        app.add_exception_handler(status, _http)
    app.add_exception_handler(SutureError, _ours)
    app.add_exception_handler(Exception, _unexpected)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems a route can answer with, for OpenAPI."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI document that tells of problems, and of no 422: what is invalid is a 400 here."""
    for path in document["paths"].values():
        for call in path.values():
            call["responses"].pop("422", None)
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem_schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem_schema.pop("$defs", {})
    schemas["Problem"] = problem_schema
    return document


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    found = tuple(
        FieldProblem(field=_field(mistake["loc"]), message=_sentence(mistake))
        for mistake in error.errors()
    )
    detail = "; ".join(f"{one.field}: {one.message}" for one in found)
    return problem(request, 400, detail, errors=found)


async def _http(request: Request, error: Exception) -> Response:
    status = int(getattr(error, "status_code", 500))
    detail = str(getattr(error, "detail", ""))
    if status == 404 and detail == HTTPStatus.NOT_FOUND.phrase:
        detail = "There is nothing here."
    return problem(request, status, detail, headers=getattr(error, "headers", None))


async def _ours(request: Request, error: Exception) -> Response:
    match error:
        case NotFound():
            return problem(request, 404, error.message)
        case InvalidQuery(field=field) if field:
            said = error.message.removeprefix(f"{field}: ")
            named = FieldProblem(field=field, message=said)
            return problem(request, 400, error.message, errors=(named,))
        case InvalidQuery() | InputError():
            return problem(request, 400, error.message)
        case AccessDenied():
            headers = {"WWW-Authenticate": "Bearer"}
            return problem(request, 401, error.message, headers=headers)
        case NotPermitted():
            return problem(request, 403, error.message)
        case Unavailable():
            headers = {"Retry-After": str(max(1, round(error.retry_after_seconds)))}
            return problem(request, 503, error.message, headers=headers)
    return await _unexpected(request, error)


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("request failed", path=request.url.path, exc_info=error)
    return problem(request, 500, "Something went wrong here; the log of the platform says what.")


def _field(place: tuple[int | str, ...]) -> str:
    """Where a mistake is, without the 'query' or 'body' that it begins with.

    A body that cannot be read, or is wrong as a whole, is called 'body'.
    """
    named = [str(part) for part in place[1:] if place[:1] != ("body",) or isinstance(part, str)]
    return ".".join(named or [str(part) for part in place[:1]])


def _sentence(mistake: Mapping[str, Any]) -> str:
    kind = mistake["type"]
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return "is not a known parameter"
    if kind == "json_invalid":
        return "the body is not JSON"
    return str(mistake["msg"]).removeprefix("Value error, ")
