"""Dead letters: input that was refused, and why; replayed or discarded, one or many."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import asking, routes
from dashboards.components.fields import choice, filters, words
from dashboards.components.grids import column, table
from dashboards.components.pieces import card, download, empty, moment, notice
from dashboards.letters import DOS, may_act
from dashboards.pages.page import Page, View
from dashboards.wording import LETTER_DOORS, LETTER_STATES, counted, humanized, whole
from suture.clock import rfc3339
from suture.contracts.dead_letter import LetterState
from suture.errors import InvalidQuery
from suture.store.reading.dead_letters import (
    BEGIN,
    NOBODY,
    DeadLetter,
    DeadLetterFilter,
    LetterGroup,
)
from suture.store.reading.processes import END

MOST = 500
ANY = "any"
_NO_CONTRACT = "there is no event contract"
_TYPES_SHOWN = 6


def page(view: View) -> Page:
    """The list of refused input."""
    return Page(title="Dead letters", head=[_head(view)], live=_live(view))


def letter_filter(view: View) -> DeadLetterFilter:
    """The filter of the address: open letters unless it names a state; raises InvalidQuery."""
    query = dict(view.place.query)
    if not query.get("state"):
        query["state"] = LetterState.OPEN.value
    elif query["state"] == ANY:
        query["state"] = ""
    return DeadLetterFilter(
        environment=view.environment,
        source=view.asked("source") or "",
        type=view.asked("type") or "",
        reason=view.asked("reason") or "",
        owner=view.asked("owner") or "",
        door=view.asked("door") or "",
        state=asking.one_of(LetterState, query, "state"),
        seen_from=asking.instant(query, "from") or BEGIN,
        seen_to=asking.instant(query, "to") or END,
    )


def _head(view: View) -> Component:
    teams = sorted(view.services.catalog.owners.teams)
    states = [*((s.value, LETTER_STATES[s].text) for s in LetterState), (ANY, "Any")]
    owners = [*((team, humanized(team)) for team in teams), (NOBODY, "Nobody named")]
    asked = view.asked
    fields = [
        choice("state", "State", states, asked("state"), usual=LetterState.OPEN.value),
        words("reason", "Reason", asked("reason"), placeholder="part of the reason", wide=False),
        words("source", "Source", asked("source"), placeholder="exact source", wide=False),
        words("type", "Type", asked("type"), placeholder="exact event type", wide=False),
        choice("owner", "Owner", owners, asked("owner")),
        choice("door", "Came in by", LETTER_DOORS.items(), asked("door")),
    ]
    export = html.Div(download(routes.to_export("dead-letters", view.place)), className="push")
    title = html.Div([html.H1("Dead letters"), export], className="head")
    return html.Div([title, filters(fields, len(view.place.query))])


def _live(view: View) -> list[Any]:
    try:
        wanted = letter_filter(view)
    except InvalidQuery as error:
        return [notice(error.message, "bad")]
    letters = view.services.dead_letters.page(wanted, limit=MOST)
    if not letters:
        return [html.Div(_none(view), className="card")]
    columns = [
        column("reason", "Reason", "SutureText", grow=5, tall=True, wrap=True),
        column("type", "Type", "SutureName", grow=2, least=980),
        column("source", "Source", "SutureText", grow=1, least=1180),
        column("owner", "Owner", "SutureText", grow=1, least=900),
        *([] if wanted.state else [column("state", "State", "SuturePill", width=122, least=1180)]),
        column("count", "Count", "", width=84, right=True),
        column("last", "Last seen", "SutureTime", width=112),
        column("first", "First seen", "SutureTime", width=112, least=1400),
        column("actions", "", "SutureActions", width=254 if may_act() else 84, sort=False),
    ]
    return [
        *_unknown_types(view),
        _bar(letters),
        table("dead-letters", columns, [_row(letter) for letter in letters]),
    ]


def _bar(letters: Sequence[DeadLetter]) -> Component:
    """How many are shown, and what can be done about all of them."""
    shown = counted(len(letters), "dead letter")
    if len(letters) >= MOST:
        shown = f"the latest {shown}"
    count = html.Span(shown, className="num", id="found")
    if not may_act() or all(letter.state is not LetterState.OPEN for letter in letters):
        return html.Div(count, className="pager")
    said = {"replay": "Replay all", "discard": "Discard all"}
    buttons = [
        dcc.ConfirmDialogProvider(
            html.Button(said[do], className="button", type="button"),
            id={"type": "bulk", "do": do},
            message=f"{said[do]} open dead letters under these filters?",
        )
        for do in DOS
    ]
    return html.Div([count, html.Div(buttons, className="row push")], className="pager")


def _unknown_types(view: View) -> list[Component]:
    """Types that no contract knows, so that one can be written."""
    if any(view.asked(name) for name in ("type", "reason", "source", "owner", "door", "state")):
        return []
    wanted = DeadLetterFilter(
        environment=view.environment, reason=_NO_CONTRACT, state=LetterState.OPEN
    )
    groups = view.services.dead_letters.groups(wanted, by="type", limit=_TYPES_SHOWN + 1)
    if not groups:
        return []
    lines = [html.Li(_type_line(group), className="row") for group in groups[:_TYPES_SHOWN]]
    if len(groups) > _TYPES_SHOWN:
        lines.append(html.Li("and more", className="dim"))
    hint = html.P(
        "Write a contract for a type, try it with ‘suture contracts check’, then replay its"
        " letters.",
        className="dim small",
        style={"marginTop": 10},
    )
    return [card("Types without a contract", [html.Ul(lines, className="log"), hint])]


def _type_line(group: LetterGroup) -> list[Any]:
    more = len(group.sources) - 1
    return [
        dcc.Link(
            group.value or "unknown type",
            href=routes.to("dead-letters", type=group.value),
            className="break",
        ),
        html.Span(counted(group.letters, "letter"), className="num"),
        html.Span(
            f"from {group.sources[0] or 'unknown'}" + (f" and {more} more" if more > 0 else ""),
            className="dim break",
        ),
        html.Span(moment(group.last_seen_at), className="dim"),
    ]


def _none(view: View) -> Component:
    if view.place.query:
        clear = dcc.Link("Remove all filters", href=routes.to("dead-letters"))
        return empty("dead-letters", "No dead letter matches", clear)
    elsewhere = dcc.Link("Show those of the past", href=routes.to("dead-letters", state=ANY))
    text = ["Input that cannot be taken shows here, with the reason. ", elsewhere]
    return empty("calm", "No refused input is open", text)


def letter_actions(letter: DeadLetter) -> list[dict[str, str]]:
    """What can be done about a letter by who looks at it."""
    actions = [{"do": "open", "text": "View"}]
    if may_act() and letter.state is not LetterState.REPLAYED:
        actions.append({"do": "replay", "text": "Replay"})
        if letter.state is LetterState.OPEN:
            actions.append({"do": "discard", "text": "Discard"})
    return actions


def _row(letter: DeadLetter) -> Mapping[str, Any]:
    door = LETTER_DOORS.get(letter.door, humanized(letter.door))
    last = rfc3339(letter.last_seen_at)
    times = f" · {whole(letter.count)} times" if letter.count > 1 else ""
    owner = humanized(letter.owner) if letter.owner else "Nobody named"
    state, actions = LETTER_STATES[letter.state], letter_actions(letter)
    return {
        "id": letter.id,
        "reason": letter.reason,
        "type": {"text": letter.type or "unknown type", "sub": door},
        "source": letter.source or "unknown",
        "owner": owner,
        "state": state,
        "count": letter.count,
        "last": last,
        "first": rfc3339(letter.first_seen_at),
        "actions": actions,
        "card": {
            "title": letter.reason,
            "pills": [state],
            "lines": [
                [letter.type or door, f" · {letter.source}" if letter.source else ""],
                [{"ago": last}, times, f" · {owner}"],
            ],
            "actions": actions,
        },
    }
