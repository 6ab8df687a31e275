"""KPI tiles: the value, its trend, how often it was in time, and out of what."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.components.pieces import data, meter, moment, picture
from dashboards.figures import sparkline
from dashboards.kpis import Measure, Unit
from dashboards.measuring import Figure
from dashboards.wording import counted, percent, seconds, whole
from suture.clock import rfc3339
from suture.contracts.verdict import Attainment, VerdictState, Window

_CLOSE = 0.02
"""How far below its target an attainment is still shown as a warning, not as bad."""


def tile(figure: Figure, window: Window) -> Component:
    """One KPI. What it counts are links to the instances it counts."""
    kpi = figure.kpi
    return html.Article(
        [
            html.H3(kpi.title, className="tile-name", title=kpi.description),
            _values(figure),
            _trend(figure, window),
            *_attainment(figure),
            html.Div(_foot(figure, window), className="tile-foot"),
        ],
        className="tile",
        **data(kpi=kpi.name),
    )


def value_of(figure: Figure) -> str:
    """The value in its unit."""
    shown = seconds if figure.kpi.unit is Unit.SECONDS else percent
    return shown(figure.value)


def tone_of(held: Attainment) -> str:
    """Good, close or bad against the target."""
    if held.ratio is None:
        return "idle"
    if held.ratio >= held.target:
        return "ok"
    return "warn" if held.ratio >= held.target - _CLOSE else "bad"


def _values(figure: Figure) -> Component:
    none = " none" if figure.value is None else ""
    parts: list[Any] = [html.Span(value_of(figure), className=f"tile-value{none}")]
    if figure.value is None:
        parts.append(html.Span("nothing to count in this period", className="dim small"))
    elif figure.kpi.measure is Measure.DURATION:
        parts.append(html.Span(f"median · p90 {seconds(figure.p90)}", className="dim small num"))
    else:
        settled = f"of {counted(figure.count, 'instance')} no longer running"
        parts.append(html.Span(settled, className="dim small num"))
    return html.Div(parts, className="tile-values")


def _trend(figure: Figure, window: Window) -> Component:
    points = figure.trend
    shown = [point.value for point in points]
    svg = sparkline(shown)
    words = f"Trend of {figure.kpi.title}"
    ends: Sequence[Any] = ()
    if points and svg:
        low = min(value for value in shown if value is not None)
        high = max(value for value in shown if value is not None)
        wording = seconds if figure.kpi.unit is Unit.SECONDS else percent
        between = wording(low) if low == high else f"{wording(low)} to {wording(high)}"
        words = f"{words}: between {wording(low)} and {wording(high)}"
        ends = [
            html.Span(moment(max(points[0].start, window.start), "ago")),
            html.Span(between, className="num"),
            html.Span("now"),
        ]
    return html.Div([picture(svg, words), html.Div(ends, className="spark-ends")])


def _attainment(figure: Figure) -> list[Component]:
    held = figure.attainment
    if held is None:
        return [html.Div("No target is set across all processes.", className="dim small")]
    if held.ratio is None:
        words = f"Target {percent(held.target)} in time; nothing was decided yet."
        return [html.Div(words, className="dim small")]
    tone = tone_of(held)
    words = f"{percent(held.ratio)} in time, target {percent(held.target)}"
    line = html.Div(
        [
            html.Span(
                [html.Strong(percent(held.ratio), className="num"), " in time"],
                className=f"tone-{tone}",
                style={"color": "var(--tone)"},
            ),
            html.Span(f"target {percent(held.target)}", className="dim num"),
        ],
        className="spread small",
    )
    bar = meter(held.ratio, target=held.target, tone=tone, label=words)
    return [html.Div([line, bar], className="stack", style={"gap": 6})]


def _foot(figure: Figure, window: Window) -> list[Any]:
    parts: list[Any] = []
    held, kpi = figure.attainment, figure.kpi
    if held is not None and kpi.sla and kpi.process:
        common = {"process": kpi.process, "sla": kpi.sla}
        judged = {"judged_from": rfc3339(window.start), "judged_to": rfc3339(window.end)}
        for state, number, word in (
            (VerdictState.MET, held.met, "in time"),
            (VerdictState.BREACHED, held.breached, "breached"),
        ):
            href = routes.to("instances", **common, **judged, sla_state=state.value)
            parts.append(dcc.Link(f"{whole(number)} {word}", href=href))
        running = figure.states.get(VerdictState.PENDING, 0)
        at_risk = figure.states.get(VerdictState.AT_RISK, 0)
        for state, number, word in (
            (VerdictState.PENDING, running, "running"),
            (VerdictState.AT_RISK, at_risk, "at risk"),
        ):
            if number:
                href = routes.to("instances", **common, sla_state=state.value)
                parts.append(dcc.Link(f"{whole(number)} {word}", href=href))
    parts.append(html.Span(coverage_words(figure.coverage)))
    return parts


def coverage_words(coverage: float | None) -> str:
    """Which share of the expected telemetry was seen."""
    return "coverage not declared" if coverage is None else f"coverage {percent(coverage)}"
