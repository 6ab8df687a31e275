"""Dead letters: refused input, with the reason."""

import base64
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from dashboards.api.parameters import PageParameters, Parameters, cursor_time, paged
from dashboards.api.problems import documented
from dashboards.api.shapes import Shape
from dashboards.services import PayloadReader, Services
from suture.clock import to_micros
from suture.errors import NotFound
from suture.store.paging import decode_cursor
from suture.store.reading.dead_letters import DeadLetter, DeadLetterFilter

LISTED_PAYLOAD_BYTES = 64 * 1024
"""A larger payload is null in the list, and given with the single dead letter."""


class DeadLetterShape(Shape):
    """One refused input; the same input refused again counts up."""

    id: str
    source: str
    event_id: str
    type: str
    reason: str
    owner: str | None
    door: str = Field(description="Where it came in.")
    first_seen_at: datetime
    last_seen_at: datetime
    count: int
    payload_bytes: int
    payload: str | None = Field(description="What was sent, null where it is not kept any more.")
    payload_encoding: Literal["text", "base64"] | None


class DeadLetterList(Shape):
    """A page of refused inputs, last seen first."""

    items: list[DeadLetterShape]
    next_cursor: str | None


class DeadLetterQuery(PageParameters):
    """Filters of the list."""

    source: str = ""
    type: str = ""
    reason: str = Field(default="", description="A part of the reason, in any case.")


def router(services: Services) -> APIRouter:
    """The calls about dead letters."""
    api = APIRouter(tags=["dead letters"])

    @api.get("/dead-letters", responses=documented(400, 401))
    def dead_letters(query: Annotated[DeadLetterQuery, Query()]) -> DeadLetterList:
        """A page of refused inputs, last seen first."""
        parts = decode_cursor(query.cursor, (int, str)) if query.cursor else None
        wanted = DeadLetterFilter(
            environment=services.environment(query.environment),
            source=query.source,
            type=query.type,
            reason=query.reason,
        )
        rows = services.dead_letters.page(
            wanted,
            limit=query.limit + 1,
            after=(cursor_time(int(parts[0])), str(parts[1])) if parts else None,
        )
        items, cursor = paged(
            rows,
            query.limit,
            shape=lambda row: _shape(row, services.payload, LISTED_PAYLOAD_BYTES),
            position=lambda row: (to_micros(row.last_seen_at), row.id),
        )
        return DeadLetterList(items=items, next_cursor=cursor)

    @api.get("/dead-letters/{id}", responses=documented(400, 401, 404))
    def dead_letter(id: str, query: Annotated[Parameters, Query()]) -> DeadLetterShape:
        """One refused input with its whole payload."""
        environment = services.environment(query.environment)
        found = services.dead_letters.one(id, environment=environment)
        if found is None:
            raise NotFound(f"There is no dead letter {id!r}.")
        return _shape(found, services.payload, found.payload_bytes)

    return api


def _shape(letter: DeadLetter, read: PayloadReader, largest: int) -> DeadLetterShape:
    raw = read(letter.id) if letter.payload_bytes <= largest else None
    text, encoding = _readable(raw)
    return DeadLetterShape(
        id=letter.id,
        source=letter.source,
        event_id=letter.event_id,
        type=letter.type,
        reason=letter.reason,
        owner=letter.owner or None,
        door=letter.door,
        first_seen_at=letter.first_seen_at,
        last_seen_at=letter.last_seen_at,
        count=letter.count,
        payload_bytes=letter.payload_bytes,
        payload=text,
        payload_encoding=encoding,
    )


def _readable(raw: bytes | None) -> tuple[str | None, Literal["text", "base64"] | None]:
    if raw is None:
        return None, None
    try:
        return raw.decode("utf-8"), "text"
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode("ascii"), "base64"
