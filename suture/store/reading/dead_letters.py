"""Refused input: what came, why it was not taken, how often, and what was done about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal

from suture.clock import to_micros
from suture.contracts.dead_letter import LetterAction, LetterState
from suture.store.engine import Store
from suture.store.queries import load
from suture.store.reading.processes import END

BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
NOBODY = "-"
"""The filter for letters that nobody is named for."""
LOGGED = 100
"""So many of the events of one letter are given, the latest."""

GroupBy = Literal["type", "reason", "source", "owner", "door"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """One refused input; `reason` and `owner` are the latest.

    `count` is how often it was refused, `last_at` when anything last happened to it. `acted_by` is
    who acted on it last, empty for nobody. `preview` is the beginning of the payload; the payload
    itself stays with the collector.
    """

    id: str
    environment: str
    source: str
    event_id: str
    type: str
    reason: str
    owner: str
    door: str
    state: LetterState
    first_seen_at: datetime
    last_seen_at: datetime
    last_at: datetime
    count: int
    acted_by: str
    acted_at: datetime | None
    payload_sha256: str
    payload_bytes: int
    preview: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LetterEvent:
    """Something that happened to a refused input; `actor` is empty where it came by itself."""

    at: datetime
    action: LetterAction
    actor: str
    comment: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LetterGroup:
    """Refused inputs that share a value: so many `letters`, `open` of them, refused `seen` times.

    `sources` and `owners` are up to ten each; `reason` and `latest` are of the one seen last.
    """

    value: str
    letters: int
    open: int
    seen: int
    first_seen_at: datetime
    last_seen_at: datetime
    sources: Sequence[str]
    owners: Sequence[str]
    reason: str
    latest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterFilter:
    """Which are asked for; what is empty does not matter.

    `reason` is part of the sentence, all else is exact; `owner` may be `NOBODY`. `seen_from` and
    `seen_to` bound when a letter was last seen, the end excluded.
    """

    environment: str
    source: str = ""
    type: str = ""
    reason: str = ""
    owner: str = ""
    door: str = ""
    state: LetterState | None = None
    seen_from: datetime = BEGIN
    seen_to: datetime = END
    id: str = ""

    def parameters(self) -> dict[str, Any]:
        """As the queries take them."""
        plain = ("environment", "source", "type", "reason", "owner", "door", "id")
        return {name: getattr(self, name) for name in plain} | {
            "state": self.state.value if self.state else "",
            "from": to_micros(self.seen_from),
            "to": to_micros(self.seen_to),
        }


class DeadLetterReader:
    """Reads of refused input; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store
        blocks = load("reading_dead_letters")
        self._sql = {
            name: text.replace("{{letters}}", blocks["letters"].rstrip().rstrip(";"))
            for name, text in blocks.items()
        }

    def page(
        self,
        wanted: DeadLetterFilter,
        *,
        limit: int,
        after: tuple[datetime, str] | None = None,
    ) -> list[DeadLetter]:
        """At most `limit`, last seen first, behind `after` (last seen, id)."""
        seen, last_id = after or (END, "")
        parameters = wanted.parameters() | {
            "after_seen": to_micros(seen),
            "after_id": last_id,
            "limit": limit,
        }
        return [_letter(row) for row in self._store.rows(self._sql["page"], parameters)]

    def all(self, wanted: DeadLetterFilter, *, at_once: int = 500) -> Iterator[list[DeadLetter]]:
        """All under a filter, in pages; what is refused again meanwhile does not come again."""
        after = None
        while found := self.page(wanted, limit=at_once, after=after):
            yield found
            after = (found[-1].last_seen_at, found[-1].id)

    def one(self, id_: str, *, environment: str) -> DeadLetter | None:
        """One refused input, or None."""
        wanted = DeadLetterFilter(environment=environment, id=id_)
        found = self.page(wanted, limit=1) if id_ else []
        return found[0] if found else None

    def log(self, id_: str) -> list[LetterEvent]:
        """What happened to one input, latest first, at most `LOGGED` events."""
        rows = self._store.rows(self._sql["log"], {"id": id_, "limit": LOGGED})
        return [LetterEvent(**{**row, "action": LetterAction(row["action"])}) for row in rows]

    def groups(
        self, wanted: DeadLetterFilter, *, by: GroupBy, limit: int = 100
    ) -> list[LetterGroup]:
        """Refused inputs by one of their fields, those with most inputs first."""
        parameters = wanted.parameters() | {"by": by, "limit": limit}
        return [LetterGroup(**row) for row in self._store.rows(self._sql["groups"], parameters)]

    def count(self, *, environment: str) -> int:
        """How many there are."""
        return self.counts(DeadLetterFilter(environment=environment))[0]

    def counts(self, wanted: DeadLetterFilter) -> tuple[int, int]:
        """How many there are under a filter, and how many of them are open."""
        row = self._store.rows(self._sql["count"], wanted.parameters())[0]
        return int(row["found"]), int(row["open"])


_NAMES = {f.name for f in fields(DeadLetter)}


def _letter(row: Mapping[str, Any]) -> DeadLetter:
    values = {name: value for name, value in row.items() if name in _NAMES}
    acted_at = row["acted_at"] if row["acted_by"] else None
    return DeadLetter(
        **values | {"state": LetterState(row["state"]), "count": row["seen"], "acted_at": acted_at}
    )
