"""Events that arrived under one identity with several contents: what counts, and what does not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from suture.clock import to_micros
from suture.contracts.objects import ObjectKey
from suture.store.engine import Store
from suture.store.queries import load
from suture.store.reading.dead_letters import BEGIN
from suture.store.reading.processes import END

MOST_INSTANCES = 20
"""So many instances are named for one event."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """One of the contents of an event; `recorded_at` is its earliest arrival."""

    milestone: str
    occurred_at: datetime
    recorded_at: datetime
    sequence: int
    outcome: str
    reason: str
    objects: tuple[tuple[str, str], ...]
    attributes: Mapping[str, str]
    trace_id: str

    def differs_from(self, other: "Content") -> tuple[str, ...]:
        """The names of what the two say differently; never empty for two contents of one event."""
        plain = ("occurred_at", "milestone", "outcome", "reason", "objects", "sequence")
        mine, theirs = self.attributes, other.attributes
        names = [name for name in sorted({*mine, *theirs}) if mine.get(name) != theirs.get(name)]
        return (
            *(name for name in plain if getattr(self, name) != getattr(other, name)),
            *(f"attributes.{name}" for name in names),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """An event of which `counts` is the content that counts, `others` those that do not.

    Of all contents the one with the smallest (time, hash of the content) counts, whichever came
    first. `others` stand in that order too. `recorded_at` is when the latest of them first came.
    `instances` are (process, anchor) of those that the event belongs to, at most `MOST_INSTANCES`.
    """

    event_key: str
    environment: str
    source: str
    id: str
    recorded_at: datetime
    counts: Content
    others: tuple[Content, ...]
    instances: tuple[tuple[str, ObjectKey], ...] = ()

    def why(self, other: Content) -> str:
        """Why another content does not count, as a sentence."""
        if other.occurred_at > self.counts.occurred_at:
            return "It happened later by its own time, and the earlier one counts."
        return "Both have the same time, and the one with the smaller hash of its content counts."


@dataclass(frozen=True, kw_only=True, slots=True)
class ConflictFilter:
    """Which are asked for; what is empty does not matter.

    `recorded_from` and `recorded_to` bound `recorded_at` of the conflict, the end excluded.
    """

    environment: str
    source: str = ""
    id: str = ""
    recorded_from: datetime = BEGIN
    recorded_to: datetime = END


@dataclass(frozen=True, kw_only=True, slots=True)
class ConflictPage:
    """Some conflicts, and the position behind which the next page begins; None at the end."""

    items: tuple[Conflict, ...]
    next_position: tuple[datetime, str] | None


class ConflictReader:
    """Reads of conflicts; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store
        self._sql = load("reading_conflicts")

    def page(
        self, wanted: ConflictFilter, *, limit: int, after: tuple[datetime, str] | None = None
    ) -> ConflictPage:
        """At most `limit`, the latest recorded first, behind `after`, with their instances."""
        parameters = {
            "environment": wanted.environment,
            "source": wanted.source,
            "id": wanted.id,
            "from": to_micros(wanted.recorded_from),
            "to": to_micros(wanted.recorded_to),
        }
        rows = self._rows("filter_listed", parameters, limit + 1, after)
        shown = rows[:limit]
        last = (shown[-1]["latest"], shown[-1]["event_key"]) if len(rows) > limit else None
        instances = self._instances(shown)
        return ConflictPage(items=tuple(self._conflicts(shown, instances)), next_position=last)

    def of_instance(self, *, process: str, anchor: ObjectKey, limit: int) -> list[Conflict]:
        """At most `limit` of the events of one instance, the latest recorded first."""
        parameters = {
            "process": process,
            "anchor": anchor.encode(),
            "from": to_micros(BEGIN),
            "to": to_micros(END),
        }
        rows = self._rows("filter_members", parameters, limit, None)
        own = ((process, anchor),)
        return list(self._conflicts(rows, {row["event_key"]: own for row in rows}))

    def _rows(
        self,
        filters: str,
        parameters: Mapping[str, Any],
        limit: int,
        after: tuple[datetime, str] | None,
    ) -> list[dict[str, Any]]:
        latest, key = after or (END, "")
        position = {"after_latest": to_micros(latest), "after_key": key, "limit": limit}
        sql = self._sql["page"].replace("{{filters}}", self._sql[filters])
        return self._store.rows(sql, {**parameters, **position})

    def _conflicts(
        self,
        rows: Sequence[Mapping[str, Any]],
        instances: Mapping[str, tuple[tuple[str, ObjectKey], ...]],
    ) -> Iterator[Conflict]:
        """Facts that are being loaded once more, after a crash, are left out until they are."""
        said = self._contents(rows)
        for row in rows:
            key = row["event_key"]
            counts = _content(said.get((key, row["kept"])), row["kept_recorded"])
            found = [(said.get((key, hash_)), at) for _, hash_, _, at in row["others"]]
            others = tuple(one for content, at in found if (one := _content(content, at)))
            if counts and others:
                yield Conflict(
                    event_key=key,
                    environment=row["environment"],
                    source=row["source"],
                    id=row["id"],
                    recorded_at=row["latest"],
                    counts=counts,
                    others=others,
                    instances=instances.get(key, ()),
                )

    def _contents(
        self, rows: Sequence[Mapping[str, Any]]
    ) -> dict[tuple[str, str], Mapping[str, Any]]:
        if not rows:
            return {}
        segments = {segment for row in rows for _, _, segment, _ in row["others"]}
        parameters = {
            "segments": sorted(segments | {row["segment"] for row in rows}),
            "keys": [row["event_key"] for row in rows],
        }
        found = self._store.rows(self._sql["contents"], parameters)
        return {(row["event_key"], row["content_hash"]): row for row in found}

    def _instances(
        self, rows: Sequence[Mapping[str, Any]]
    ) -> dict[str, tuple[tuple[str, ObjectKey], ...]]:
        if not rows:
            return {}
        parameters = {
            "objects": sorted({key for row in rows for key in row["objects"]}),
            "keys": [row["event_key"] for row in rows],
            "most": MOST_INSTANCES,
        }
        found: dict[str, tuple[tuple[str, ObjectKey], ...]] = {}
        for row in self._store.rows(self._sql["instances"], parameters):
            one = (row["process"], ObjectKey.decode(row["anchor"]))
            found[row["event_key"]] = (*found.get(row["event_key"], ()), one)
        return found


def _content(row: Mapping[str, Any] | None, recorded_at: datetime) -> Content | None:
    if row is None:
        return None
    return Content(
        milestone=row["milestone"],
        occurred_at=row["occurred_at"],
        recorded_at=recorded_at,
        sequence=row["sequence"],
        outcome=row["outcome"],
        reason=row["reason"],
        objects=tuple((type_, id_) for type_, id_ in row["objects"]),
        attributes=dict(row["attributes"]),
        trace_id=row["trace_id"],
    )
