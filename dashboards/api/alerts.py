"""Alerts: lists, one with its history, and what can be done about it."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from dashboards.alert_causes import with_cause, with_causes
from dashboards.api.parameters import PageParameters, Parameters, Time, require_declared
from dashboards.api.problems import documented
from dashboards.api.shapes import ObjectShape, Shape
from dashboards.services import Services
from suture.contracts.alert import Alert, AlertAction, AlertEvent, AlertState, Severity
from suture.contracts.objects import ObjectKey
from suture.errors import NotFound
from suture.store import alerts as store_alerts

ANONYMOUS = "api"
"""Who acts where a call names nobody: one key has no names."""


class AlertShape(Shape):
    """One alert as it stands."""

    id: str
    state: AlertState
    process: str
    sla: str
    anchor: ObjectShape
    severity: Severity
    title: str
    reason: str
    owner: str
    cause: str | None = Field(
        description=(
            "What most of the time of its clock went to, until it stopped, the alert was resolved"
            " or now; null until that is attributed."
        )
    )
    step: str | None = Field(
        description="In which step: `from -> to`, or `from ->` for the one that still runs."
    )
    members_count: int
    opened_at: datetime
    breached_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    assignee: str | None
    acknowledged_by: str | None
    snoozed_until: datetime | None


class AlertEventShape(Shape):
    """Something that happened to an alert."""

    at: datetime
    action: AlertAction
    actor: str
    comment: str
    assignee: str | None
    until: datetime | None


class AlertDetail(AlertShape):
    """An alert with all that ever happened to it, oldest first."""

    events: list[AlertEventShape]


class AlertList(Shape):
    """A page of alerts, latest opening first."""

    items: list[AlertShape]
    next_cursor: str | None


class AlertQuery(PageParameters):
    """Filters of the list."""

    state: AlertState | None = None
    severity: Severity | None = None
    process: str | None = Field(default=None, description="Of one process.")
    owner: str | None = Field(default=None, description="The team it is addressed to.")
    sla: str | None = Field(default=None, description="Of one rule.")


class Act(BaseModel):
    """Who does something about an alert, and a remark."""

    model_config = ConfigDict(extra="forbid")

    actor: str = Field(default=ANONYMOUS, min_length=1, max_length=200)
    comment: str = Field(default="", max_length=4000)


class Assignment(Act):
    """To whom it is given."""

    assignee: str = Field(min_length=1, max_length=200)


class Remark(Act):
    """What is to be remembered."""

    comment: str = Field(min_length=1, max_length=4000)


class Snooze(Act):
    """Until when it is to be quiet: an instant, or a number of seconds from now."""

    until: Time | None = None
    seconds: float | None = Field(default=None, gt=0, le=366 * 86400)

    @model_validator(mode="after")
    def _one_of_them(self) -> "Snooze":
        if (self.until is None) == (self.seconds is None):
            raise ValueError("give either until or seconds")
        return self


def router(services: Services) -> APIRouter:
    """The calls about alerts."""
    api = APIRouter(tags=["alerts"])
    _add_reads(api, services)
    _add_actions(api, services)
    return api


def _add_reads(api: APIRouter, services: Services) -> None:
    @api.get("/alerts", responses=documented(400, 401))
    def alerts(query: Annotated[AlertQuery, Query()]) -> AlertList:
        """A page of alerts, latest opening first."""
        wanted = _wanted(services, query)
        page = store_alerts.alert_page(
            services.store, wanted, limit=query.limit, cursor=query.cursor
        )
        explained = with_causes(services, wanted.environment, page.items)
        items = [AlertShape(**_fields(alert)) for alert in explained]
        return AlertList(items=items, next_cursor=page.next_cursor)

    @api.get("/alerts/{id}", responses=documented(400, 401, 404))
    def alert(id: str, query: Annotated[Parameters, Query()]) -> AlertDetail:
        """One alert with its history."""
        found = store_alerts.alert_by_id(services.store, id)
        if found.environment != services.environment(query.environment):
            raise NotFound(f"There is no alert {id!r}.")
        log = store_alerts.alert_log(services.store, id)
        explained = with_cause(services, found)
        return AlertDetail(**_fields(explained), events=[_event(event) for event in log])


def _add_actions(api: APIRouter, services: Services) -> None:
    store, refusals = services.store, documented(400, 401, 404)

    def shape(alert: Alert) -> AlertShape:
        return AlertShape(**_fields(with_cause(services, alert)))

    @api.post("/alerts/{id}/ack", responses=refusals)
    def ack(id: str, act: Act | None = None) -> AlertShape:
        """Say that somebody looks after it."""
        given, at = act or Act(), services.now()
        return shape(
            store_alerts.acknowledge(store, id, actor=given.actor, at=at, comment=given.comment)
        )

    @api.post("/alerts/{id}/assign", responses=refusals)
    def assign(id: str, act: Assignment) -> AlertShape:
        """Give it to somebody."""
        return shape(
            store_alerts.assign(
                store,
                id,
                actor=act.actor,
                at=services.now(),
                assignee=act.assignee,
                comment=act.comment,
            )
        )

    @api.post("/alerts/{id}/comment", responses=refusals)
    def comment(id: str, act: Remark) -> AlertShape:
        """Add a remark."""
        return shape(
            store_alerts.comment_on(
                store, id, actor=act.actor, at=services.now(), comment=act.comment
            )
        )

    @api.post("/alerts/{id}/snooze", responses=refusals)
    def snooze(id: str, act: Snooze) -> AlertShape:
        """Ask to be left alone for a while."""
        at = services.now()
        until = act.until or at + timedelta(seconds=act.seconds or 0)
        return shape(
            store_alerts.snooze(store, id, actor=act.actor, at=at, until=until, comment=act.comment)
        )

    @api.post("/alerts/{id}/resolve", responses=refusals)
    def resolve(id: str, act: Act | None = None) -> AlertShape:
        """Say that nobody has to act on it any more; the breach stays a breach."""
        given, at = act or Act(), services.now()
        return shape(
            store_alerts.resolve(store, id, actor=given.actor, at=at, comment=given.comment)
        )


def _wanted(services: Services, query: AlertQuery) -> store_alerts.AlertFilter:
    process, owner, sla = query.process, query.owner, query.sla
    require_declared(services.catalog, process=process, owner=owner, sla=sla)
    return store_alerts.AlertFilter(
        environment=services.environment(query.environment),
        states=[query.state] if query.state else [],
        severity=query.severity,
        process=process or "",
        owner=owner or "",
        sla=sla or "",
    )


def _fields(alert: Alert) -> dict[str, object]:
    fields = {name: getattr(alert, name) for name in AlertShape.model_fields}
    return fields | {"anchor": ObjectShape.of(ObjectKey.decode(alert.anchor))}


def _event(event: AlertEvent) -> AlertEventShape:
    return AlertEventShape(
        at=event.at,
        action=event.action,
        actor=event.actor,
        comment=event.comment,
        assignee=event.assignee or None,
        until=event.until,
    )
