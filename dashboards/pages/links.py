"""Links: pairs of objects that evidence names and that are no link, and what was decided."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.asking import one_of
from dashboards.components.fields import choice, filters, words
from dashboards.components.grids import column, table
from dashboards.components.links import decision_log, ends, pair_text
from dashboards.components.pieces import aria, card, chip, download, empty, icon, notice
from dashboards.links import object_named
from dashboards.pages.page import Page, View
from dashboards.wording import (
    EVIDENCE_KINDS,
    LINK_STATES,
    counted,
    humanized,
    object_name,
    path_limit,
    process_title,
    whole,
)
from suture.clock import rfc3339
from suture.contracts.links import LinkKey, LinkState
from suture.errors import InvalidQuery
from suture.store.paging import decode_cursor, encode_cursor
from suture.store.reading.links import WAITING, AmbiguousLink

USUAL = "waiting"
"""The usual filter: pairs that nobody decided about."""

ANY = "any"
_AT_ONCE = 50
_DECISIONS_SHOWN = 20


def page(view: View) -> Page:
    """The list of pairs that are no link."""
    return Page(title="Links", head=[_head(view)], live=_live(view))


def link_filter(view: View) -> dict[str, Any]:
    """The filters of the address, as the reader takes them; raises InvalidQuery."""
    state = view.asked("state") or USUAL
    if state == USUAL:
        states: Sequence[LinkState] = WAITING
    elif state == ANY:
        states = list(LinkState)
    else:
        one = one_of(LinkState, {"state": state}, "state")
        states = [one] if one else []
    process = view.asked("process")
    if process is not None and process not in view.services.catalog.processes:
        raise InvalidQuery(f"there is no process {process!r}", field="process")
    return {
        "environment": view.environment,
        "process": process,
        "states": states,
        "about": object_named(view.services.catalog, view.asked("object")),
    }


def _head(view: View) -> Component:
    catalog, asked = view.services.catalog, view.asked
    states = [
        (USUAL, "Waiting"),
        *((state.value, LINK_STATES[state].text) for state in LinkState),
        (ANY, "Any"),
    ]
    processes = [(name, process.title) for name, process in sorted(catalog.processes.items())]
    fields = [
        choice("state", "State", states, asked("state"), usual=USUAL),
        choice("process", "Process", processes, asked("process"), wide=True),
        words("object", "Object", asked("object"), placeholder="requisition:R-10044"),
    ]
    export = html.Div(download(routes.to_export("links", view.place)), className="push")
    title = html.Div([html.H1("Links"), export], className="head")
    used = sum(name in view.place.query for name in ("state", "process", "object"))
    parts = [title, filters(fields, used)]
    if view.asked("environment"):
        gone = routes.with_query(view.place, environment=None, page=None)
        chips = [chip("Environment", view.environment, href=gone)]
        parts.append(html.Div(chips, className="picked"))
    return html.Div(parts)


def _live(view: View) -> list[Any]:
    links = view.services.links
    try:
        wanted = link_filter(view)
        after = _after(view)
    except InvalidQuery as error:
        return [notice(error.message, "bad")]
    found = links.ambiguous(**wanted, limit=_AT_ONCE + 1, after=after)
    counts = links.counts(**{name: wanted[name] for name in ("environment", "process", "about")})
    if found:
        rows = [_row(view, one) for one in found[:_AT_ONCE]]
        total = sum(counts[state] for state in wanted["states"])
        shown = [table("links", _columns(), rows), _pager(view, found, total)]
    else:
        shown = [html.Div(_none(view, counts), className="card")]
    return [*shown, _decisions(view, wanted["process"])]


def _columns() -> list[dict[str, Any]]:
    return [
        column("pair", "Pair", "SutureName", grow=4, sort=False),
        column("state", "State", "SuturePill", width=120),
        column("rivals", "Linked instead", "SutureName", grow=3, least=860),
        column("evidence", "Strongest evidence", "SutureName", grow=2, least=1060),
        column("since", "Named", "SutureTime", width=118),
        column("instances", "Instances", "", width=104, right=True, least=760),
    ]


def _row(view: View, one: AmbiguousLink) -> Mapping[str, Any]:
    title, href = pair_text(one.key), routes.to_link(one.key)
    process = process_title(view.services.catalog, one.key.process)
    state = LINK_STATES[one.state]
    own = one.candidates[0] if one.candidates and one.candidates[0].key == one.key else None
    first = own.evidence[0] if own and own.evidence else None
    since = rfc3339(first.occurred_at) if first else None
    evidence = None
    if own and first:
        more = len(own.evidence) - 1
        sub = f"{first.source} {first.id}".strip() + (f" and {more} more" if more else "")
        kind = EVIDENCE_KINDS.get(first.kind, humanized(first.kind))
        evidence = {"text": kind, "sub": sub}
    return {
        "id": one.key.id,
        "pair": {"text": title, "href": href, "sub": process},
        "state": state,
        "rivals": _instead(one),
        "evidence": evidence,
        "since": since,
        "instances": one.affected,
        "card": {
            "title": title,
            "href": href,
            "pills": [state],
            "lines": [
                [process, f" · {counted(one.affected, 'instance')}"],
                [path_limit(one.path)] if one.state is LinkState.REFUSED else [],
                ["Named ", {"ago": since}] if since else [],
            ],
        },
    }


def _instead(one: AmbiguousLink) -> dict[str, str] | None:
    """What is linked where this pair was refused."""
    linked = [c for c in one.candidates if c.key != one.key and c.state is None]
    limit = path_limit(one.path)
    if not linked:
        return {"text": limit} if one.state is LinkState.REFUSED else None
    instead = linked[0].key
    # What both pairs name stands in the row already.
    others = [x for x, y in zip(ends(instead), ends(one.key), strict=True) if x != y]
    names = ", ".join(object_name(other) for other in others)
    return {"text": names, "href": routes.to_link(instead), "sub": limit}


def _after(view: View) -> LinkKey | None:
    if not (cursor := view.asked("page")):
        return None
    process, x, y = map(str, decode_cursor(cursor, (str, str, str)))
    return LinkKey(process=process, from_object=x, to_object=y)


def _pager(view: View, found: Sequence[AmbiguousLink], total: int) -> Component:
    shown = min(len(found), _AT_ONCE)
    said = counted(total, "pair")
    parts: list[Any] = [
        html.Span(
            f"{whole(shown)} of {said}" if shown < total else said, className="num", id="found"
        )
    ]
    turns = []
    if view.asked("page"):
        first = routes.with_query(view.place, page=None)
        turns.append(
            dcc.Link([icon("previous"), html.Span("First")], href=first, className="button")
        )
    if len(found) > _AT_ONCE:
        last = found[_AT_ONCE - 1].key
        cursor = encode_cursor(last.process, last.from_object, last.to_object)
        href = routes.with_query(view.place, page=cursor)
        turns.append(dcc.Link([html.Span("More"), icon("next")], href=href, className="button"))
    if turns:
        parts.append(html.Div(turns, className="push row"))
    return html.Div(parts, className="pager", **aria(live="polite"))


def _none(view: View, counts: Mapping[LinkState, int]) -> Component:
    if any(view.asked(name) for name in ("state", "process", "object", "page")):
        clear = dcc.Link("Remove all filters", href=routes.to("links"))
        return empty("links", "No pair matches", clear)
    text: list[Any] = ["Pairs that cannot be linked without somebody's word show here. "]
    if blocked := counts[LinkState.BLOCKED]:
        said = f"Show {counted(blocked, 'blocked pair')}"
        text.append(dcc.Link(said, href=routes.to("links", state=LinkState.BLOCKED.value)))
    return empty("calm", "No link waits for a decision", text)


def _decisions(view: View, process: str | None) -> Component:
    """What was decided last, of one process or of all."""
    found = view.services.links.decisions(
        environment=view.environment, process=process, limit=_DECISIONS_SHOWN + 1
    )
    place = routes.Place(page="link-decisions", query=view.place.query)
    aside = [download(routes.to_export("link-decisions", place))] if found else None
    if not found:
        body: Any = html.P("Nobody has decided about a link yet.", className="dim")
    else:
        body = [decision_log(found[:_DECISIONS_SHOWN], linked=True)]
        if len(found) > _DECISIONS_SHOWN:
            said = f"The latest {_DECISIONS_SHOWN} are shown; all of them are in the file."
            body.append(html.P(said, className="dim small", style={"marginTop": 12}))
    made = card("Decisions", body, aside=aside)
    return html.Div(made, style={"marginTop": 20})
