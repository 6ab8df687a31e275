"""How instances fit their definition: together, by milestone, and by facet or period."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboards.components.pieces import aria, meter
from dashboards.wording import counted, humanized, percent, whole
from suture.store.reading.conformance import Conformance, MilestoneConformance

_CATEGORIES = (
    ("skipped", "Skipped an expected milestone", "warn"),
    ("out_of_order", "Reached them in another order", "warn"),
    ("repeated", "Reached one more than once", "warn"),
    ("start_inferred", "Began without a declared start", "warn"),
    ("attempted", "Had a failed or rejected attempt", "idle"),
)
_GOOD, _FAIR = 0.95, 0.80
_MOST_OTHERS = 12


def conformance_body(found: Conformance, titles: Mapping[str, str]) -> Component:
    """The figures of all instances beside the table of milestones."""
    return html.Div([_side(found), _milestones(found, titles)], className="fit")


def _side(found: Conformance) -> Component:
    share = found.conforming / found.instances
    tone = "ok" if share >= _GOOD else "warn" if share >= _FAIR else "bad"
    fitness = "–" if found.fitness is None else f"{found.fitness:.3f}"
    value = [
        html.Div(percent(share), className="fit-value"),
        html.Div(
            f"of {counted(found.instances, 'instance')} follow the definition",
            className="dim small",
        ),
    ]
    return html.Div(
        [
            html.Div(value),
            meter(share, target=None, tone=tone, label=f"{percent(share)} follow the definition"),
            html.Ul(
                [_category(found, *category) for category in _CATEGORIES], className="fit-list"
            ),
            html.Div(
                [html.Span("Fitness", className="dim"), html.Strong(fitness, className="num")],
                className="spread small",
                title="1 where everything expected was reached once and in order",
            ),
        ],
        className="fit-side",
    )


def _category(found: Conformance, name: str, text: str, tone: str) -> Component:
    number: int = getattr(found, name)
    share = number / found.instances
    return html.Li(
        [
            html.Div(
                [
                    html.Span(text),
                    html.Span(
                        f"{whole(number)} · {percent(share)}" if number else "0",
                        className="num nowrap" if number else "num dim",
                    ),
                ],
                className="spread",
            ),
            html.Div(html.Div(style={"width": f"{share * 100:.1f}%"}), className="bar")
            if number
            else None,
        ],
        className=f"tone-{tone}",
    )


def _milestones(found: Conformance, titles: Mapping[str, str]) -> Component:
    head = ("Milestone", "Reached", "Skipped", "Out of order", "Repeated", "Attempts")
    expected = [one for one in found.milestones if one.expected]
    others = [one for one in found.milestones if not one.expected and (one.reached or one.attempts)]
    others.sort(key=lambda one: -one.reached)
    rows = [_milestone(one, titles, found.instances) for one in expected]
    for index, one in enumerate(others[:_MOST_OTHERS]):
        rows.append(_milestone(one, titles, found.instances, first=index == 0))
    if len(others) > _MOST_OTHERS:
        said = f"Not shown: {counted(len(others) - _MOST_OTHERS, 'rarer milestone')}."
        rows.append(html.Tr(html.Td(said, className="dim small", colSpan=len(head))))
    table = html.Table(
        [
            html.Thead(
                html.Tr([html.Th(text, className="n" if i else "") for i, text in enumerate(head)])
            ),
            html.Tbody(rows),
        ],
        className="split stacks",
    )
    return html.Div(table, className="scroll-x")


def _milestone(
    one: MilestoneConformance, titles: Mapping[str, str], instances: int, *, first: bool = False
) -> Component:
    reached = f"{whole(one.reached)} · {percent(one.reached / instances)}"
    name: list[Any] = [titles.get(one.milestone) or humanized(one.milestone)]
    if not one.expected:
        name.append(html.Span(" · when it happens", className="dim small"))
    cells = [
        html.Td(name),
        html.Td(reached, className="n"),
        _cell(one.skipped if one.expected else None, warns=True),
        _cell(one.out_of_order if one.expected else None, warns=True),
        _cell(one.repeated, warns=one.expected),
        _cell(one.attempts),
    ]
    return html.Tr(cells, className="apart" if first else "")


def _cell(number: int | None, *, warns: bool = False) -> Component:
    if number is None:
        return html.Td("–", className="n zero")
    if not number:
        return html.Td("0", className="n zero")
    style = {"color": "var(--warn)"} if warns else {}
    return html.Td(whole(number), className="n", style=style)


def conformance_groups(found: Sequence[Conformance], by: str, title: str) -> Component:
    """One row per value of a facet or per period."""
    head = (title, "Instances", "Follow it", "Skipped", "Out of order", "Repeated", "Fitness")
    rows = []
    for one in found:
        share = one.conforming / one.instances
        tone = "ok" if share >= _GOOD else "warn" if share >= _FAIR else "bad"
        value = one.by[by] or html.Span("not given", className="dim")
        rows.append(
            html.Tr(
                [
                    html.Td(value),
                    html.Td(whole(one.instances), className="n"),
                    html.Td(
                        percent(share), className=f"n tone-{tone}", style={"color": "var(--tone)"}
                    ),
                    _cell(one.skipped),
                    _cell(one.out_of_order),
                    _cell(one.repeated),
                    html.Td("–" if one.fitness is None else f"{one.fitness:.3f}", className="n"),
                ]
            )
        )
    table = html.Table(
        [
            html.Thead(
                html.Tr([html.Th(text, className="n" if i else "") for i, text in enumerate(head)])
            ),
            html.Tbody(rows),
        ],
        className="split stacks six",
        **aria(label=f"Conformance by {title}"),
    )
    return html.Div(table, className="scroll-x")
