"""Refused input: what came, why it was not taken, how often."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from suture.clock import to_micros
from suture.store.engine import Store
from suture.store.queries import load
from suture.store.reading.processes import END


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """One refused input. `preview` is redacted; the payload itself stays with the collector."""

    id: str
    source: str
    event_id: str
    type: str
    reason: str
    owner: str
    door: str
    first_seen_at: datetime
    last_seen_at: datetime
    count: int
    payload_bytes: int
    preview: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterFilter:
    """Which are asked for: source and type exactly, `reason` as part of the sentence."""

    environment: str
    source: str = ""
    type: str = ""
    reason: str = ""


class DeadLetterReader:
    """Reads of refused input; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store
        self._sql = load("reading_dead_letters")

    def page(
        self,
        wanted: DeadLetterFilter,
        *,
        limit: int,
        after: tuple[datetime, str] | None = None,
        id_: str = "",
    ) -> list[DeadLetter]:
        """At most `limit`, last seen first, behind `after` (last seen, id)."""
        seen, last_id = after or (END, "")
        parameters = {
            "environment": wanted.environment,
            "source": wanted.source,
            "type": wanted.type,
            "reason": wanted.reason,
            "id": id_,
            "after_seen": to_micros(seen),
            "after_id": last_id,
            "limit": limit,
        }
        return [_letter(row) for row in self._store.rows(self._sql["page"], parameters)]

    def one(self, id_: str, *, environment: str) -> DeadLetter | None:
        """One refused input, or None."""
        found = self.page(DeadLetterFilter(environment=environment), limit=1, id_=id_)
        return found[0] if found else None

    def count(self, *, environment: str) -> int:
        """How many there are."""
        rows = self._store.rows(self._sql["count"], {"environment": environment})
        return int(rows[0]["found"])


def _letter(row: Mapping[str, Any]) -> DeadLetter:
    values = {name: value for name, value in row.items() if name != "found"}
    return DeadLetter(**values, count=row["found"])
