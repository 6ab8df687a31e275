"""Alerts: what needs somebody now, most severe first; acknowledged from the row."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import asking, routes
from dashboards.components.fields import choice, filters
from dashboards.components.grids import column, table
from dashboards.components.pieces import download, empty, notice
from dashboards.pages.page import Page, View
from dashboards.wording import (
    ALERT_STATES,
    SEVERITIES,
    Label,
    counted,
    humanized,
    process_title,
)
from suture.clock import rfc3339
from suture.contracts.alert import Alert, AlertState, Severity
from suture.contracts.objects import ObjectKey
from suture.errors import InvalidQuery
from suture.store.alerts import alert_page

OPEN = "open"
"""The usual filter: what is not resolved."""

MOST = 1000
_SEVERITIES = list(Severity)


def page(view: View) -> Page:
    """The list of alerts."""
    return Page(title="Alerts", head=[_head(view)], live=_live(view))


def _head(view: View) -> Component:
    catalog, asked = view.services.catalog, view.asked
    states = [
        (OPEN, "Open"),
        *((s.value, ALERT_STATES[s].text) for s in AlertState),
        ("any", "Any"),
    ]
    owners = sorted(catalog.owners.teams)
    fields = [
        choice("state", "State", states, asked("state"), usual=OPEN),
        choice(
            "severity",
            "Severity",
            [(s.value, SEVERITIES[s].text) for s in reversed(_SEVERITIES)],
            asked("severity"),
        ),
        choice(
            "process",
            "Process",
            [(name, process.title) for name, process in sorted(catalog.processes.items())],
            asked("process"),
            wide=True,
        ),
        choice("owner", "Owner", [(team, humanized(team)) for team in owners], asked("owner")),
    ]
    export = html.Div(download(routes.to_export("alerts", view.place)), className="push")
    return html.Div(
        [
            html.Div([html.H1("Alerts"), export], className="head"),
            filters(fields, len(view.place.query)),
        ]
    )


def _live(view: View) -> list[Any]:
    try:
        found = chosen_alerts(view)
    except InvalidQuery as error:
        return [notice(error.message, "bad")]
    if not found:
        return [html.Div(_none(view), className="card")]
    shown = counted(len(found), "alert")
    if len(found) >= MOST:
        shown = f"the latest {shown}"
    count = html.Div(html.Span(shown, className="num", id="found"), className="pager")
    columns = [
        column("severity", "Severity", "SuturePill", width=122),
        column("title", "Alert", "SutureName", grow=5, wrap=True),
        column("process", "Process", "SutureText", grow=2, least=1500),
        column("owner", "Owner", "SutureName", grow=2, least=860),
        column("age", "Age", "SutureTime", width=112),
        column("state", "State", "SuturePill", width=164),
        column("actions", "", "SutureActions", width=226, sort=False),
    ]
    return [table("alerts", columns, [_row(view, alert) for alert in found], height=66), count]


def chosen_alerts(view: View) -> list[Alert]:
    """The alerts under the filters of the address, most severe first; at most `MOST`."""
    query = view.place.query
    state = query.get("state") or OPEN
    if state in (OPEN, "any"):
        states = [AlertState.FIRING, AlertState.ACKNOWLEDGED] if state == OPEN else []
    else:
        one = asking.one_of(AlertState, query, "state")
        states = [one] if one else []
    severity = asking.one_of(Severity, query, "severity")
    page = alert_page(view.services.store, environment=view.environment, states=states, limit=MOST)
    found = [
        alert
        for alert in page.items
        if (severity is None or alert.severity is severity)
        and query.get("process") in (None, "", alert.process)
        and query.get("owner") in (None, "", alert.owner)
    ]
    return sorted(found, key=_urgency)


def _urgency(alert: Alert) -> tuple[int, int, float]:
    """Firing before looked after before over; then the most severe; then the oldest."""
    state = list(AlertState).index(alert.state)
    age = alert.opened_at.timestamp()
    if alert.state is AlertState.RESOLVED:
        return state, 0, -age
    return state, -_SEVERITIES.index(alert.severity), age


def _row(view: View, alert: Alert) -> Mapping[str, Any]:
    anchor = ObjectKey.decode(alert.anchor)
    state, severity = ALERT_STATES[alert.state], SEVERITIES[alert.severity]
    href = routes.to_instance(alert.process, anchor)
    process = process_title(view.services.catalog, alert.process)
    about = f"{humanized(anchor.type)} {anchor.id}"
    who = _who(alert)
    actions = _actions(alert.state)
    return {
        "id": alert.id,
        "severity": severity,
        "title": {"text": alert.title, "href": href, "sub": alert.reason or about},
        "process": process,
        "owner": {"text": humanized(alert.owner), "sub": who},
        "age": rfc3339(alert.opened_at),
        "state": _snoozed(view, alert) or state,
        "actions": actions,
        "card": {
            "title": alert.title,
            "href": href,
            "pills": [severity, _snoozed(view, alert) or state],
            "lines": [
                [alert.reason or about],
                [{"ago": rfc3339(alert.opened_at)}, f" · {humanized(alert.owner)}"]
                + ([f" · {who}"] if who else []),
            ],
            "actions": actions,
        },
    }


def _who(alert: Alert) -> str:
    if alert.assignee:
        return f"with {alert.assignee}"
    return f"taken by {alert.acknowledged_by}" if alert.acknowledged_by else ""


def _snoozed(view: View, alert: Alert) -> Label | None:
    if alert.snoozed_until and alert.snoozed_until > view.now:
        return Label("Snoozed", "idle")
    return None


def _actions(state: AlertState) -> Sequence[Mapping[str, str]]:
    details = {"do": "open", "text": "Details"}
    if state is AlertState.FIRING:
        return [{"do": "ack", "text": "Acknowledge"}, details]
    return [details]


def _none(view: View) -> Component:
    if (view.asked("state") or OPEN) in (OPEN, "firing") and len(view.place.query) <= 1:
        return empty("calm", "Nothing needs you now", "No alert is open.")
    clear = dcc.Link("Remove all filters", href=routes.to("alerts"))
    return empty("alerts", "No alert matches", clear)
