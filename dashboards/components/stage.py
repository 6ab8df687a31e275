"""The time axis: what is drawn, and the details of the span that is picked."""

from collections.abc import Mapping
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.components.pieces import pill
from dashboards.wording import Label, seconds
from suture.store.reading.traces import Span

_NANOS = 1_000_000_000
_STATUS = {"Error": Label("Error", "bad"), "Ok": Label("Ok", "ok")}


def stage(drawn: Mapping[str, Any]) -> Component:
    """The axis; the browser draws it from the data beside it."""
    return html.Div(
        [
            dcc.Store(id="timeline-data", data=dict(drawn)),
            html.Div(id="timeline", key=str(drawn["of"]), className="tl"),
        ]
    )


def span_details(span: Span) -> Component:
    """All that a span says."""
    facts: list[Any] = [
        html.Dt("Service"),
        html.Dd(span.service),
        html.Dt("Kind"),
        html.Dd(span.kind),
        html.Dt("Took"),
        html.Dd(seconds(span.duration_nanos / _NANOS), className="num"),
        html.Dt("Started"),
        html.Dd(span.started_at.isoformat(sep=" ", timespec="microseconds"), className="num"),
        html.Dt("Span"),
        html.Dd(span.span_id, className="mono"),
        html.Dt("Trace"),
        html.Dd(
            dcc.Link(
                span.trace_id, href=routes.to_trace(span.trace_id, span.span_id), className="mono"
            )
        ),
    ]
    if span.links:
        facts += [html.H4("Linked spans")]
        for trace, id_ in span.links:
            link = dcc.Link(trace, href=routes.to_trace(trace, id_), className="mono")
            facts += [html.Dt("Trace"), html.Dd(link)]
    facts += _section("Attributes", span.attributes)
    for event in span.events:
        after = seconds((event.at_nanos - span.started_nanos) / _NANOS)
        facts += _section(f"{event.name} after {after}", event.attributes, always=True)
    facts += _section("Resource", span.resource)
    message = html.P(span.status_message, className="break") if span.status_message else None
    return html.Div(
        [
            html.Div([pill(_STATUS.get(span.status)), message], className="row"),
            html.Dl(facts, className="kv"),
        ],
        className="stack",
        style={"gap": 10},
    )


def _section(title: str, values: Mapping[str, str], *, always: bool = False) -> list[Any]:
    if not values and not always:
        return []
    found: list[Any] = [html.H4(title)]
    for name, value in sorted(values.items()):
        found += [html.Dt(name), html.Dd(value)]
    return found
