"""What passes between the steps of reading a log: rows of cells, raw events, and what was wrong."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

CHUNK_ROWS = 50_000
"""Events worked on at a time: large enough that an insert's fixed cost does not count."""

CHUNK_BYTES = 32_000_000
"""A chunk of long events ends earlier, so that memory stays bounded whatever they hold."""

KEPT_PROBLEMS = 20

Cells = list[str | None]
Objects = tuple[tuple[str, str], ...]
"""(type, id) of the objects one event names."""


@dataclass(kw_only=True, slots=True)
class Rows:
    """Some rows of a table of text, by column; an absent or empty cell is None."""

    columns: dict[str, Cells]
    positions: list[str]


@dataclass(kw_only=True, slots=True)
class RawEvents:
    """Some events before anything about them is checked, by column, all of one length.

    `objects` holds (type, id) pairs; `cases` and `ids` are None where the log has none.
    """

    positions: list[str]
    cases: Cells | None
    ids: Cells | None
    names: Cells
    times: Cells
    objects: list[Objects]
    attributes: dict[str, Cells]
    outcomes: Cells | None
    reasons: Cells | None
    sequences: Cells | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BadRow:
    """An event that could not be taken: where it stands in the file, and why."""

    position: str
    reason: str

    def __str__(self) -> str:
        return f"{self.position}: {self.reason}"


@dataclass(kw_only=True)
class ReadReport:
    """What reading a file came to. All `bad` events are told to `on_bad`, the first few are kept.

    `read` counts the events in the file, `skipped` those that the mapping leaves out. `damage` is
    empty for a whole file.
    """

    read: int = 0
    skipped: int = 0
    bad: int = 0
    damage: str = ""
    milestones: Counter[str] = field(default_factory=Counter)
    problems: list[BadRow] = field(default_factory=list)
    on_bad: Callable[[BadRow], None] | None = None

    def refuse(self, rows: Iterable[BadRow]) -> None:
        """Count rows as bad."""
        for row in rows:
            self.bad += 1
            if len(self.problems) < KEPT_PROBLEMS:
                self.problems.append(row)
            if self.on_bad is not None:
                self.on_bad(row)
