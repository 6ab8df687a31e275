"""One trace: its spans as a waterfall, and the instances it belongs to."""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.axis import ERROR, axis
from dashboards.components.pieces import card, crumbs, fact, moment, pill
from dashboards.components.stage import stage
from dashboards.pages.missing import nothing
from dashboards.pages.page import Page, View
from dashboards.timeline import in_tree_order
from dashboards.wording import Label, counted, process_title, seconds, short, span_name
from suture.contracts.objects import ObjectKey
from suture.store.reading.traces import MAX_SPANS, Span, from_nanos

_NANOS = 1_000_000_000


def page(view: View) -> Page:
    """The page of one trace."""
    id_ = view.place.arguments[0].lower()
    spans = view.services.traces.spans([id_], limit=MAX_SPANS + 1)
    if not spans:
        return nothing(
            "No such trace", f"No span of the trace {id_} is stored; it may be past retention."
        )
    instances = view.services.traces.instances_of(id_, environment=view.environment)
    root = in_tree_order(spans)[0].span
    note = f"Only the first {MAX_SPANS:,} spans are shown." if len(spans) > MAX_SPANS else ""
    spans = spans[:MAX_SPANS]
    drawn = axis(id_, spans, single=True, note=note)
    aside = html.Span(counted(len(spans), "span"), className="dim small")
    return Page(
        title=f"{short(span_name(root.name), 40)} · trace",
        live=[
            _head(root, spans, id_),
            _facts(view, root, spans, instances),
            card("Spans", stage(drawn), aside=aside, flush=True),
        ],
    )


def _head(root: Span, spans: list[Span], id_: str) -> Component:
    errors = sum(span.status == ERROR for span in spans)
    failed = pill(Label(counted(errors, "error"), "bad"), large=True) if errors else None
    return html.Div(
        [
            crumbs(("Traces", routes.to("traces")), (id_, None)),
            html.Div([html.H1(span_name(root.name)), failed], className="head"),
        ]
    )


def _facts(
    view: View, root: Span, spans: list[Span], instances: list[tuple[str, ObjectKey]]
) -> Component:
    start = min(span.started_nanos for span in spans)
    end = max(span.ended_nanos for span in spans)
    facts = [
        fact("Root service", root.service),
        fact("Started", moment(from_nanos(start), "at")),
        fact("Took", seconds((end - start) / _NANOS)),
        fact("Services", str(len({span.service for span in spans}))),
    ]
    if instances:
        facts.append(fact("Belongs to", _instances(view, instances)))
    return html.Dl(facts, className="facts")


def _instances(view: View, instances: list[tuple[str, ObjectKey]]) -> list[Any]:
    parts: list[Any] = []
    for process, anchor in instances[:5]:
        title = process_title(view.services.catalog, process)
        link = dcc.Link(anchor.id, href=routes.to_instance(process, anchor), title=title)
        parts += [", ", link] if parts else [link]
    more = len(instances) - 5
    return [*parts, f" and {more} more"] if more > 0 else parts
