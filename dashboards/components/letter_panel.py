"""What the drawer shows of a refused input: facts, what was sent, acts, history."""

import contextlib
import json
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dashboards.components.panels import act_id
from dashboards.components.pieces import aria, moment, pill
from dashboards.letters import may_act
from dashboards.wording import LETTER_DOORS, LETTER_STATES, humanized, whole
from suture.contracts.dead_letter import LetterAction, LetterState
from suture.store.reading.dead_letters import DeadLetter, LetterEvent

_LONGEST_SHOWN = 100_000
_DID = {
    LetterAction.REFUSED: "tried to replay it; it was refused again",
    LetterAction.REPLAYED: "replayed it",
    LetterAction.DISCARDED: "discarded it",
}


def dead_letter_panel(
    letter: DeadLetter, payload: bytes | None, log: Sequence[LetterEvent], actor: str
) -> Component:
    """A refused input; its payload where that is kept and who looks may see it."""
    title = "What was sent"
    if payload is None:
        why = "the rest is not kept here" if may_act() else "your key may not see the rest"
        title = f"The beginning of what was sent; {why}"
    return html.Div(
        [
            html.Div(pill(LETTER_STATES[letter.state]), className="row"),
            html.P(letter.reason, className="break", style={"fontWeight": 600}),
            *_acts(letter, actor),
            html.Dl(_facts(letter), className="kv"),
            html.H3(title, className="section-title"),
            html.Pre(
                _readable(payload) if payload is not None else letter.preview,
                className="payload mono",
            ),
            html.H3("History", className="section-title"),
            html.Ul([_event(event) for event in log], className="log"),
        ],
        className="stack",
        style={"gap": 16},
    )


def _facts(letter: DeadLetter) -> list[Component]:
    facts: list[Component] = []
    for name, value in (
        ("Type", letter.type),
        ("Source", letter.source or "unknown"),
        ("Event id", letter.event_id),
        ("Owner", humanized(letter.owner) if letter.owner else "Nobody is named for it"),
        ("Came in by", LETTER_DOORS.get(letter.door, humanized(letter.door))),
        ("Seen", f"{whole(letter.count)} times" if letter.count > 1 else "once"),
        ("Size", f"{whole(letter.payload_bytes)} bytes"),
    ):
        if value:
            facts += [html.Dt(name), html.Dd(value)]
    facts += [html.Dt("First seen"), html.Dd(moment(letter.first_seen_at, "at"))]
    facts += [html.Dt("Last seen"), html.Dd(moment(letter.last_seen_at, "at"))]
    return facts


def _acts(letter: DeadLetter, actor: str) -> list[Any]:
    if not may_act() or letter.state is LetterState.REPLAYED:
        return []
    does = [("replay", "Replay")]
    if letter.state is LetterState.OPEN:
        does.append(("discard", "Discard"))
    return [
        dmc.Textarea(
            id="act-text",
            value="",
            placeholder="A remark",
            size="sm",
            autosize=True,
            minRows=1,
            **aria(label="Remark"),
        ),
        html.Div(
            [
                html.Button(text, id=act_id(do, letter.id), className="button", n_clicks=0)
                for do, text in does
            ],
            className="row",
        ),
        dmc.TextInput(id="act-name", value=actor, label="Your name", size="xs", debounce=True),
    ]


def _event(event: LetterEvent) -> Component:
    said: list[Any] = ["It was refused"]
    if event.actor:
        said = [html.Strong(event.actor), f" {_DID[event.action]}"]
    reason = event.reason if event.action is LetterAction.REFUSED else ""
    return html.Li(
        [
            html.Div(said),
            html.Div(reason, className="break dim small") if reason else None,
            html.Div(event.comment, className="break") if event.comment else None,
            html.Div(moment(event.at, "at"), className="dim small"),
        ]
    )


def _readable(payload: bytes) -> str:
    text = payload.decode("utf-8", errors="replace")
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}\n…"
