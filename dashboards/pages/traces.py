"""Traces: the latest, by service, object, length and failure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import asking, routes
from dashboards.components.fields import choice, filters, words
from dashboards.components.grids import column, table
from dashboards.components.pieces import empty, notice
from dashboards.keys import normalized
from dashboards.pages.page import Page, View
from dashboards.periods import PERIODS, period_of
from dashboards.wording import Label, counted, seconds, short, span_name
from suture.clock import rfc3339
from suture.definitions.values import parse_duration
from suture.errors import InvalidQuery
from suture.store.reading.traces import TraceFilter, TraceRow, from_nanos

MOST = 100
USUAL_PERIOD = "24h"
_NANOS = 1_000_000_000
_LENGTHS = (
    ("100ms", "over 100 ms"),
    ("1s", "over 1 s"),
    ("10s", "over 10 s"),
    ("1m", "over 1 min"),
)


def page(view: View) -> Page:
    """The latest traces under the filters of the address."""
    return Page(title="Traces", head=[_head(view)], live=_live(view))


def _head(view: View) -> Component:
    asked = view.asked
    services = sorted(view.services.catalog.service_systems)
    fields = [
        words("object", "Object", asked("object"), placeholder="requisition:R-10044"),
        choice("service", "Service", [(name, name) for name in services], asked("service")),
        choice("longer", "Duration", _LENGTHS, asked("longer"), anything="Any"),
        choice("failed", "Errors", [("yes", "With errors")], asked("failed"), anything="All"),
        choice(
            "period",
            "Started",
            [(p.name, p.title.capitalize()) for p in PERIODS],
            asked("period"),
            usual=USUAL_PERIOD,
        ),
    ]
    return html.Div(
        [html.Div(html.H1("Traces"), className="head"), filters(fields, len(view.place.query))]
    )


def _live(view: View) -> list[Any]:
    try:
        wanted = _filter(view)
    except InvalidQuery as error:
        return [notice(error.message, "bad")]
    rows = view.services.traces.page(wanted, limit=MOST)
    if not rows:
        wider = dcc.Link("Look at all time", href=routes.with_query(view.place, period="all"))
        return [html.Div(empty("traces", "No trace matches", wider), className="card")]
    columns = [
        column("name", "Trace", "SutureName", grow=3),
        column("started", "Started", "SutureTime", width=130),
        column("took", "Duration", "SutureDuration", width=120),
        column("spans", "Spans", "", width=90, right=True),
        column("errors", "Errors", "SuturePill", width=118),
        column("services", "Services", "SutureText", grow=2, least=900),
    ]
    shown = counted(len(rows), "trace")
    if len(rows) >= MOST:
        shown = f"the latest {shown}"
    count = html.Div(html.Span(shown, className="num", id="found"), className="pager")
    return [table("traces", columns, [_row(row) for row in rows]), count]


def _filter(view: View) -> TraceFilter:
    query = view.place.query
    wanted = asking.instance_filter(
        view.services.catalog,
        {"object": query.get("object", "")},
        environment=view.environment,
        now=view.now,
    )
    period = period_of(view.asked("period") or USUAL_PERIOD)
    try:
        least = parse_duration(query["longer"]) if query.get("longer") else timedelta(0)
    except ValueError as error:
        raise InvalidQuery(str(error), field="longer") from error
    id_ = wanted.object_id
    if wanted.object_type:
        id_ = normalized(view.services.catalog, wanted.object_type, id_)
    return TraceFilter(
        environment=view.environment,
        service=view.asked("service"),
        object_type=wanted.object_type,
        object_id=id_,
        min_duration=least,
        failed=query.get("failed") == "yes",
        started_from=period.window(view.now).start if period.length else None,
    )


def _row(row: TraceRow) -> Mapping[str, Any]:
    errors = Label(counted(row.errors_count, "error"), "bad") if row.errors_count else None
    started = rfc3339(from_nanos(row.started_nanos))
    took = row.duration_nanos / _NANOS
    href = routes.to_trace(row.trace_id)
    services = ", ".join(row.services)
    name = span_name(row.name)
    return {
        "id": row.trace_id,
        "name": {"text": name, "href": href, "sub": row.service},
        "started": started,
        "took": {"seconds": took},
        "spans": row.spans_count,
        "errors": errors,
        "services": services,
        "card": {
            "title": name,
            "href": href,
            "pills": [errors] if errors else [],
            "lines": [
                [{"ago": started}, f" · {seconds(took)} · {counted(row.spans_count, 'span')}"],
                [short(services, 90)],
            ],
        },
    }
