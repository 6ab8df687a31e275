"""The platform itself: what waits at which stage, and who was heard from when."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboards.components.grids import column, table
from dashboards.components.pieces import card, empty, moment, pill
from dashboards.pages.page import Page, View
from dashboards.progress import Progress, StageProgress, progress_of
from dashboards.source_states import SourceKind, SourceStanding, SourceState
from dashboards.sources import MeasuredSource, measured_sources
from dashboards.wording import Label, counted, moments, percent, seconds, whole
from suture.clock import rfc3339
from suture.definitions.values import format_duration
from suture.store.schema import FAMILIES

STAGES = {
    "collector": ("Loading", "accepted and durable, not loaded yet", "record"),
    "correlator": ("Stitching", "loaded, not stitched to instances yet", "segment"),
    "sla_rules": ("Judging", "stitched anew, not judged yet", "instance"),
    "alerting": ("Alerting", "judged anew, not alerted on yet", "verdict"),
    "attribution": ("Attributing", "stitched anew, delays not explained yet", "change"),
}
SOURCE_STATES = {
    SourceState.OVERDUE: Label("Overdue", "bad"),
    SourceState.ON_TIME: Label("On time", "ok"),
    SourceState.NOT_JUDGED: Label("Not judged", "idle"),
    SourceState.NOT_DECLARED: Label("None", "idle"),
}
SOURCE_KINDS = {
    SourceKind.EVENTS: "milestone events",
    SourceKind.SPANS: "spans",
    SourceKind.LOGS: "log records",
    SourceKind.METRICS: "metrics",
    SourceKind.SYSTEM: "never heard from",
}
RIDING = "otel:"
"""Sources of milestones on telemetry begin with it, see `collector.telemetry_milestones`."""
LOUD = (SourceState.OVERDUE, SourceState.ON_TIME)
MICROS = 1_000_000
TIMES = (
    "Per minute: over the last 15 minutes. Late by: from when it occurred to when it was recorded, "
    "the median over the last hour, or over the last day where nothing came in that hour. Minutes "
    "of which most had occurred over an hour before are a back-fill, and are in neither."
)
_NEVER = -1.0
_MEBI = 1024 * 1024


def page(view: View) -> Page:
    """Stages and sources."""
    progress = progress_of(view.services)
    state = Label("Up to date", "ok") if progress.settled else Label("Catching up", "warn")
    return Page(
        title="Status",
        live=[
            html.Div([html.H1("Status"), pill(state, large=True)], className="head"),
            html.Div([_stages(view, progress), *_sources(view), _kept(view)], className="stack"),
        ],
    )


def _kept(view: View) -> Component:
    """How long rows stay: nothing is to expire by surprise."""
    days = view.services.settings.retention_days
    spans, logs, points = (counted(days[family], "day") for family in FAMILIES)
    words = (
        f"Kept: spans for {spans}, log records for {logs}, points of metrics for {points}; "
        "milestones, instances, verdicts and alerts for good."
    )
    return html.P(words, id="kept", className="dim small")


def _stages(view: View, progress: Progress) -> Component:
    head = html.Tr(
        [
            html.Th("Stage"),
            html.Th("Waiting", className="n"),
            html.Th("Since", className="n hide-small"),
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
            html.Td(
                [html.Div(title), html.Div(meaning, className="dim small")],
                style={"whiteSpace": "normal"},
            ),
            html.Td(waiting, className="n"),
            html.Td(seconds(lag) if lag else "–", className="n hide-small"),
            html.Td(moment(stage.moved_at), className="n hide-small"),
        ]
    )


def _sources(view: View) -> list[Any]:
    found = measured_sources(view.services, environment=view.environment, now=view.now)
    overdue = len({one.standing.system for one in found if one.standing.overdue_since})
    label = Label(f"{counted(overdue, 'system')} overdue", "bad")
    title = html.Div(
        [
            html.H2("Sources", className="section-title"),
            html.Span(whole(len(found)), className="dim small"),
            pill(label) if overdue else None,
        ],
        className="head",
        style={"marginBottom": 10},
    )
    if not found:
        none = empty("status", "No source yet", "Whoever sends events or telemetry is listed here.")
        return [html.Div([title, html.Div(none, className="card")])]
    columns = [
        column("name", "Source", "SutureName", grow=2),
        column("system", "System", "SutureName", grow=2),
        column("state", "Heartbeat", "SuturePill", width=122),
        column("heard", "Last heard", "SutureTime", width=124),
        column("rate", "Per minute", "SutureName", width=152),
        column("late", "Late by, 1 h", "SutureName", width=150, least=860),
        column("clock", "Clock", "SutureName", width=204, least=1050),
        column("coverage", "Coverage, 24 h", "SutureName", width=140, least=1200),
    ]
    rows = [_source(one) for one in found]
    told = html.P(TIMES, id="sources-told", className="dim small", style={"marginTop": 10})
    return [html.Div([title, table("sources", columns, rows), told])]


def _source(one: MeasuredSource) -> dict[str, Any]:
    standing = one.standing
    heard = rfc3339(standing.last_heard_at) if standing.last_heard_at else None
    state, (name, kind) = SOURCE_STATES[standing.state], _names(standing)
    system = standing.system or "not declared"
    rate, late, clock = _rate(one), _late(one), _clock(one)
    return {
        "id": f"{standing.kind}|{standing.source}",
        "name": {"text": name, "sub": kind},
        "system": {"text": system, "sub": _promise(standing)},
        "state": list(state),
        "heard": heard,
        "rate": rate,
        "late": late,
        "clock": clock,
        "coverage": {"text": percent(one.coverage), "seconds": _ranked(one.coverage)},
        "card": {
            "title": name,
            "pills": [list(state)] if standing.state in LOUD else [],
            "lines": [
                [f"{system} · {kind}"],
                ["heard from ", {"ago": heard}] if heard else ["never heard from"],
                *([[_numbers(rate, late, clock)]] if heard else []),
            ],
        },
    }


def _names(one: SourceStanding) -> tuple[str, str]:
    """A source by name, and what it sends; milestones on a service's telemetry are its own."""
    if one.kind is SourceKind.EVENTS and one.source.startswith(RIDING):
        return one.source.removeprefix(RIDING), "milestones on telemetry"
    return one.source or "unnamed", SOURCE_KINDS[one.kind]


