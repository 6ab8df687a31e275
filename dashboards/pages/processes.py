"""Processes: all that are declared, how often they run, and the way to their maps."""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.components.fields import period_switch
from dashboards.components.pieces import fact
from dashboards.pages.page import Page, View
from dashboards.periods import DEFAULT, Period, period_of
from dashboards.wording import humanized, percent, seconds, whole
from suture.definitions.process import ProcessDefinition
from suture.store.reading.views import ViewFilter

_MICROS = 1_000_000
_KEPT_SECONDS = 4.0


def page(view: View) -> Page:
    """One card per process."""
    period = period_of(view.asked("period"))
    head = html.Div(
        [html.H1("Processes"), html.Div(period_switch(period.name), className="push")],
        className="head",
    )
    catalog = view.services.catalog.processes
    cards = [_card(view, catalog[name], period) for name in sorted(catalog)]
    return Page(title="Processes", head=[head], live=[html.Div(cards, className="halves")])


def _card(view: View, process: ProcessDefinition, period: Period) -> Component:
    services, now = view.services, view.now
    versions = services.catalog.versions_of(process.process)
    window = period.window(now) if period.length else None
    wanted = ViewFilter(
        environment=view.environment,
        process=process.process,
        started_from=window.start if window else None,
        started_to=window.end if window else None,
    )
    total, variants = services.recent.get(
        ("process-card", view.environment, process.process, period.name),
        _KEPT_SECONDS,
        lambda: (
            services.conformance.total(wanted, versions, now=now),
            services.views.variants(wanted, now=now, limit=1),
        ),
    )
    chosen = None if period.name == DEFAULT else period.name
    body: list[Any] = [html.P(process.description, className="dim")]
    if total.instances:
        usual = variants.items[0]
        share = percent(usual.count / variants.instances)
        body.append(
            html.Dl(
                [
                    fact("Instances", whole(total.instances)),
                    fact("Follow the definition", percent(total.conforming / total.instances)),
                    fact("Variants", whole(variants.variants)),
                    fact("Most frequent one", share),
                    fact("Its median", seconds(usual.took.median_micros / _MICROS)),
                ],
                className="facts",
                style={"marginBottom": 0},
            )
        )
    else:
        body.append(html.P(f"Nothing began in the {period.title}.", className="dim"))
    href = routes.to_process(process.process, period=chosen)
    return html.Section(
        [
            html.Div(
                [
                    html.H2(dcc.Link(process.title, href=href), className="section-title"),
                    html.Span(humanized(process.domain.value), className="chip"),
                ],
                className="card-head",
            ),
            html.Div(body, className="card-body stack", style={"gap": 12}),
        ],
        className="card",
    )
