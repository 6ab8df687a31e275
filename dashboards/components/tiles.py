"""KPI tiles: the value, its trend, how often it was in time, and out of what."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.components.pieces import data, meter, moment, picture
from dashboards.figures import sparkline
from dashboards.kpis import Measure, Unit
from dashboards.measuring import Figure, Point
from dashboards.wording import STATES, counted, percent, seconds, whole
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
    parts += [html.Span(words, className="dim small num") for words in counted_words(figure)]
    return html.Div(parts, className="tile-values")


def counted_words(figure: Figure) -> list[str]:
    """What the value is of, and what it leaves out; why there is none where there is none."""
    running = figure.completions.running if figure.completions else 0
    if figure.kpi.measure is Measure.DURATION:
        rest = figure.uncompleted
        out = [f"not in it: {whole(rest)} still open or never completed"] if rest else []
        if figure.value is not None:
            return [f"median of {whole(figure.count)} · p90 {seconds(figure.p90)}", *out]
        if rest:
            return [f"none completed: {whole(rest)} still open or never completed"]
    elif figure.value is not None:
        settled = f"of {counted(figure.count, 'instance')} no longer running"
        return [settled, *([f"{whole(running)} still running"] if running else [])]
    elif running:
        return [f"none finished yet: {counted(running, 'instance')} still running"]
    return ["nothing to count in this period"]


def _trend(figure: Figure, window: Window) -> Component:
    points = figure.trend
    shaded = {index for index, point in enumerate(points) if not point.finished}
    svg = sparkline([point.value for point in points], shaded=shaded)
    words = f"Trend of {figure.kpi.title}"
    below: list[Component] = []
    if points and svg:
        between = _between(figure)
        unfinished = _unfinished(points)
        words = "; ".join(part for part in (words, between, unfinished) if part)
        ends = [
            html.Span(moment(max(points[0].start, window.start), "ago")),
            html.Span(between, className="num"),
            html.Span("now"),
        ]
        below = [html.Div(ends, className="spark-ends")]
        if unfinished:
            below.append(html.Div(unfinished, className="spark-open"))
    return html.Div([picture(svg, words), *below])


def _between(figure: Figure) -> str:
    """The range of the line; empty where no stretch is finished."""
    shown = [one.value for one in figure.trend if one.finished and one.value is not None]
    if not shown:
        return ""
    wording = seconds if figure.kpi.unit is Unit.SECONDS else percent
    low, high = wording(min(shown)), wording(max(shown))
    return low if low == high else f"{low} to {high}"


def _unfinished(points: Sequence[Point]) -> str:
    """What the shaded stretches are; empty where there are none."""
    shaded = [point for point in points if not point.finished]
    settled = sum(point.count for point in shaded)
    total = settled + sum(point.running for point in shaded)
    words = f"shaded, not in the line: {whole(settled)} of {counted(total, 'instance')} finished"
    return words if shaded else ""


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
        for state, number in (
            (VerdictState.MET, held.met),
            (VerdictState.BREACHED, held.breached),
        ):
            href = routes.to("instances", **common, **judged, sla_state=state.value)
            parts.append(dcc.Link(_number_of(state, number), href=href))
        for state in (VerdictState.PENDING, VerdictState.AT_RISK):
            if number := figure.states.get(state, 0):
                href = routes.to("instances", **common, sla_state=state.value)
                parts.append(dcc.Link(_number_of(state, number), href=href))
    parts.append(html.Span(coverage_words(figure.coverage)))
    return parts


def _number_of(state: VerdictState, number: int) -> str:
    """A count of verdicts, in the words that all pages have for their state."""
    return f"{whole(number)} {STATES[state].text.lower()}"


def coverage_words(coverage: float | None) -> str:
    """Which share of the expected telemetry was seen."""
    return "coverage not declared" if coverage is None else f"coverage {percent(coverage)}"
