"""A process's KPIs by the values of a facet: which site, department or supplier it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.components.tiles import counted_words, tone_of, value_of
from dashboards.measuring import Figure
from dashboards.wording import humanized, percent, whole

_MOST_ROWS = 25


def breakdown(figures: Sequence[Figure], facet: str, bounds: Mapping[str, str]) -> Component:
    """One row per value, worst attainment first; the values are links to their instances."""
    values = sorted({figure.facet for figure in figures})
    kpis = list(dict.fromkeys(figure.kpi for figure in figures))
    cells = {(figure.facet, figure.kpi.name): figure for figure in figures}
    rows = sorted(values, key=lambda v: (_worst(cells.get((v, k.name)) for k in kpis), v))
    head: list[Any] = [html.Th(humanized(facet))]
    for kpi in kpis:
        head += [html.Th(kpi.title, className="n"), html.Th("In time", className="n")]
    body = [
        html.Tr(
            [
                html.Td(_value(value, facet, bounds)),
                *(cell for k in kpis for cell in _cells(cells.get((value, k.name)))),
            ]
        )
        for value in rows[:_MOST_ROWS]
    ]
    table = html.Table([html.Thead(html.Tr(head)), html.Tbody(body)], className="split")
    rest = len(rows) - _MOST_ROWS
    more = html.Div(f"{whole(rest)} more values are not shown.", className="card-body dim small")
    return html.Div([table, more if rest > 0 else None], className="scroll-x")


def _worst(figures: Any) -> float:
    ratios = [
        f.attainment.ratio for f in figures if f and f.attainment and f.attainment.ratio is not None
    ]
    return min(ratios, default=2.0)


def _value(value: str, facet: str, bounds: Mapping[str, str]) -> Component | str:
    if not value:
        return html.Span("not given", className="dim")
    query = {**bounds, f"facet__{facet}": value}
    return dcc.Link(value, href=routes.to("instances", **query))


def _cells(figure: Figure | None) -> list[Component]:
    held = figure.attainment if figure else None
    if figure is None or (figure.value is None and (held is None or held.ratio is None)):
        return [html.Td("–", className="n dim"), html.Td("–", className="n dim")]
    tone = tone_of(held) if held else "idle"
    dim = " dim" if figure.value is None else ""
    return [
        html.Td(value_of(figure), className=f"n{dim}", title=" · ".join(counted_words(figure))),
        html.Td(
            percent(held.ratio if held else None),
            className=f"n tone-{tone}",
            style={"color": "var(--tone)"},
        ),
    ]
