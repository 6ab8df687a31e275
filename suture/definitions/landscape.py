"""The landscape: systems with their roles, teams and what they own."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

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


class System(Definition):
    """One system: the services that make it up, and how often it is heard from."""

    role: SystemRole
    title: str = ""
    services: tuple[Name, ...] = ()
    queues: tuple[Name, ...] = ()
    owner: Name | None = None
    heartbeat: Duration | None = None
    heartbeat_calendar: Name | None = None
    batch_windows: Name | None = None


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
