"""SLA rules as declared: what should happen, within how long, for which share of instances."""

from datetime import timedelta
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from suture.contracts.alert import Severity
from suture.definitions.source import Definition
from suture.definitions.values import Date, Duration, Name, Share

SUPPORTED_KINDS = ("completion", "duration")


class SlaSegment(Definition):
    """A different allowance for instances whose facets have these values."""

    when: dict[Name, str] = Field(min_length=1)
    within: Duration


class SlaDefinition(Definition):
    """One version of a rule.

    `duration` runs from the first reached `from` to the first reached `to` at or after it;
    `completion` runs from the instance's start to its completion unless `from` / `to` say
    otherwise. Time is wall-clock.
    """

    sla: Name
    version: int = Field(default=1, ge=1)
    effective_from: Date | None = None
    title: str
    process: Name
    kind: Literal["duration", "completion"]
    from_milestone: Name | None = Field(default=None, alias="from")
    to_milestone: Name | None = Field(default=None, alias="to")
    within: Duration
    at_risk: Share = 0.75
    segments: tuple[SlaSegment, ...] = ()
    target: Share = 0.95
    window: Duration = timedelta(days=28)
    severity: Severity = Severity.MEDIUM
    owner: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _known_kind(cls, content: Any) -> Any:
        if isinstance(content, dict) and content.get("kind") not in SUPPORTED_KINDS:
            kinds = " and ".join(SUPPORTED_KINDS)
            raise ValueError(f"kind: {content.get('kind')!r} is not one of {kinds}")
        return content

    @model_validator(mode="after")
    def _needs_ends(self) -> Self:
        if self.kind == "duration" and not (self.from_milestone and self.to_milestone):
            raise ValueError("kind duration needs 'from' and 'to'")
        return self

    @property
    def milestones(self) -> tuple[str, ...]:
        """The milestones it names."""
        return tuple(name for name in (self.from_milestone, self.to_milestone) if name)
