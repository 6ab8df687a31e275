"""Turning the pages of a list: which rows are shown of how many, and the way to the others."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import asking, routes
from dashboards.components.pieces import aria, icon
from dashboards.routes import Place
from dashboards.wording import counted, whole


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One page of a list of `total` rows, `size` on each; `number` counts from 1."""

    number: int
    size: int
    total: int

    @classmethod
    def asked(cls, query: Mapping[str, str], *, size: int, total: int) -> "Turn":
        """The page that an address names, the last one where it names one beyond."""
        number = asking.number(query, "page", least=1, usual=1)
        turn = cls(number=number, size=size, total=total)
        return replace(turn, number=min(number, turn.last))

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // self.size))

    @property
    def offset(self) -> int:
        """How many rows stand before this page."""
        return (self.number - 1) * self.size


def pager(place: Place, turn: Turn, noun: str, *, back: str, on: str) -> Component:
    """What stands below a list; `back` and `on` are the words on its two links."""
    until = min(turn.total, turn.offset + turn.size)
    shown = f"{whole(turn.offset + 1)}–{whole(until)} of {counted(turn.total, noun)}"
    parts: list[Any] = [html.Span(shown, className="num", id="found")]
    if turn.last > 1:
        before = [icon("previous"), html.Span(back)]
        after = [html.Span(on), icon("next")]
        links = [
            _link(place, turn, turn.number - 1, before),
            _link(place, turn, turn.number + 1, after),
        ]
        parts.append(html.Div(links, className="push row"))
    return html.Div(parts, className="pager")


def _link(place: Place, turn: Turn, to: int, parts: list[Component]) -> Component:
    if not 1 <= to <= turn.last:
        return html.Span(parts, className="button", **aria(disabled="true"))
    href = routes.with_query(place, page=str(to) if to > 1 else None)
    return dcc.Link(parts, href=href, className="button")
