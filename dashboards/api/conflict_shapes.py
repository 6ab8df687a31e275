"""Shapes of events that arrived with several contents, and how they are made of what was read."""

from datetime import datetime

from pydantic import Field

from dashboards.api.shapes import ObjectShape, Shape
from suture.store.reading.conflicts import Conflict, Content


class ContentShape(Shape):
    """What an event said; `recorded_at` is when it first came with this content."""

    milestone: str
    occurred_at: datetime
    recorded_at: datetime
    outcome: str
    reason: str
    trace_id: str | None


class OtherContentShape(ContentShape):
    """A content that does not count."""

    differs: list[str] = Field(description="What it says differently, attributes by their names.")
    why: str = Field(description="Why it does not count, in a sentence.")


class ConflictShape(Shape):
    """An event that arrived under one identity with several contents."""

    source: str
    id: str
    recorded_at: datetime = Field(
        description="When the latest content that does not count first came."
    )
    counts: ContentShape = Field(description="The content that counts, whichever came first.")
    others: list[OtherContentShape] = Field(description="Those that do not, by their time.")

    @classmethod
    def of(cls, conflict: Conflict) -> "ConflictShape":
        """From a conflict."""
        return cls(
            source=conflict.source,
            id=conflict.id,
            recorded_at=conflict.recorded_at,
            counts=_content(conflict.counts),
            others=[_other(conflict, other) for other in conflict.others],
        )


class BelongsToShape(Shape):
    """An instance that an event belongs to."""

    process: str
    anchor: ObjectShape


class ListedConflictShape(ConflictShape):
    """A conflict of the list, with the instances that show it."""

    environment: str
    instances: list[BelongsToShape] = Field(
        description="Those that the content that counts belongs to; at most 20."
    )

    @classmethod
    def of(cls, conflict: Conflict) -> "ListedConflictShape":
        """From a conflict."""
        plain = ConflictShape.of(conflict)
        return cls(
            **{name: getattr(plain, name) for name in ConflictShape.model_fields},
            environment=conflict.environment,
            instances=[
                BelongsToShape(process=process, anchor=ObjectShape.of(anchor))
                for process, anchor in conflict.instances
            ],
        )


def _content(content: Content) -> ContentShape:
    return ContentShape(
        milestone=content.milestone,
        occurred_at=content.occurred_at,
        recorded_at=content.recorded_at,
        outcome=content.outcome,
        reason=content.reason,
        trace_id=content.trace_id or None,
    )


def _other(conflict: Conflict, other: Content) -> OtherContentShape:
    plain = _content(other)
    return OtherContentShape(
        **{name: getattr(plain, name) for name in ContentShape.model_fields},
        differs=list(other.differs_from(conflict.counts)),
        why=conflict.why(other),
    )
