"""Alerts: what needs somebody now, most severe first; acknowledged from the row.

A page at a time, in the order of urgency over all that match.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import asking, routes
from dashboards.alert_causes import largest_parts
from dashboards.causes import cause_title, step_title
from dashboards.components.fields import choice, filters
from dashboards.components.grids import column, table
from dashboards.components.pager import Turn, pager
from dashboards.components.pieces import download, empty, notice
from dashboards.pages.page import Page, View
from dashboards.reasons import named
from dashboards.wording import (
    ALERT_STATES,
    SEVERITIES,
    Label,
    humanized,
    milestone_titles,
)
from suture.clock import rfc3339
from suture.contracts.alert import Alert, AlertState, Severity
from suture.contracts.attribution import LargestPart
from suture.contracts.objects import ObjectKey
from suture.errors import InvalidQuery
from suture.store.alerts import alert_total, urgent_alerts

PAGE_SIZE = 50
_ROOMY = 1020
"""The width of the table from which owner, cause and step have columns; below it they stand under
the reason (`cell-more`)."""


def page(view: View) -> Page:
    """The list of alerts."""
    return Page(title="Alerts", head=[_head(view)], live=_live(view))


def _head(view: View) -> Component:
    catalog, asked = view.services.catalog, view.asked
    states = [
        (asking.OPEN_ALERTS, "Open"),
        *((s.value, ALERT_STATES[s].text) for s in AlertState),
        (asking.ANY, "Any"),
    ]
    owners = sorted(catalog.owners.teams)
    fields = [
        choice("state", "State", states, asked("state"), usual=asking.OPEN_ALERTS),
        choice(
            "severity",
            "Severity",
            [(s.value, SEVERITIES[s].text) for s in reversed(Severity)],
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
            filters(fields, len(_chosen(view))),
        ]
    )


def _live(view: View) -> list[Any]:
    store = view.services.store
    try:
        wanted = asking.alert_filter(
            view.services.catalog, view.place.query, environment=view.environment
        )
    except InvalidQuery as error:
        return [notice(error.message, "bad")]
    turn = Turn.asked(view.place.query, size=PAGE_SIZE, total=alert_total(store, wanted))
    found = urgent_alerts(store, wanted, limit=turn.size, offset=turn.offset)
    if not found:
        return [html.Div(_none(view), className="card")]
    parts = largest_parts(view.services, view.environment, found)
    rows = [_row(view, alert, parts.get(alert.id)) for alert in found]
    # Not by time but by urgency, so the way on is neither newer nor older.
    turns = pager(view.place, turn, "alert", back="Previous", on="Next")
    return [table("alerts", _columns(whole=turn.last == 1), rows), turns]


def _columns(*, whole: bool) -> list[dict[str, Any]]:
    """The columns; they sort only where all rows are there, since a part in order misleads."""
    title: dict[str, Any] = {"grow": 7, "tall": True, "wrap": True}
    cause: dict[str, Any] = {"grow": 4, "tall": True, "least": _ROOMY}
    owner: dict[str, Any] = {"grow": 2, "wrap": True, "least": _ROOMY}
    return [
        column("severity", "Severity", "SuturePill", width=122, sort=whole),
        column("title", "Alert", "SutureName", sort=whole, **title),
        column("cause", "Most time went to", "SutureCause", sort=whole, **cause),
        column("owner", "Owner", "SutureName", sort=whole, **owner),
        column("breached", "Breached", "SutureInstant", width=116, sort=whole),
        column("state", "State", "SuturePill", width=160, sort=whole),
        column("actions", "", "SutureActions", width=228, sort=False),
    ]


def _row(view: View, alert: Alert, part: LargestPart | None) -> Mapping[str, Any]:
    anchor = ObjectKey.decode(alert.anchor)
    state, severity = ALERT_STATES[alert.state], SEVERITIES[alert.severity]
    href = routes.to_instance(alert.process, anchor)
    breached = rfc3339(alert.breached_at or alert.opened_at)
    cause = _cause(view, alert, part)
    spent = f"Most time: {cause['text']} · {cause['sub']}" if cause else ""
    about = f"{humanized(anchor.type)} {anchor.id}"
    why = named(alert.reason, milestone_titles(view.services.catalog, alert.process)) or about
    who = _who(alert)
    more = " · ".join(filter(None, (humanized(alert.owner), who, spent)))
    actions = _actions(alert.state)
    return {
        "id": alert.id,
        "severity": severity,
        "title": {"text": alert.title, "href": href, "sub": why, "more": more},
        "cause": cause,
        "owner": {"text": humanized(alert.owner), "sub": who},
        "breached": breached,
        "state": _snoozed(view, alert) or state,
        "actions": actions,
        "card": {
            "title": alert.title,
            "href": href,
            "pills": [severity, _snoozed(view, alert) or state],
            "lines": [
                [why],
                *([[spent]] if spent else []),
                ["Breached ", {"ago": breached}, f" · {humanized(alert.owner)}"]
                + ([f" · {who}"] if who else []),
            ],
            "actions": actions,
        },
    }


def _cause(view: View, alert: Alert, part: LargestPart | None) -> Mapping[str, str] | None:
    if part is None:
        return None
    titles = milestone_titles(view.services.catalog, alert.process)
    step = step_title(part.from_milestone, part.to_milestone, titles)
    return {"kind": part.cause.value, "text": cause_title(part.cause), "sub": step}


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
    if not _chosen(view) - {"environment"}:
        return empty("calm", "Nothing needs you now", "No alert is open.")
    clear = dcc.Link("Remove all filters", href=routes.to("alerts"))
    return empty("alerts", "No alert matches", clear)


def _chosen(view: View) -> set[str]:
    """The filters that are not at their usual value."""
    usual = {("state", asking.OPEN_ALERTS)}
    query = {(name, value) for name, value in view.place.query.items() if value}
    return {name for name, _ in query - usual} - {"page"}
