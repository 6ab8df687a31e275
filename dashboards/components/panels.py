"""What the drawer shows: an alert with its history and its acts, or a refused input."""

import contextlib
import json
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.acts import SNOOZES
from dashboards.components.pieces import aria, moment, pill
from dashboards.wording import ALERT_STATES, SEVERITIES, humanized, whole
from suture.contracts.alert import Alert, AlertAction, AlertEvent, AlertState
from suture.contracts.objects import ObjectKey
from suture.definitions.values import format_duration
from suture.store.reading.dead_letters import DeadLetter

_DID = {
    AlertAction.OPENED: "opened it",
    AlertAction.REOPENED: "opened it again",
    AlertAction.ACKNOWLEDGED: "acknowledged it",
    AlertAction.ASSIGNED: "assigned it to",
    AlertAction.COMMENTED: "said",
    AlertAction.SNOOZED: "snoozed it",
    AlertAction.RESOLVED: "resolved it",
}


def alert_panel(alert: Alert, log: Sequence[AlertEvent], actor: str) -> Component:
    """An alert: what it is about, what can be done, what was done."""
    anchor = ObjectKey.decode(alert.anchor)
    link = dcc.Link(
        f"{humanized(anchor.type)} {anchor.id}", href=routes.to_instance(alert.process, anchor)
    )
    facts = [
        html.Dt("Instance"),
        html.Dd(link),
        html.Dt("Rule"),
        html.Dd(humanized(alert.sla)),
        html.Dt("Owner"),
        html.Dd(humanized(alert.owner)),
        html.Dt("Opened"),
        html.Dd(moment(alert.opened_at, "at")),
    ]
    if alert.breached_at:
        facts += [html.Dt("Breached"), html.Dd(moment(alert.breached_at, "at"))]
    if alert.assignee:
        facts += [html.Dt("Assigned to"), html.Dd(alert.assignee)]
    if alert.snoozed_until:
        facts += [html.Dt("Snoozed until"), html.Dd(moment(alert.snoozed_until, "at"))]
    return html.Div(
        [
            html.Div(
                [pill(SEVERITIES[alert.severity]), pill(ALERT_STATES[alert.state])], className="row"
            ),
            html.P(alert.reason, className="break") if alert.reason else None,
            html.Dl(facts, className="kv"),
            *_acts(alert, actor),
            html.H3("History", className="section-title"),
            html.Ul([_event(event) for event in log], className="log"),
        ],
        className="stack",
        style={"gap": 16},
    )


def act_id(do: str, alert_id: str) -> dict[str, str]:
    """The id of a button that does something to an alert."""
    return {"type": "act", "do": do, "id": alert_id}


def _acts(alert: Alert, actor: str) -> list[Any]:
    def button(do: str, text: str) -> Component:
        return html.Button(text, id=act_id(do, alert.id), className="button", n_clicks=0)

    text = dmc.Textarea(
        id="act-text",
        value="",
        placeholder="A remark, or the name of whom it is assigned to",
        size="sm",
        autosize=True,
        minRows=1,
        **aria(label="Remark or name"),
    )
    name = dmc.TextInput(id="act-name", value=actor, label="Your name", size="xs", debounce=200)
    if alert.state is AlertState.RESOLVED:
        return [text, html.Div(button("comment", "Comment"), className="row"), name]
    first = [button("ack", "Acknowledge")] if alert.state is AlertState.FIRING else []
    return [
        text,
        html.Div(
            [
                *first,
                button("assign", "Assign"),
                button("comment", "Comment"),
                button("resolve", "Resolve"),
            ],
            className="row",
        ),
        html.Div(
            [
                html.Span("Snooze for", className="dim small"),
                *(
                    button(f"snooze:{int(span.total_seconds())}", format_duration(span))
                    for span in SNOOZES
                ),
            ],
            className="row",
        ),
        name,
    ]


def _event(event: AlertEvent) -> Component:
    said = _DID.get(event.action, event.action.value)
    tail: list[Any] = []
    if event.assignee:
        tail.append(f" {event.assignee}")
    if event.until:
        tail += [" until ", moment(event.until, "at")]
    line = [html.Strong(event.actor), f" {said}", *tail]
    when = html.Div(moment(event.at, "at"), className="dim small")
    comment = html.Div(event.comment, className="break") if event.comment else None
    return html.Li([html.Div(line), comment, when])


def dead_letter_panel(letter: DeadLetter, payload: bytes | None) -> Component:
    """A refused input with its payload, where that is still kept."""
    facts = []
    for name, value in (
        ("Type", letter.type),
        ("Source", letter.source),
        ("Event id", letter.event_id),
        ("Owner", humanized(letter.owner)),
        ("Door", humanized(letter.door)),
        ("Seen", f"{whole(letter.count)} times" if letter.count > 1 else "once"),
        ("Size", f"{whole(letter.payload_bytes)} bytes"),
    ):
        if value:
            facts += [html.Dt(name), html.Dd(value)]
    facts += [html.Dt("First seen"), html.Dd(moment(letter.first_seen_at, "at"))]
    facts += [html.Dt("Last seen"), html.Dd(moment(letter.last_seen_at, "at"))]
    kept = payload is not None
    title = "What was sent" if kept else "The beginning of what was sent; the rest is not kept"
    return html.Div(
        [
            html.P(letter.reason, className="break", style={"fontWeight": 600}),
            html.Dl(facts, className="kv"),
            html.H3(title, className="section-title"),
            html.Pre(
                _readable(payload) if payload is not None else letter.preview,
                className="payload mono",
            ),
        ],
        className="stack",
        style={"gap": 16},
    )


_LONGEST_SHOWN = 100_000


def _readable(payload: bytes) -> str:
    text = payload.decode("utf-8", errors="replace")
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}\n…"
