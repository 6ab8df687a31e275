"""The platform itself: what waits at which stage, and who was heard from when."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboards.components.grids import column, table
from dashboards.components.pieces import card, empty, moment, pill
from dashboards.pages.page import Page, View
from dashboards.progress import Progress, StageProgress, progress_of
from dashboards.wording import Label, counted, seconds, whole
from suture.clock import rfc3339
from suture.store.reading.status import Source

STAGES = {
    "collector": ("Loading", "accepted and durable, not loaded yet", "record"),
    "correlator": ("Stitching", "loaded, not stitched to instances yet", "segment"),
    "sla_rules": ("Judging", "stitched anew, not judged yet", "instance"),
    "alerting": ("Alerting", "judged anew, not alerted on yet", "verdict"),
}
_MEBI = 1024 * 1024


def page(view: View) -> Page:
    """Stages and sources."""
    progress = progress_of(view.services)
    sources = view.services.status.sources(
        environment=view.environment, service_systems=view.services.catalog.service_systems
    )
    state = Label("Up to date", "ok") if progress.settled else Label("Catching up", "warn")
    return Page(
        title="Status",
        live=[
            html.Div([html.H1("Status"), pill(state, large=True)], className="head"),
            html.Div([_stages(view, progress), *_sources(sources)], className="stack"),
        ],
    )


def _stages(view: View, progress: Progress) -> Component:
    head = html.Tr(
        [
            html.Th("Stage"),
            html.Th("Waiting", className="n"),
            html.Th("Since", className="n"),
            html.Th("Last moved", className="n hide-small"),
        ]
    )
    rows = [_stage(view, stage) for stage in progress.stages]
    spool = progress.collector
    words = f"spool {spool.spool_bytes / _MEBI:,.1f} of {spool.spool_max_bytes / _MEBI:,.0f} MiB"
    aside = html.Span(words, className="dim small num")
    body = html.Table([html.Thead(head), html.Tbody(rows)], className="split")
    return card("Stages", html.Div(body, className="scroll-x"), aside=aside, flush=True)


def _stage(view: View, stage: StageProgress) -> Component:
    title, meaning, unit = STAGES[stage.stage]
    lag = stage.lag_seconds(view.now)
    waiting = counted(stage.waiting, unit) if stage.waiting else "–"
    return html.Tr(
        [
            html.Td([html.Div(title), html.Div(meaning, className="dim small")]),
            html.Td(waiting, className="n"),
            html.Td(seconds(lag) if lag else "–", className="n"),
            html.Td(moment(stage.moved_at), className="n hide-small"),
        ]
    )


def _sources(sources: Sequence[Source]) -> list[Any]:
    title = html.Div(
        [
            html.H2("Sources", className="section-title"),
            html.Span(whole(len(sources)), className="dim small"),
        ],
        className="head",
        style={"marginBottom": 10},
    )
    if not sources:
        none = empty("status", "No source yet", "Whoever sends events or spans is listed here.")
        return [html.Div([title, html.Div(none, className="card")])]
    columns = [
        column("name", "Source", "SutureName", grow=2),
        column("system", "System", "SutureText", grow=1),
        column("event", "Latest event", "SutureTime", width=150),
        column("seen", "Last heard from", "SutureTime", width=140),
    ]
    return [html.Div([title, table("sources", columns, [_source(one) for one in sources])])]


def _source(one: Source) -> dict[str, Any]:
    kind = "milestone events" if one.kind == "events" else "spans"
    seen = rfc3339(one.last_seen_at)
    return {
        "id": f"{one.kind}|{one.source}",
        "name": {"text": one.source or "unnamed", "sub": kind},
        "system": one.system or "not declared",
        "event": rfc3339(one.last_event_at),
        "seen": seen,
        "card": {
            "title": one.source or "unnamed",
            "lines": [[f"{one.system or 'not declared'} · {kind}"], ["heard from ", {"ago": seen}]],
        },
    }
