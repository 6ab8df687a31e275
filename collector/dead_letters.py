"""Dead letters: the whole of what was refused, for those who may see it.

What is known of a refused input is a row of `dead_letters` (see `refusals`); the input itself stays
in the spool's file for a while, and is read here.
"""

from dataclasses import dataclass
from pathlib import Path

from collector.spool_file import reading
from suture.store import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A refused input as it was sent."""

    content_type: str
    content: bytes


class PayloadReader:
    """Reads refused input from the spool's file, from any process and beside its writers."""

    def __init__(self, spool_path: Path) -> None:
        """Read from the spool at `spool_path`, which may not exist yet."""
        self._path = spool_path

    def get(self, letter_id: str) -> Payload | None:
        """The payload of one dead letter; None where its retention is over or it never was."""
        if not self._path.exists():
            return None
        with reading(self._path) as connection:
            sql = queries.load("spool")["payload"]
            found = connection.execute(sql, {"id": letter_id}).fetchone()
        return Payload(content_type=found[0], content=found[1]) if found else None
