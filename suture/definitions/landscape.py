"""The landscape: systems with their roles, teams and what they own."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from suture.definitions.source import Definition
from suture.definitions.values import Duration, Name


class SystemRole(StrEnum):
    """What a system is for; delay attribution classes its time by this."""

    APPLICATION = "application"
    SYSTEM_OF_RECORD = "system_of_record"
    MIDDLEWARE = "middleware"
    BROKER = "broker"
    GATEWAY = "gateway"
    RULES = "rules"
    ANALYTICS = "analytics"


def _whole_minutes(span: timedelta) -> timedelta:
    if span % timedelta(minutes=1):
        raise ValueError("a heartbeat is a whole number of minutes")
    return span


class System(Definition):
    """One system: the services that make it up, and how often it is heard from.

    `addresses` are hosts that it is called at, for those that send no spans under a service's name.
    A heartbeat that counts within the open hours of a calendar is accepted and not judged: there
    are no calendars yet, and without one every night would be a silence.
    """

    role: SystemRole
    title: str = ""
    services: tuple[Name, ...] = ()
    queues: tuple[Name, ...] = ()
    addresses: tuple[Name, ...] = ()
    owner: Name | None = None
    heartbeat: Annotated[Duration, AfterValidator(_whole_minutes)] | None = None
    heartbeat_calendar: Name | None = None
    batch_windows: Name | None = None

    @model_validator(mode="after")
    def _calendar_needs_heartbeat(self) -> Self:
        if self.heartbeat_calendar and not self.heartbeat:
            raise ValueError("heartbeat_calendar: says when 'heartbeat' counts, which is missing")
        return self

    @property
    def judged_heartbeat(self) -> timedelta | None:
        """How often it promises to be heard from, where that can be held against it."""
        return None if self.heartbeat_calendar else self.heartbeat


class Contact(Definition):
    """Where a team is reached."""

    channel: Literal["email", "slack", "teams", "pagerduty", "servicenow", "webhook", "log"]
    to: Name


class Escalation(Definition):
    """After how long without acknowledgement another team is told."""

    after: Duration
    to: Name


class Team(Definition):
    """A team that owns something."""

    contacts: tuple[Contact, ...] = ()
    hours: Name | None = None
    escalate: tuple[Escalation, ...] = ()


class OwnershipRule(Definition):
    """Which team answers for what; every field given must match."""

    process: Name | None = None
    step: Name | None = None
    cause: Name | None = None
    system: Name | None = None
    contract: Name | None = None
    facet: dict[Name, str] = Field(default_factory=dict)
    team: Name


class Owners(Definition):
    """`owners.yaml`."""

    teams: dict[Name, Team] = Field(default_factory=dict)
    rules: tuple[OwnershipRule, ...] = ()


class Systems(Definition):
    """`systems.yaml`."""

    systems: dict[Name, System] = Field(default_factory=dict)
