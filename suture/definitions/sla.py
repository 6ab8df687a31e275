"""SLA rules as declared: what should happen, within how long, for which share of instances."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from suture.clock import require_utc
from suture.contracts.alert import Severity
from suture.contracts.verdict import Window
from suture.definitions.source import Definition
from suture.definitions.values import Date, Duration, Name, Share, parse_duration
from suture.errors import InvalidQuery

SUPPORTED_KINDS = ("completion", "duration")

_MONTH = re.compile(r"(\d{4})-(\d{2})")


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

    @property
    def effective_at(self) -> datetime | None:
        """The first instant it is in force: midnight UTC of `effective_from`; None: always was."""
        if self.effective_from is None:
            return None
        return datetime.combine(self.effective_from, time.min, tzinfo=UTC)

    def segment_of(self, facets: Mapping[str, str]) -> SlaSegment | None:
        """The first segment whose every facet has its value here, or None: the common allowance."""
        return next(
            (
                segment
                for segment in self.segments
                if all(facets.get(name) == value for name, value in segment.when.items())
            ),
            None,
        )


def parse_window(text: str, now: datetime) -> Window:
    """The window a query names: rolling up to `now` ('28d', '12h'), or a month ('2026-04', UTC).

    Raises InvalidQuery for anything else.
    """
    end = require_utc(now)
    try:
        if match := _MONTH.fullmatch(text.strip()):
            year, month = int(match[1]), int(match[2])
            return Window(
                start=datetime(year, month, 1, tzinfo=UTC),
                end=datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC),
            )
        return Window(start=end - parse_duration(text), end=end)
    except (ValueError, OverflowError) as error:
        message = f"{text!r} is neither a duration such as 28d nor a month such as 2026-04"
        raise InvalidQuery(message, field="window") from error
