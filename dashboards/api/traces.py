"""Traces: lists, and one with its spans."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from dashboards.api.parameters import (
    ObjectText,
    PageParameters,
    Parameters,
    Time,
    paged,
    split_object,
)
from dashboards.api.problems import documented
from dashboards.api.shapes import ObjectShape, Shape
from dashboards.keys import normalized
from dashboards.services import Services
from suture.errors import NotFound
from suture.store.paging import decode_cursor
from suture.store.reading.traces import MAX_SPANS, Span, TraceFilter, TraceRow, from_nanos

NANOS = 1_000_000_000


class TraceShape(Shape):
    """One line of a list of traces; name and service are those of its root span."""

    trace_id: str
    name: str
    service: str
    services: list[str]
    started_at: datetime
    duration_seconds: float
    spans_count: int
    errors_count: int


class TraceList(Shape):
    """A page of traces, newest first."""

    items: list[TraceShape]
    next_cursor: str | None


class SpanLink(Shape):
    """Another span that this one names."""

    trace_id: str
    span_id: str


class SpanEventShape(Shape):
    """Something that happened within a span."""

    name: str
    occurred_at: datetime
    attributes: dict[str, str]


class SpanShape(Shape):
    """One span; attribute values are text."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: str
    service: str
    started_at: datetime
    duration_seconds: float
    status: str
    status_message: str
    attributes: dict[str, str]
    resource: dict[str, str]
    scope: str
    events: list[SpanEventShape]
    links: list[SpanLink]


class TraceInstance(Shape):
    """An instance that a trace belongs to."""

    process: str
    anchor: ObjectShape


class TraceDetail(Shape):
    """All spans of a trace, each (trace id, span id) once, oldest first."""

    trace_id: str
    spans: list[SpanShape]
    truncated: bool = Field(description=f"True where there are more than {MAX_SPANS} spans.")
    instances: list[TraceInstance]


class TraceQuery(PageParameters):
    """Filters of the list."""

    service: str | None = None
    object: ObjectText | None = Field(default=None, description="`type:id`.")
    min_duration: float = Field(default=0, ge=0, le=1e9, description="Seconds.")
    from_: Time | None = Field(default=None, alias="from")
    to: Time | None = None


def router(services: Services) -> APIRouter:
    """The calls about traces."""
    api = APIRouter(tags=["traces"])

    @api.get("/traces", responses=documented(400, 401))
    def traces(query: Annotated[TraceQuery, Query()]) -> TraceList:
        """A page of traces, newest first. `from` / `to` are half-open over the start."""
        type_, id_ = split_object(query.object) if query.object else (None, "")
        wanted = TraceFilter(
            environment=services.environment(query.environment),
            service=query.service,
            object_type=type_,
            object_id=normalized(services.catalog, type_, id_) if type_ else "",
            min_duration=timedelta(seconds=query.min_duration),
            started_from=query.from_,
            started_to=query.to,
        )
        parts = decode_cursor(query.cursor, (int, str)) if query.cursor else None
        after = (int(parts[0]), str(parts[1])) if parts else None
        rows = services.traces.page(wanted, limit=query.limit + 1, after=after)
        items, cursor = paged(
            rows, query.limit, shape=_line, position=lambda row: (row.started_nanos, row.trace_id)
        )
        return TraceList(items=items, next_cursor=cursor)

    @api.get("/traces/{trace_id}", responses=documented(400, 401, 404))
    def trace(trace_id: str, query: Annotated[Parameters, Query()]) -> TraceDetail:
        """One trace with its spans."""
        id_ = trace_id.lower()
        spans = services.traces.spans([id_], attributes=True, limit=MAX_SPANS + 1)
        if not spans:
            raise NotFound(f"There is no trace {trace_id!r}.")
        environment = services.environment(query.environment)
        found = services.traces.instances_of(id_, environment=environment)
        return TraceDetail(
            trace_id=id_,
            spans=[_span(span) for span in spans[:MAX_SPANS]],
            truncated=len(spans) > MAX_SPANS,
            instances=[
                TraceInstance(process=process, anchor=ObjectShape.of(anchor))
                for process, anchor in found
            ],
        )

    return api


def _line(row: TraceRow) -> TraceShape:
    return TraceShape(
        trace_id=row.trace_id,
        name=row.name,
        service=row.service,
        services=list(row.services),
        started_at=from_nanos(row.started_nanos),
        duration_seconds=row.duration_nanos / NANOS,
        spans_count=row.spans_count,
        errors_count=row.errors_count,
    )


def _span(span: Span) -> SpanShape:
    return SpanShape(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id or None,
        name=span.name,
        kind=span.kind,
        service=span.service,
        started_at=span.started_at,
        duration_seconds=span.duration_nanos / NANOS,
        status=span.status,
        status_message=span.status_message,
        attributes=dict(span.attributes),
        resource=dict(span.resource),
        scope=span.scope,
        events=[
            SpanEventShape(
                name=event.name,
                occurred_at=from_nanos(event.at_nanos),
                attributes=dict(event.attributes),
            )
            for event in span.events
        ],
        links=[SpanLink(trace_id=trace, span_id=id_) for trace, id_ in span.links],
    )
