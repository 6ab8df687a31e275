"""Dead letters: input that was refused, and why."""

from collections.abc import Mapping
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.components.fields import filters, words
from dashboards.components.grids import column, table
from dashboards.components.pieces import download, empty
from dashboards.pages.page import Page, View
from dashboards.wording import counted, humanized, whole
from suture.clock import rfc3339
from suture.store.reading.dead_letters import DeadLetter, DeadLetterFilter

MOST = 500
_DOORS = {"milestones": "Milestone events", "traces": "Traces", "loader": "While loading"}


def page(view: View) -> Page:
    """The list of refused input."""
    return Page(title="Dead letters", head=[_head(view)], live=_live(view))


def _head(view: View) -> Component:
    fields = [
        words(
            "reason", "Reason", view.asked("reason"), placeholder="part of the reason", wide=False
        ),
        words("source", "Source", view.asked("source"), placeholder="exact source", wide=False),
        words("type", "Type", view.asked("type"), placeholder="exact event type", wide=False),
    ]
    export = html.Div(download(routes.to_export("dead-letters", view.place)), className="push")
    title = html.Div([html.H1("Dead letters"), export], className="head")
    return html.Div([title, filters(fields, len(view.place.query))])


def _live(view: View) -> list[Any]:
    wanted = DeadLetterFilter(
        environment=view.environment,
        source=view.asked("source") or "",
        type=view.asked("type") or "",
        reason=view.asked("reason") or "",
    )
    letters = view.services.dead_letters.page(wanted, limit=MOST)
    if not letters:
        if view.place.query:
            clear = dcc.Link("Remove all filters", href=routes.to("dead-letters"))
            none = empty("dead-letters", "No dead letter matches", clear)
        else:
            none = empty(
                "calm",
                "Nothing was refused",
                "Input that cannot be taken shows here, with the reason.",
            )
        return [html.Div(none, className="card")]
    columns = [
        column("reason", "Reason", "SutureText", grow=4),
        column("type", "Type", "SutureName", grow=2, least=980),
        column("source", "Source", "SutureText", grow=1, least=860),
        column("owner", "Owner", "SutureText", grow=1, least=1200),
        column("count", "Count", "", width=92, right=True),
        column("last", "Last seen", "SutureTime", width=118),
        column("first", "First seen", "SutureTime", width=118, least=1100),
        column("actions", "", "SutureActions", width=112, sort=False),
    ]
    shown = counted(len(letters), "dead letter")
    if len(letters) >= MOST:
        shown = f"the latest {shown}"
    count = html.Div(html.Span(shown, className="num", id="found"), className="pager")
    return [table("dead-letters", columns, [_row(letter) for letter in letters]), count]


def _row(letter: DeadLetter) -> Mapping[str, Any]:
    door = _DOORS.get(letter.door, humanized(letter.door))
    last = rfc3339(letter.last_seen_at)
    actions = [{"do": "open", "text": "View"}]
    times = f" · {whole(letter.count)} times" if letter.count > 1 else ""
    return {
        "id": letter.id,
        "reason": letter.reason,
        "type": {"text": letter.type or "unknown type", "sub": door},
        "source": letter.source or "unknown",
        "owner": humanized(letter.owner) if letter.owner else "",
        "count": letter.count,
        "last": last,
        "first": rfc3339(letter.first_seen_at),
        "actions": actions,
        "card": {
            "title": letter.reason,
            "pills": [],
            "lines": [
                [letter.type or door, f" · {letter.source}" if letter.source else ""],
                [{"ago": last}, times],
            ],
            "actions": actions,
        },
    }
