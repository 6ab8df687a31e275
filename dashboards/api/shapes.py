"""Shapes that several answers share."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from suture.contracts.objects import ObjectKey
from suture.contracts.verdict import Verdict, VerdictState

MICROS = 1_000_000


class Shape(BaseModel):
    """Base of everything that is answered."""

    model_config = ConfigDict(populate_by_name=True)


class ObjectShape(Shape):
    """A business object; `scope` stands beside the id where the type has one and it is known."""

    type: str
    id: str
    scope: str = ""

    @model_serializer(mode="wrap")
    def _without_empty_scope(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        if not content["scope"]:
            del content["scope"]
        return content

    @classmethod
    def of(cls, key: ObjectKey) -> "ObjectShape":
        """From a key."""
        return cls(type=key.type, id=key.id, scope=key.scope)


class Period(Shape):
    """A half-open stretch of time."""

    from_: datetime = Field(alias="from")
    to: datetime


class VerdictShape(Shape):
    """One SLA about one instance, with the reason."""

    sla: str
    version: int
    state: VerdictState
    reason: str
    started_at: datetime
    deadline_at: datetime | None
    at_risk_at: datetime | None
    completed_at: datetime | None
    elapsed_seconds: float
    allowed_seconds: float
    decided_at: datetime

    @classmethod
    def of(cls, verdict: Verdict) -> "VerdictShape":
        """From a verdict."""
        return cls(**verdict_fields(verdict))


def verdict_fields(verdict: Verdict) -> Mapping[str, Any]:
    """What every shape of a verdict holds."""
    return {
        "sla": verdict.sla,
        "version": verdict.sla_version,
        "state": verdict.state,
        "reason": verdict.reason,
        "started_at": verdict.started_at,
        "deadline_at": verdict.deadline_at,
        "at_risk_at": verdict.at_risk_at,
        "completed_at": verdict.completed_at,
        "elapsed_seconds": verdict.elapsed_micros / MICROS,
        "allowed_seconds": verdict.allowed_micros / MICROS,
        "decided_at": verdict.decided_at,
    }
