"""Imports: milestones of a file, stored so that running it again adds nothing.

Every chunk is one insert of one part, so a chunk is either in or not; what a killed import left
unfinished is finished by the next one of the same source.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from suture.contracts.trace import Signal
from suture.store.engine import Store
from suture.store.facts import finish_segment
from suture.store.queries import load

_STAGING = "import_staging_"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """What became of a chunk: new `events`, other `versions` of known ones, and those `known`."""

    events: int
    versions: int
    known: int

    @property
    def rows(self) -> int:
        """How many rows the chunk added."""
        return self.events + self.versions


def finish_interrupted(store: Store, *, source: str, contract: str, finished_at: datetime) -> int:
    """Finish what an interrupted import of `source` left; returns how many rows that brought in."""
    sql = load("imports")["interrupted_segments"]
    segments = store.rows(sql, {"source": source, "contract": contract})
    for row in segments:
        finish_segment(
            store,
            segment=row["segment"],
            signal=Signal.MILESTONES,
            rows=row["rows"],
            finished_at=finished_at,
        )
    return sum(row["rows"] for row in segments)


def is_known_source(store: Store, source: str) -> bool:
    """Whether anything of this source is stored."""
    (row,) = store.rows(load("imports")["source_events"], {"source": source})
    return bool(row["events"])


def store_all(store: Store, table: pa.Table) -> Stored:
    """Insert a chunk none of whose events can be stored already."""
    store.insert_arrow("milestones", table)
    return Stored(events=table.num_rows, versions=0, known=0)


class Staging:
    """Inserts chunks, leaving out what is stored already with the same content."""

    def __init__(self, store: Store, name: str) -> None:
        """Use the staging table `name`, which must exist; see `staging`."""
        self._store = store
        self._name = name

    def store_fresh(self, table: pa.Table) -> Stored:
        """Insert the events and versions of a chunk that are not stored in a finished segment."""
        queries, parameters = load("imports"), {"staging": self._name}
        self._store.execute(queries["clear_staging"], parameters)
        self._store.insert_arrow(self._name, table)
        (row,) = self._store.rows(queries["count_fresh"], parameters)
        if row["versions"]:
            self._store.execute(queries["insert_fresh"], parameters)
        return Stored(
            events=row["events"],
            versions=row["versions"] - row["events"],
            known=table.num_rows - row["versions"],
        )


@contextmanager
def staging(store: Store, *, stream: int) -> Iterator[Staging]:
    """A staging table of its own for one import, dropped afterwards; so are forgotten ones."""
    queries = load("imports")
    for row in store.rows(queries["stale_staging"], {"prefix": _STAGING}):
        store.execute(queries["drop_staging"], {"staging": row["name"]})
    name = f"{_STAGING}{stream}"
    store.execute(queries["create_staging"], {"staging": name})
    try:
        yield Staging(store, name)
    finally:
        store.execute(queries["drop_staging"], {"staging": name})
