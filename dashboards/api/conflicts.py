"""Conflicts: events that arrived under one identity with several contents, of which one counts."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from dashboards.api.conflict_shapes import ListedConflictShape
from dashboards.api.parameters import PageParameters, Time, cursor_time
from dashboards.api.problems import documented
from dashboards.api.shapes import Shape
from dashboards.services import Services
from suture.clock import to_micros
from suture.store.paging import decode_cursor, encode_cursor
from suture.store.reading.conflicts import ConflictFilter
from suture.store.reading.dead_letters import BEGIN
from suture.store.reading.processes import END


class ConflictList(Shape):
    """A page of conflicts, the latest recorded first."""

    items: list[ListedConflictShape]
    next_cursor: str | None


class ConflictQuery(PageParameters):
    """Filters of the list; `from` / `to` are half-open over `recorded_at`."""

    source: str = Field(default="", description="Of this source.")
    id: str = Field(default="", description="Of the event with this id.")
    from_: Time | None = Field(default=None, alias="from")
    to: Time | None = None


def router(services: Services) -> APIRouter:
    """The calls about conflicts."""
    api = APIRouter(tags=["conflicts"])

    @api.get("/conflicts", responses=documented(400, 401))
    def conflicts(query: Annotated[ConflictQuery, Query()]) -> ConflictList:
        """Events sent again under their identity with another content, the latest first."""
        parts = decode_cursor(query.cursor, (int, str)) if query.cursor else None
        wanted = ConflictFilter(
            environment=services.environment(query.environment),
            source=query.source,
            id=query.id,
            recorded_from=query.from_ or BEGIN,
            recorded_to=query.to or END,
        )
        found = services.conflicts.page(
            wanted,
            limit=query.limit,
            after=(cursor_time(int(parts[0])), str(parts[1])) if parts else None,
        )
        cursor = None
        if found.next_position:
            latest, key = found.next_position
            cursor = encode_cursor(to_micros(latest), key)
        return ConflictList(
            items=[ListedConflictShape.of(one) for one in found.items], next_cursor=cursor
        )

    return api
