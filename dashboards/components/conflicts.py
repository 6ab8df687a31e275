"""Events that arrived with several contents, as lines: what counts, and what was set aside."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.components.pieces import moment
from dashboards.wording import OUTCOMES, Label, humanized
from suture.store.reading.conflicts import Conflict, Content

_NAMES = {"occurred_at": "time"}
_ATTRIBUTE = "attributes."


def conflict_list(conflicts: Sequence[Conflict], titles: Mapping[str, str]) -> Component:
    """Each event with the content that counts, then those that do not and why."""
    return html.Ul([_conflict(one, titles) for one in conflicts], className="conflicts")


def _conflict(conflict: Conflict, titles: Mapping[str, str]) -> Component:
    event = html.Div(
        [conflict.source, " ", html.Span(conflict.id, className="mono")],
        className="dim small break",
    )
    parts = [event, _said("Counts", conflict.counts, titles)]
    for other in conflict.others:
        parts.append(_said("Set aside", other, titles))
        names = ", ".join(_named(name) for name in other.differs_from(conflict.counts))
        why = f"Differs in {names}. {conflict.why(other)}"
        parts.append(html.Div(why, className="dim small break"))
    return html.Li(parts, className="conflict")


def _said(word: str, content: Content, titles: Mapping[str, str]) -> Component:
    title = titles.get(content.milestone, humanized(content.milestone))
    label = OUTCOMES.get(content.outcome, Label(humanized(content.outcome), "idle"))
    outcome = "" if content.outcome == "ok" else f" \N{EN DASH} {label.text.lower()}"
    parts: list[Any] = [
        html.Span(f"{word}: ", className="dim"),
        html.Span(f"{title}{outcome}", className="conflict-name"),
        " ",
        moment(content.occurred_at, "at"),
        html.Span([", recorded ", moment(content.recorded_at, "at")], className="dim"),
    ]
    if content.trace_id:
        link = dcc.Link(f"trace {content.trace_id[:8]}", href=routes.to_trace(content.trace_id))
        parts += [html.Span(" \N{MIDDLE DOT} ", className="dim"), link]
    return html.Div(parts, className="break")


def _named(name: str) -> str:
    """What differs, for a person: an attribute by its own name."""
    return name.removeprefix(_ATTRIBUTE) if name.startswith(_ATTRIBUTE) else _NAMES.get(name, name)
