"""Overview: is the business running on time? KPIs and counts, each a link to what it counts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.components.breakdown import breakdown
from dashboards.components.fields import choice, period_switch
from dashboards.components.pieces import card, empty, icon, moment
from dashboards.components.tiles import tile
from dashboards.kpis import ACROSS, kpis_of
from dashboards.measuring import Figure, measure
from dashboards.pages.page import Page, View
from dashboards.periods import DEFAULT, Period, period_of
from dashboards.wording import STATES, STATUSES, Label, counted, humanized, whole
from suture.clock import rfc3339
from suture.contracts.process import InstanceStatus
from suture.contracts.verdict import SEVERITY_ORDER, VerdictState, Window
from suture.definitions.process import ProcessDefinition
from suture.store.reading.measures import Completions
from suture.store.reading.processes import Standing

_EVER_SECONDS = 20.0
"""How old the answer may be to what there was at any time."""

_COUNTS: Sequence[tuple[InstanceStatus | VerdictState, Label]] = (
    (InstanceStatus.OPEN, STATUSES[InstanceStatus.OPEN]),
    (InstanceStatus.COMPLETED, STATUSES[InstanceStatus.COMPLETED]),
    (VerdictState.AT_RISK, STATES[VerdictState.AT_RISK]),
    (VerdictState.BREACHED, STATES[VerdictState.BREACHED]),
    (InstanceStatus.STALLED, STATUSES[InstanceStatus.STALLED]),
    (InstanceStatus.ENDED, STATUSES[InstanceStatus.ENDED]),
)


def page(view: View) -> Page:
    """The overview over one period."""
    period = period_of(view.asked("period"))
    services, by = view.services, view.asked("by")
    environment = view.environment
    ever = services.recent.get(
        ("ever", environment),
        _EVER_SECONDS,
        lambda: services.processes.standings(environment=environment, now=view.now, states=()),
    )
    starts = [one.earliest_start for one in ever.values() if one.earliest_start]
    window = period.window(view.now, earliest=min(starts, default=None))
    facets = sorted({facet for p in services.catalog.processes.values() for facet in p.facets})
    by = by if by in facets else None
    return Page(
        title="Overview",
        head=[_head(period, facets, by)],
        live=_live(view, period, window, ever, by),
    )


def _head(period: Period, facets: Sequence[str], by: str | None) -> Component:
    options = [(facet, humanized(facet)) for facet in facets]
    split = choice("by", "", options, by, anything="Break down by …")
    return html.Div(
        [
            html.H1("Overview"),
            html.Div([split, period_switch(period.name)], className="push row"),
        ],
        className="head",
    )


def _live(
    view: View, period: Period, window: Window, ever: Mapping[str, Standing], by: str | None
) -> list[Component]:
    services = view.services
    if not ever:
        return [_nothing_yet()]
    kpis = kpis_of(services.catalog)
    figures = measure(services, kpis, window, environment=view.environment, now=view.now)
    worst = services.processes.worst_states(
        environment=view.environment,
        started_from=window.start,
        started_to=window.end,
        states=SEVERITY_ORDER[: SEVERITY_ORDER.index(VerdictState.AT_RISK) + 1],
    )
    split: list[Figure] = []
    if by:
        split = measure(
            services, kpis, window, environment=view.environment, now=view.now, facet=by
        )
    catalog = services.catalog.processes
    standings = {
        figure.kpi.process: _standing(figure, worst.get(figure.kpi.process, {}))
        for figure in figures
        if figure.kpi.process and figure.completions and figure.completions.total
    }
    shown = sorted(standings, key=lambda name: _rank(name, standings))
    found = [_across(figures, window, worst)]
    for name in shown:
        mine = [figure for figure in figures if figure.kpi.process == name]
        parts = [figure for figure in split if figure.kpi.process == name]
        found.append(_process(catalog[name], standings[name], mine, parts, window, by, period))
    quiet = [catalog[name] for name in sorted(catalog) if name not in standings]
    if quiet:
        found.append(_quiet(quiet, ever, period))
    return [html.Div(found, className="stack")]


def _standing(figure: Figure, worst: Mapping[VerdictState, int]) -> Standing:
    """Counts by status from the completions that the KPI is made of: nothing is read twice."""
    stand = figure.completions or Completions()
    return Standing(
        statuses={
            InstanceStatus.OPEN: stand.running,
            InstanceStatus.COMPLETED: stand.completed,
            InstanceStatus.ENDED: stand.ended,
            InstanceStatus.STALLED: stand.stalled,
        },
        states=worst,
    )


def _rank(name: str, standings: Mapping[str, Standing]) -> tuple[int, str]:
    """Processes with most breaches first, so that trouble is on top."""
    return -standings[name].states.get(VerdictState.BREACHED, 0), name


def _across(
    figures: Sequence[Figure], window: Window, worst: Mapping[str, Mapping[VerdictState, int]]
) -> Component:
    figure = next(one for one in figures if one.kpi is ACROSS)
    bounds = _bounds(window)
    sums = {kind: sum(found.get(kind, 0) for found in worst.values()) for kind in VerdictState}
    standing = _standing(figure, sums)
    counts = [_count(label, _number(standing, k), _filter(k, bounds)) for k, label in _COUNTS]
    return html.Section(
        [
            html.Div(
                [
                    html.H2("All processes", className="section-title"),
                    html.Span(
                        f"{counted(standing.total, 'instance')} started", className="dim small"
                    ),
                ],
                className="card-head",
            ),
            html.Div(
                [
                    html.Div(counts, className="counts"),
                    html.Div(tile(figure, window), className="tiles"),
                ],
                className="process-body",
            ),
        ],
        className="card process",
    )


def _process(
    process: ProcessDefinition,
    standing: Standing,
    figures: Sequence[Figure],
    split: Sequence[Figure],
    window: Window,
    by: str | None,
    period: Period,
) -> Component:
    bounds = {**_bounds(window), "process": process.process}
    counts = [_count(label, _number(standing, k), _filter(k, bounds)) for k, label in _COUNTS]
    everything = dcc.Link(
        f"{counted(standing.total, 'instance')} started", href=routes.to("instances", **bounds)
    )
    body: list[Any] = [
        html.Div(
            [
                html.Div(counts, className="counts"),
                html.Div([tile(figure, window) for figure in figures], className="tiles"),
            ],
            className="process-body",
        )
    ]
    if by and split:
        body.append(breakdown(split, by, bounds))
    return html.Section(
        [
            html.Div(
                [
                    html.H2(process.title, className="section-title"),
                    html.Span(humanized(process.domain.value), className="chip"),
                    html.Span(everything, className="push small"),
                    _to_map(process.process, period),
                ],
                className="card-head",
                title=process.description,
            ),
            *body,
        ],
        className="card process",
        id=f"process-{process.process}",
    )


def _to_map(process: str, period: Period) -> Component:
    chosen = None if period.name == DEFAULT else period.name
    inner = [icon("processes"), html.Span("Process map")]
    href = routes.to_process(process, period=chosen)
    return dcc.Link(inner, href=href, className="small with-icon")


def _number(standing: Standing, kind: InstanceStatus | VerdictState) -> int:
    if isinstance(kind, InstanceStatus):
        return standing.statuses.get(kind, 0)
    return standing.states.get(kind, 0)


def _filter(kind: InstanceStatus | VerdictState, bounds: Mapping[str, str]) -> str:
    name = "status" if isinstance(kind, InstanceStatus) else "sla_state"
    return routes.to("instances", **bounds, **{name: kind.value})


def _count(label: Label, number: int, href: str) -> Component:
    inner = [
        html.Span(label.text, className="count-label"),
        html.Span(whole(number), className="count-value"),
    ]
    look = f"count tone-{label.tone}" + ("" if number else " none")
    return dcc.Link(inner, href=href, className=look)


def _bounds(window: Window) -> dict[str, str]:
    return {"from": rfc3339(window.start), "to": rfc3339(window.end)}


def _quiet(
    processes: Sequence[ProcessDefinition], ever: Mapping[str, Standing], period: Period
) -> Component:
    """Processes that nothing was heard of: named, so that silence is not mistaken for health."""
    lines = []
    for process in processes:
        latest: datetime | None = (
            ever[process.process].latest_at if process.process in ever else None
        )
        said: Any = "no data yet"
        if latest:
            link = dcc.Link("show all time", href=routes.to("overview", period="all"))
            said = ["last heard of ", moment(latest, "at"), " · ", link]
        lines.append(html.Span([process.title, ": ", html.Span(said)]))
    title = f"Nothing started in the {period.title}" if period.name != "all" else "Without data"
    return card(title, html.Div(lines, className="quiet"))


def _nothing_yet() -> Component:
    text = [
        html.P(
            "Send milestone events or traces, or import an event log; this page fills by itself."
        ),
        html.P(html.Code("suture import FILE --map MAPPING.yaml", className="mono")),
    ]
    return html.Div(empty("overview", "No instances yet", text), className="card")
