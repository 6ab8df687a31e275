"""Small pieces: times, pills, chips, facts, meters."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards.figures import data_uri
from dashboards.reasons import parts
from dashboards.wording import Label
from suture.clock import rfc3339

Content = Component | str | None | Sequence[Any]


def data(**values: str) -> dict[str, Any]:
    """Attributes data-* of an element."""
    return {f"data-{name}": value for name, value in values.items()}


def aria(**values: str) -> dict[str, Any]:
    """Attributes aria-* of an element, for those who do not see it."""
    return {f"aria-{name}": value for name, value in values.items()}


def icon(name: str) -> Component:
    """An icon in the colour of the text around it; it says nothing to a screen reader."""
    return html.I(className=f"icon icon-{name}", **aria(hidden="true"))


def moment(at: datetime | None, show: str = "ago") -> Component | str:
    """A time that the browser words in its own zone and keeps up to date; a dash for none.

    `show` is at, ago, since (how long it has run) or left (how long until then).
    """
    if at is None:
        return "–"
    return html.Time(dateTime=rfc3339(at), **data(show=show))


def sentence(reason: str) -> list[Component | str]:
    """A reason with its instants in the reader's zone, as all others are."""
    return [part if isinstance(part, str) else moment(part, "at") for part in parts(reason)]


def pill(label: Label | None, *, large: bool = False) -> Component | None:
    """A state as a word in its tone."""
    if label is None:
        return None
    size = " large" if large else ""
    return html.Span(label.text, className=f"pill tone-{label.tone}{size}")


def chip(name: str, value: Content, *, href: str | None = None) -> Component:
    """A name and its value; with `href` a link that takes it away."""
    inner = [html.Span(name, className="dim"), html.Span(value, className="break")]
    if href is None:
        return html.Span(inner, className="chip")
    return dcc.Link(
        [*inner, icon("cross")], href=href, className="chip", title="Remove this filter"
    )


def fact(name: str, value: Content) -> Component:
    """One fact of a row of facts."""
    return html.Div([html.Dt(name), html.Dd(value)], className="fact")


def card(title: Content, body: Content, *, aside: Content = None, flush: bool = False) -> Component:
    """A card with a head; `flush` lets the body reach the edges."""
    head: list[Component] = [html.H2(title, className="section-title")]
    if aside is not None:
        head.append(html.Div(aside, className="push row"))
    return html.Section(
        [
            html.Div(head, className="card-head"),
            html.Div(body, className="" if flush else "card-body"),
        ],
        className="card",
    )


def empty(icon_name: str, title: str, text: Content) -> Component:
    """What stands where nothing is to be shown, and why."""
    return html.Div([icon(icon_name), html.Strong(title), html.Div(text)], className="empty")


def notice(text: Content, tone: str = "warn") -> Component:
    """A sentence that must not be missed."""
    return html.Div(html.Div(text), className=f"notice tone-{tone}", role="status")


def meter(ratio: float, *, target: float | None, tone: str, label: str) -> Component:
    """A share as a bar, with its target as a mark."""
    parts = [
        html.Div(className="meter-fill", style={"width": f"{min(max(ratio, 0), 1) * 100:.2f}%"})
    ]
    if target is not None:
        parts.append(html.Div(className="meter-mark", style={"left": f"{target * 100:.2f}%"}))
    return html.Div(parts, className=f"meter tone-{tone}", role="img", **aria(label=label))


def picture(svg: str, description: str) -> Component:
    """A drawing; an empty line where there is nothing to draw."""
    if not svg:
        return html.Div(className="spark none", role="img", **aria(label=description))
    return html.Img(src=data_uri(svg), alt=description, className="spark")


def download(href: str) -> Component:
    """A link that saves a table as a file."""
    return html.A(
        [icon("download"), html.Span("CSV")],
        href=href,
        className="button",
        download="",
        title="Save all rows under these filters as CSV",
    )


def crumbs(*parts: tuple[str, str | None]) -> Component:
    """Where a page stands; the last part is the page itself."""
    inner: list[Any] = []
    for text, href in parts:
        if inner:
            inner.append(icon("next"))
        inner.append(dcc.Link(text, href=href) if href else html.Span(text, className="break"))
    return html.Nav(inner, className="crumbs", **aria(label="Breadcrumb"))
