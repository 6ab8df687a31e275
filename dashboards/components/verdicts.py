"""Verdicts of an instance: the state, the reason, and how much of the allowance is used."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.components.pieces import data, meter, moment, pill, sentence
from dashboards.reasons import named
from dashboards.wording import STATES, humanized, seconds
from suture.contracts.verdict import SEVERITY_ORDER, Verdict, VerdictState
from suture.definitions.catalog import Catalog

_MICROS = 1_000_000
_RUNNING = frozenset({VerdictState.PENDING, VerdictState.AT_RISK, VerdictState.UNKNOWN})


def verdict_list(
    verdicts: Sequence[Verdict], catalog: Catalog, titles: Mapping[str, str]
) -> Component:
    """Worst first; `titles` are those of the milestones that reasons name."""
    ordered = sorted(verdicts, key=lambda v: (SEVERITY_ORDER.index(v.state), v.sla))
    return html.Div([_verdict(verdict, catalog, titles) for verdict in ordered])


def _verdict(verdict: Verdict, catalog: Catalog, titles: Mapping[str, str]) -> Component:
    rule = catalog.slas.get(verdict.sla)
    title = rule.title if rule else humanized(verdict.sla)
    label = STATES[verdict.state]
    link = dcc.Link(
        title,
        href=routes.to(
            "instances", process=verdict.process, sla=verdict.sla, sla_state=verdict.state
        ),
        style={"color": "inherit"},
    )
    parts: list[Any] = [
        html.Div([html.Span(link, className="verdict-name"), pill(label)], className="spread"),
        html.Div(sentence(named(verdict.reason, titles)), className="break"),
    ]
    if verdict.allowed_micros > 0 and verdict.state is not VerdictState.CANCELLED:
        ratio = verdict.elapsed_micros / verdict.allowed_micros
        used, allowed = verdict.elapsed_micros / _MICROS, verdict.allowed_micros / _MICROS
        words = f"{seconds(used)} of {seconds(allowed)}"
        mark = rule.at_risk if rule and verdict.state in _RUNNING else None
        parts.append(meter(ratio, target=mark, tone=label.tone, label=words))
        parts.append(
            html.Div([html.Span(words), _deadline(verdict)], className="spread dim small num")
        )
    return html.Div(parts, className="verdict", **data(sla=verdict.sla))


def _deadline(verdict: Verdict) -> Component:
    if verdict.state in _RUNNING and verdict.deadline_at:
        return html.Span(["due ", moment(verdict.deadline_at, "left")])
    if verdict.completed_at:
        return html.Span(["stopped ", moment(verdict.completed_at, "at")])
    if verdict.deadline_at:
        return html.Span(["was due ", moment(verdict.deadline_at, "at")])
    return html.Span("")
