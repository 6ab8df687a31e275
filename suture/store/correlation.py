"""Rows of the correlator: what is known about the objects of a batch, and what a tick adds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import pyarrow as pa

from suture.definitions.process import ProcessDefinition
from suture.store.engine import Store
from suture.store.linking import DECIDED
from suture.store.queries import load

CORRELATOR = "correlator"
CHANGES = "correlator-change"
"""Cursor stages: one row a stream for segments; one (stream 0) for the last complete tick."""

_SEGMENTS_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A finished segment that waits to be read."""

    stream: int
    sequence: int
    segment: int
    rows: int
    signal: str


class CorrelationTables:
    """The correlator's reads and writes."""

    def __init__(self, store: Store, *, carried: Sequence[str], scopes: Sequence[str]) -> None:
        """`carried` and `scopes` name the attributes that definitions use."""
        self._store = store
        self._sql = load("correlation")
        self._attributes = {"carried": list(carried), "scopes": list(scopes)}

    def waiting_segments(self) -> list[Segment]:
        """Finished segments in reading order; of each stream only what follows without a gap."""
        rows = self._store.rows(
            self._sql["finished_segments"],
            {"stage": CORRELATOR, "limit": _SEGMENTS_AT_ONCE},
        )
        expected: dict[int, int] = {}
        found = []
        for row in rows:
            stream, sequence = row["stream"], row["sequence"]
            if sequence != expected.get(stream, row["position"] + 1):
                continue
            expected[stream] = sequence + 1
            found.append(
                Segment(
                    stream=stream,
                    sequence=sequence,
                    segment=row["segment"],
                    rows=row["rows"],
                    signal=row["signal"],
                )
            )
        return found

    def facts_of_segments(self, segments: Sequence[int]) -> pl.DataFrame:
        """Milestone facts of some segments, every arrival."""
        parameters = {"segments": list(segments), **self._attributes}
        return self._store.frame(self._sql["facts_of_segments"], parameters)

    def facts_of_events(self, event_keys: pl.Series) -> pl.DataFrame:
        """Every stored version of some events."""
        return self._store.lookup(self._sql["facts_of_events"], event_keys, self._attributes)

    def identities(self, event_keys: pl.Series) -> pl.DataFrame:
        """event_key, known_at, known_hash, known_trace of those events that are known."""
        return self._store.lookup(self._sql["identities"], event_keys).drop("counted")

    def reaches(self, objects: pl.Series) -> pl.DataFrame:
        """REACH rows of these objects."""
        return self._store.lookup(self._sql["reaches_of_objects"], objects)

    def links_from(self, objects: pl.Series) -> pl.DataFrame:
        """LINK rows that begin at these objects."""
        return self._store.lookup(self._sql["links_from_objects"], objects)

    def facts_about(self, objects: pl.Series) -> pl.DataFrame:
        """Facts about these objects, with a column `object`; of each event the version that counts.

        A segment that holds several versions of an event gives them all.
        """
        return self._store.lookup(self._sql["events_about_objects"], objects, self._attributes)

    def reaches_of_anchors(self, anchors: pl.Series) -> pl.DataFrame:
        """REACH rows of these anchors."""
        return self._store.lookup(self._sql["reaches_of_anchors"], anchors)

    def members_of(self, anchors: pl.Series) -> pl.DataFrame:
        """Members of these anchors in every process."""
        return self._store.lookup(self._sql["members_of_anchors"], anchors)

    def instances_of(self, anchors: pl.Series, definition: ProcessDefinition) -> pa.Table:
        """The instances of one process at these anchors, from all their members.

        Rows as the table `instances` takes them, but for `change` and `removed`.
        """
        completion = definition.completes_with
        expect = completion.expect
        parameters = {
            "process": definition.process,
            "version": definition.version,
            "milestones": list(definition.milestone_names),
            "starts_with": list(definition.starts_with),
            "completes_with": completion.milestone,
            "expect_count": expect if isinstance(expect, int) else 1,
            "expect_attribute": expect if isinstance(expect, str) else "",
            "ends_with": list(definition.ends_with),
            "facets": sorted(definition.facets),
            "money": definition.money or "",
            "stall_seconds": int(definition.stall_after.total_seconds()),
        }
        return self._store.lookup_arrow(self._sql["instances_of_anchors"], anchors, parameters)

    def last_change(self) -> int:
        """The number of the last complete tick, 0 before the first."""
        row = self._store.rows(self._sql["cursor_position"], {"stage": CHANGES, "stream": 0})[0]
        return int(row["position"])

    def write(self, table: str, frame: pl.DataFrame, **constants: int) -> None:
        """Append rows to one of the correlator's tables."""
        if frame.height:
            extra = {name: pl.lit(value, _WIDTH[name]) for name, value in constants.items()}
            self._store.insert_frame(table, frame.with_columns(**extra))

    def write_instances(self, table: pa.Table, *, change: int) -> None:
        """Append instances, as `instances_of` gives them, and note that they changed."""
        if table.num_rows:
            column = pa.array([change] * table.num_rows, pa.uint64())
            table = table.append_column("change", column)
            self._store.insert_arrow("instances", table)
            key = ["change", "environment", "process", "anchor"]
            self._store.insert_arrow("instance_changes", table.select(key))

    def advance(
        self, segments: Sequence[Segment], *, change: int, at: datetime, decisions: int = 0
    ) -> None:
        """Move the cursors past `segments` and tell later stages that `change` is complete.

        `decisions` is how many decisions about links are worked in by now.
        """
        ends: dict[int, int] = {}
        for segment in segments:
            ends[segment.stream] = max(segment.sequence, ends.get(segment.stream, 0))
        rows: list[Mapping[str, object]] = [
            {"stage": CORRELATOR, "stream": stream, "position": position, "updated_at": at}
            for stream, position in ends.items()
        ]
        for stage, position in ((CHANGES, change), (DECIDED, decisions)):
            if position:
                rows.append({"stage": stage, "stream": 0, "position": position, "updated_at": at})
        self._store.insert("cursors", rows)


def skip_change(store: Store, at: datetime) -> int:
    """Leave out the number of the next tick, for whoever takes over from a worker unheard of.

    That one may have written under it, and one last write of it may still be under way. What its
    successor writes about the same range then has a larger number, and counts. Returns the number
    left out.
    """
    row = store.rows(load("correlation")["cursor_position"], {"stage": CHANGES, "stream": 0})[0]
    skipped = int(row["position"]) + 1
    cursor = {"stage": CHANGES, "stream": 0, "position": skipped, "updated_at": at}
    store.insert("cursors", [cursor])
    return skipped


_WIDTH = {"version": pl.UInt64, "change": pl.UInt64, "removed": pl.UInt8}
