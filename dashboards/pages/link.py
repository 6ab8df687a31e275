"""One pair of objects: why it is no link, its rivals side by side, and what people say of it."""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.components.links import (
    candidate_cards,
    decide_form,
    decision_log,
    ends,
    pair,
    pair_text,
)
from dashboards.components.pieces import card, crumbs, empty, notice, pill
from dashboards.letters import may_act
from dashboards.links import link_named
from dashboards.pages.missing import nothing
from dashboards.pages.page import Page, View
from dashboards.wording import (
    LINK_STATES,
    LINKED,
    counted,
    object_name,
    path_limit,
    process_title,
)
from suture.contracts.links import DecisionAction, LinkKey, LinkState
from suture.contracts.objects import ObjectKey
from suture.contracts.process import EvidenceKind
from suture.definitions.process import Cardinality, Path
from suture.errors import NotFound
from suture.store.link_decisions import counting
from suture.store.reading.links import Candidate, LinkDecision

_INSTANCES_SHOWN = 24


def page(view: View) -> Page:
    """The page of one pair."""
    (id_,) = view.place.arguments
    try:
        key = link_named(id_)
    except NotFound as error:
        return nothing("No such pair", error.message)
    links = view.services.links
    own, rivals = links.candidate(key)
    decisions = links.decisions_about(key)
    if own is None and not decisions:
        return nothing("No such pair", "Nothing names these two objects together.")
    own = own or Candidate(key=key, state=None, evidence=())
    return Page(
        title=f"{pair_text(key)} · Links",
        head=[_head(view, key)],
        tail=_form(view, key),
        live=[html.Div(_parts(view, own, rivals, decisions), className="stack")],
    )


def _head(view: View, key: LinkKey) -> Component:
    title = process_title(view.services.catalog, key.process)
    return html.Div(
        [
            crumbs(("Links", routes.to("links")), (title, routes.to("links", process=key.process))),
            html.Div(html.H1(pair(key), className="rival-name"), className="head"),
        ]
    )


def _form(view: View, key: LinkKey) -> list[Component]:
    if not may_act() or view.services.links.path_of(key) is None:
        return []
    made = card("What do you know about it?", decide_form(key))
    return [html.Div(made, className="beside")]


def _parts(
    view: View, own: Candidate, rivals: list[Candidate], decisions: list[LinkDecision]
) -> list[Any]:
    path = view.services.links.path_of(own.key)
    standing = counting(decisions)
    latest_first = list(reversed(decisions))
    undo = own.key if may_act() else None
    history: Any = (
        decision_log(latest_first, undone=undo, standing=standing)
        if decisions
        else html.P("Nobody has decided about this pair.", className="dim")
    )
    several = counted(len(rivals), "rival") if rivals else "no rival"
    return [
        *_waiting(own, standing),
        _facts(own, path),
        card(
            "What names them",
            candidate_cards([own, *rivals], own.key),
            aside=html.Span(several, className="dim small"),
            flush=True,
        ),
        html.Div([_instances(view, own.key), card("Decisions", history)], className="halves"),
    ]


def _facts(own: Candidate, path: Path | None) -> Component:
    state = LINK_STATES[own.state] if own.state else LINKED if own.evidence else None
    facts = [
        pill(state, large=True),
        html.P(_why(own, path), className="link-why"),
    ]
    return html.Div(facts, className="row")


def _why(own: Candidate, path: Path | None) -> str:
    """Why it is a link or none, in a sentence."""
    if path is None:
        return "No version of the process declares a path between these two any more."
    if own.state is LinkState.REFUSED:
        if path.cardinality is Cardinality.MANY_TO_MANY:
            return "Another pair ranks before it."
        return f"{path_limit(path)}, and another pair ranks before this one."
    if own.state is LinkState.UNSURE:
        return (
            "A trace names several objects of these types, and cannot tell which belong together."
        )
    if own.state is LinkState.BLOCKED:
        return "Somebody keeps them apart, whatever names them together."
    if not own.evidence:
        return "Nothing names them together any more."
    if own.evidence[0].kind == EvidenceKind.OPERATOR:
        return "Somebody says that they belong together."
    return "What names them together is enough, and no rival ranks before it."


def _waiting(own: Candidate, standing: LinkDecision | None) -> list[Component]:
    """Says that a decision is not yet stitched in."""
    if standing is None:
        behind = own.state is LinkState.BLOCKED
    elif standing.action is DecisionAction.ACCEPT:
        behind = own.state is not None
    else:
        behind = own.state is not LinkState.BLOCKED
    if not behind:
        return []
    return [notice("What was decided takes effect within seconds.", "info")]


def _instances(view: View, key: LinkKey) -> Component:
    found = view.services.links.bearing(key, limit=_INSTANCES_SHOWN + 1)
    first, second = (object_name(end) for end in ends(key))
    if not found:
        return card("Instances", empty("instances", "None", "No instance reaches either object."))
    chips = [_instance(key.process, anchor) for anchor in found[:_INSTANCES_SHOWN]]
    said = html.P(f"They reach {first} or {second}.", className="dim small")
    body: list[Any] = [said, html.Div(chips, className="row", style={"marginTop": 10})]
    many = len(found) > _INSTANCES_SHOWN
    if many:
        by_object = routes.to("instances", process=key.process, object=_object_text(ends(key)[1]))
        body.append(
            html.P(dcc.Link(f"All that reach {second}", href=by_object), style={"marginTop": 10})
        )
    shown = f"more than {_INSTANCES_SHOWN}" if many else str(len(found))
    return card("Instances", body, aside=html.Span(shown, className="dim small"))


def _instance(process: str, anchor: ObjectKey) -> Component:
    href = routes.to_instance(process, anchor)
    return dcc.Link(object_name(anchor), href=href, className="chip")


def _object_text(key: ObjectKey) -> str:
    return f"{key.type}:{key.id}"
