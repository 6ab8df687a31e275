"""What the drawer shows of an alert: its history and its acts. Of letters: `letter_panel`."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboards import routes
from dashboards.acts import SNOOZES
from dashboards.causes import cause_title, step_title
from dashboards.components.pieces import aria, moment, pill, sentence
from dashboards.reasons import named
from dashboards.wording import ALERT_STATES, SEVERITIES, humanized, seconds
from suture.contracts.alert import PLATFORM, Alert, AlertAction, AlertEvent, AlertState
from suture.contracts.attribution import LargestPart
from suture.contracts.objects import ObjectKey
from suture.definitions.values import format_duration

_MICROS = 1_000_000
_DID = {
    AlertAction.OPENED: "opened it",
    AlertAction.REOPENED: "opened it again",
    AlertAction.ACKNOWLEDGED: "acknowledged it",
    AlertAction.ASSIGNED: "assigned it to",
    AlertAction.COMMENTED: "said",
    AlertAction.SNOOZED: "snoozed it",
    AlertAction.RESOLVED: "resolved it",
}


def alert_panel(
    alert: Alert,
    log: Sequence[AlertEvent],
    actor: str,
    *,
    part: LargestPart | None,
    titles: Mapping[str, str],
) -> Component:
    """An alert: what it is about, what can be done, what was done.

    `part` is what most of its clock's time went to; `titles` are those of the process's milestones.
    """
    reason = sentence(named(alert.reason, titles))
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
    ]
    if alert.breached_at:
        facts += [html.Dt("Breached"), html.Dd(moment(alert.breached_at, "at"))]
    facts += [html.Dt("Opened"), html.Dd(moment(alert.opened_at, "at")), *_cause(part, titles)]
    if alert.assignee:
        facts += [html.Dt("Assigned to"), html.Dd(alert.assignee)]
    if alert.snoozed_until:
        facts += [html.Dt("Snoozed until"), html.Dd(moment(alert.snoozed_until, "at"))]
    return html.Div(
        [
            html.Div(
                [pill(SEVERITIES[alert.severity]), pill(ALERT_STATES[alert.state])], className="row"
            ),
            html.P(reason, className="break") if reason else None,
            html.Dl(facts, className="kv"),
            *_acts(alert, actor),
            html.H3("History", className="section-title"),
            html.Ul([_event(event, titles) for event in log], className="log"),
        ],
        className="stack",
        style={"gap": 16},
    )


def _cause(part: LargestPart | None, titles: Mapping[str, str]) -> list[Component]:
    if part is None:
        return [html.Dt("Most time went to"), html.Dd("Not attributed yet", className="dim")]
    where = f" ({humanized(part.system)})" if part.system else ""
    spent, whole = seconds(part.micros / _MICROS), seconds(part.whole / _MICROS)
    # What is worded alike need not be all of it.
    almost = "All" if part.micros == part.whole else "Almost all"
    dot = html.Span(className=f"cause-dot cause-{part.cause.value}")
    return [
        html.Dt("Most time went to"),
        html.Dd([dot, f"{cause_title(part.cause)}{where}"], className="cell-cause"),
        html.Dt("In the step"),
        html.Dd(step_title(part.from_milestone, part.to_milestone, titles)),
        html.Dt("For"),
        html.Dd(f"{almost if spent == whole else spent} of {whole}"),
    ]


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
    name = dmc.TextInput(id="act-name", value=actor, label="Your name", size="xs", debounce=True)
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


def _event(event: AlertEvent, titles: Mapping[str, str]) -> Component:
    said = _DID.get(event.action, event.action.value)
    tail: list[Any] = []
    if event.assignee:
        tail.append(f" {event.assignee}")
    if event.until:
        tail += [" until ", moment(event.until, "at")]
    line = [html.Strong(event.actor), f" {said}", *tail]
    when = html.Div(moment(event.at, "at"), className="dim small")
    own = event.actor == PLATFORM
    words = sentence(named(event.comment, titles)) if own else event.comment
    comment = html.Div(words, className="break") if words else None
    return html.Li([html.Div(line), comment, when])