def _promise(one: SourceStanding) -> str:
    every = f"every {format_duration(one.heartbeat)}" if one.heartbeat else ""
    hours = f"in {one.heartbeat_calendar}" if one.heartbeat_calendar else ""
    return " · ".join(part for part in (every, hours, one.owner or "") if part)


def _rate(one: MeasuredSource) -> dict[str, Any]:
    rate = one.traffic.live_per_minute if one.traffic else 0.0
    old = one.traffic.backfill if one.traffic else None
    shown: dict[str, Any] = {"text": f"{rate:,.1f}" if rate else "–", "seconds": rate}
    return shown | ({"sub": f"{whole(old.arrived)} back-filled"} if old else {})


def _late(one: MeasuredSource) -> dict[str, Any]:
    late = one.traffic.lateness if one.traffic else None
    old = one.traffic.backfill if one.traffic else None
    if late:
        return {"text": moments(late.p50), "sub": f"p95 {moments(late.p95)}", "seconds": late.p50}
    if old:
        sub = f"back-fill {moments(old.lateness.p50)}"
        return {"text": "–", "sub": sub, "seconds": old.lateness.p50}
    return {"text": "–", "seconds": _NEVER}


def _clock(one: MeasuredSource) -> dict[str, Any]:
    if one.clock is None:
        return {"text": "–", "seconds": _NEVER}
    clock = one.clock
    if clock.reference == one.standing.source:
        return {"text": "reference", "sub": f"of {counted(clock.pairs, 'call')}", "seconds": 0.0}
    text = f"{moments(clock.offset_micros / MICROS, sign=True)}"
    give = f"± {moments(clock.uncertainty_micros / MICROS)} to {clock.reference}"
    return {"text": text, "sub": give, "seconds": abs(clock.offset_micros) / MICROS}


def _numbers(rate: dict[str, Any], late: dict[str, Any], clock: dict[str, Any]) -> str:
    parts = [f"{rate['text']} a minute", f"late by {late['text']}", f"clock {clock['text']}"]
    return " · ".join(part for part in parts if "–" not in part)


def _ranked(ratio: float | None) -> float:
    return _NEVER if ratio is None else ratio
