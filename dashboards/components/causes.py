"""Where the time of an instance went: one bar for all of it, one per step, and what it was."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.causes import (
    CAUSE_NAMES,
    Explained,
    cause_title,
    segment_sentence,
    step_title,
    totals,
)
from dashboards.components.pieces import aria, empty
from dashboards.wording import seconds
from suture.contracts.attribution import Cause

_MICROS = 1_000_000
_EVIDENCE_SHOWN = 3


def causes_card(
    explained: Sequence[Explained],
    titles: Mapping[str, str],
    *,
    sentence: str,
    traces: Mapping[str, str],
) -> Component:
    """The body of the card; `traces` says in which trace a span is, as far as that is shown."""
    found = totals(explained)
    if not found:
        return empty("calm", "Not attributed yet", "Where the time went is not computed yet.")
    steps = [one for one in explained if one.parts]
    return html.Div(
        [
            html.P(sentence, className="cause-sentence"),
            _bar(found, "large"),
            html.Ul(
                [_key(cause, micros) for cause, micros in found.items()], className="cause-key"
            ),
            html.Ul([_step(one, titles, traces) for one in steps], className="cause-steps"),
        ],
        className="causes",
    )


def _bar(parts: Mapping[Cause, int], size: str = "") -> Component:
    told = ", ".join(f"{CAUSE_NAMES[c]} {seconds(m / _MICROS)}" for c, m in parts.items())
    return html.Div(
        [
            html.Div(
                className=f"cause-part cause-{cause.value}",
                style={"flexGrow": micros},
                title=f"{CAUSE_NAMES[cause]}: {seconds(micros / _MICROS)}",
            )
            for cause, micros in parts.items()
        ],
        className=f"cause-bar {size}".strip(),
        role="img",
        **aria(label=told),
    )


def _key(cause: Cause, micros: int) -> Component:
    return html.Li(
        [
            html.Span(className=f"cause-dot cause-{cause.value}"),
            html.Span(cause_title(cause)),
            html.Span(seconds(micros / _MICROS), className="num dim"),
        ]
    )


def _step(one: Explained, titles: Mapping[str, str], traces: Mapping[str, str]) -> Component:
    segment = one.segment
    name = step_title(segment.from_milestone, segment.to_milestone, titles)
    by_cause: dict[Cause, int] = {}
    for part in one.parts:
        by_cause[part.cause] = by_cause.get(part.cause, 0) + part.micros
    return html.Li(
        [
            html.Div(
                [
                    html.Span(name, className="break"),
                    html.Span(seconds(segment.elapsed_micros / _MICROS), className="num nowrap"),
                ],
                className="spread",
            ),
            _bar(by_cause),
            html.Div([segment_sentence(one), *_evidence(one, traces)], className="dim small break"),
        ]
    )


def _evidence(one: Explained, traces: Mapping[str, str]) -> list[Any]:
    """Links to the spans that explain the largest part, those that can be shown."""
    largest = one.largest
    spans = [id_ for id_ in largest.evidence if id_ in traces] if largest else []
    links: list[Any] = []
    for span in spans[:_EVIDENCE_SHOWN]:
        href = routes.to_trace(traces[span], span)
        links += [" ", dcc.Link(f"span {span[:8]}", href=href, className="mono")]
    return links
