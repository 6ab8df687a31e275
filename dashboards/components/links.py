"""Pairs of objects: candidates side by side with their evidence, and what people said of them."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.components.pieces import aria, moment, pill
from dashboards.wording import (
    EVIDENCE_KINDS,
    LINK_STATES,
    LINKED,
    counted,
    humanized,
    object_name,
)
from suture.contracts.links import DecisionAction, LinkKey, LinkState
from suture.contracts.objects import ObjectKey
from suture.store.reading.links import Candidate, LinkDecision, LinkEvidence

_MOST_EVIDENCE = 12
_MOST_LINKS = 5
_DID = {
    DecisionAction.ACCEPT: "linked them",
    DecisionAction.BLOCK: "kept them apart",
    DecisionAction.SPLIT: "split them off",
    DecisionAction.UNDO: "took a decision back",
}


def ends(key: LinkKey) -> tuple[ObjectKey, ObjectKey]:
    """The two objects of a pair."""
    return ObjectKey.decode(key.from_object), ObjectKey.decode(key.to_object)


def pair_text(key: LinkKey) -> str:
    """A pair as one line: Purchase order P-77 → Invoice I-3."""
    return " → ".join(object_name(end) for end in ends(key))


def pair(key: LinkKey) -> list[Component]:
    """A pair with an arrow between, which breaks between its objects."""
    first, second = (html.Span(object_name(end), className="break") for end in ends(key))
    return [first, html.Span("→", className="arrow"), second]


def candidate_cards(candidates: Sequence[Candidate], asked: LinkKey) -> Component:
    """Each candidate with all that supports it, the one that is asked about first."""
    return html.Ul([_candidate(one, asked) for one in candidates], className="rivals")


def _candidate(one: Candidate, asked: LinkKey) -> Component:
    own = one.key == asked
    state = LINKED if one.state is None else LINK_STATES[one.state]
    names = pair(one.key)
    title = (
        html.Div(names, className="rival-name")
        if own
        else dcc.Link(names, href=routes.to_link(one.key), className="rival-name")
    )
    shown = [_evidence(found) for found in one.evidence[:_MOST_EVIDENCE]]
    rest = len(one.evidence) - len(shown)
    if rest:
        said = f"{counted(rest, 'further piece')} of evidence"
        shown.append(html.Li(said, className="dim small"))
    if not shown:
        shown.append(html.Li("Nothing names it any more.", className="dim small"))
    head = [pill(state), html.Span("this pair", className="dim small") if own else None]
    body = [html.Div(head, className="row"), title, html.Ul(shown, className="log evidence-log")]
    return html.Li(body, className="rival own" if own else "rival")


def _evidence(found: LinkEvidence) -> Component:
    said = EVIDENCE_KINDS.get(found.kind, humanized(found.kind))
    where: Any = html.Span(f"{found.source} {found.id}".strip(), className="mono break")
    if found.kind == "trace":
        trace = found.id.partition(":")[0]
        where = dcc.Link(found.id, href=routes.to_trace(trace), className="mono break")
    if found.kind == "operator":
        where = html.Span(found.source, className="break")
    unsure = (
        html.Div("It names several objects of these types, so it decides nothing.", className="dim")
        if found.unsure
        else None
    )
    return html.Li(
        [
            html.Div(html.Strong(said)),
            html.Div(where),
            unsure,
            html.Div(moment(found.occurred_at, "at"), className="dim"),
        ],
        className="small",
    )


def decide_form(key: LinkKey) -> Component:
    """What can be said about a pair, and why; it stays while what is below goes with the time."""
    first, second = ends(key)

    def act(do: str, text: str, said: str, look: str = "") -> Component:
        button = html.Button(
            text, id=decision_id(do, key), className=f"button {look}".strip(), n_clicks=0
        )
        return html.Div([button, html.Span(said, className="dim small")], className="decide-act")

    reason = dmc.Textarea(
        id="link-reason",
        value="",
        placeholder="Why, for whoever looks at it later",
        size="sm",
        autosize=True,
        minRows=2,
        label="Reason",
    )
    name = dmc.TextInput(
        id="link-name",
        value="",
        label="Your name",
        placeholder="as in your key",
        size="sm",
        persistence=True,
        persistence_type="local",
    )
    acts = [
        act("accept", "Link them", "whatever else names either of them", "primary"),
        act("block", "Keep them apart", "whatever names them together"),
        act(
            "split:to",
            f"Split off {humanized(second.type).lower()}",
            f"from every {humanized(first.type).lower()} it is named with by now",
        ),
        act(
            "split:from",
            f"Split off {humanized(first.type).lower()}",
            f"from every {humanized(second.type).lower()} it is named with by now",
        ),
    ]
    return html.Div(
        [
            html.Div([reason, name], className="stack decide-said"),
            html.Div(acts, className="decide-acts"),
        ],
        className="decide",
    )


def decision_id(do: str, key: LinkKey) -> dict[str, str]:
    """The id of a button that says something about a pair."""
    return {"type": "link-act", "do": do, "id": key.id}


def decision_log(
    decisions: Sequence[LinkDecision],
    *,
    undone: LinkKey | None = None,
    standing: LinkDecision | None = None,
    linked: bool = False,
) -> Component:
    """Decisions, latest first; `linked` names their pairs, `undone` is what a button would undo."""
    by_id = {one.id: one for one in decisions}
    return html.Ul(
        [
            _decision(
                one,
                by_id,
                linked=linked,
                undo=undone if standing and one.id == standing.id else None,
            )
            for one in decisions
        ],
        className="log",
    )


def _decision(
    one: LinkDecision, others: dict[str, LinkDecision], *, linked: bool, undo: LinkKey | None
) -> Component:
    of = others.get(one.undoes or "")
    did = f"took back that {of.actor} {_DID[of.action]}" if of else _DID[one.action]
    line: list[Any] = [html.Strong(one.actor), f" {did}"]
    if one.undone_by:
        by = others.get(one.undone_by)
        line.append(html.Span(f" · undone by {by.actor}" if by else " · undone", className="dim"))
    parts: list[Any] = [html.Div(line)]
    if linked:
        parts += [
            html.Div(dcc.Link(pair(key), href=routes.to_link(key), className="rival-name"))
            for key in one.links[:_MOST_LINKS]
        ]
        if len(one.links) > _MOST_LINKS:
            more = counted(len(one.links) - _MOST_LINKS, "more pair")
            parts.append(html.Div(f"and {more}", className="dim small"))
    elif len(one.links) > 1:
        parts.append(html.Div(f"with {counted(len(one.links), 'pair')} in all", className="dim"))
    if one.reason:
        parts.append(html.Div(one.reason, className="break"))
    foot: list[Any] = [html.Span(moment(one.at, "at"), className="dim small")]
    if undo is not None:
        foot.append(
            html.Button(
                "Undo",
                id=decision_id("undo", undo),
                className="button small-button",
                n_clicks=0,
                **aria(label=f"Undo that {one.actor} {_DID[one.action]}"),
            )
        )
    parts.append(html.Div(foot, className="row"))
    return html.Li(parts, className="was" if one.undone_by else "")


def unlinked_list(pairs: Sequence[tuple[LinkKey, LinkState]]) -> Component:
    """Pairs that are no link, each with the way to its page."""
    lines = [
        html.Li(
            [
                pill(LINK_STATES[state]),
                dcc.Link(pair(key), href=routes.to_link(key), className="rival-name"),
            ],
            className="row",
        )
        for key, state in pairs
    ]
    return html.Ul(lines, className="unlinked")
