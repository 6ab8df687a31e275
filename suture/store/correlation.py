"""Rows of the correlator: what is known about the objects of a batch, and what a tick adds."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from suture.contracts.trace import Signal
from suture.store.engine import Store
from suture.store.linking import CHANGES, DECIDED, LINK
from suture.store.queries import load
from suture.store.replacing import holding, last_of
from suture.store.segments import Segment, waiting_segments
from suture.store.values import frame_to_arrow, with_maps

CORRELATOR = "correlator"
"""Cursor stage: how far each stream of segments is read."""

_SEGMENTS_AT_ONCE = 1000


class CorrelationTables:
    """The correlator's reads and writes."""

    def __init__(self, store: Store, *, carried: Sequence[str], scopes: Sequence[str]) -> None:
        """`carried` and `scopes` name the attributes that definitions use."""
        self._store = store
        self._sql = load("correlation")
        self._attributes = {"carried": list(carried), "scopes": list(scopes)}
        self._nothing: dict[str, pl.DataFrame] = {}

    def waiting_segments(self) -> list[Segment]:
        """Finished segments of milestones and spans that wait to be read."""
        signals = (Signal.MILESTONES, Signal.TRACES)
        return waiting_segments(
            self._store, stage=CORRELATOR, signals=signals, limit=_SEGMENTS_AT_ONCE
        )

    def facts_of_segments(self, segments: Sequence[int]) -> pl.DataFrame:
        """Milestone facts of some segments, every arrival."""
        parameters = {"segments": list(segments), **self._attributes}
        return self._store.frame(self._sql["facts_of_segments"], parameters)

    def facts_of_events(self, event_keys: pl.Series) -> pl.DataFrame:
        """Every stored version of some events."""
        return self._look_up("facts_of_events", event_keys, **self._attributes)

    def identities(self, event_keys: pl.Series) -> pl.DataFrame:
        """event_key, known_at, known_hash, known_trace of those events that are known.

        Of others too whose keys begin alike.
        """
        return last_of(self._look_up("identities", event_keys), ["event_key"]).drop("version")

    def reaches(self, objects: pl.Series) -> pl.DataFrame:
        """REACH rows of these objects."""
        return holding(self._look_up("reaches_of_objects", objects), _REACH)

    def links_from(self, objects: pl.Series) -> pl.DataFrame:
        """LINK rows that begin at these objects; a link holds while any of its evidence does."""
        rows = self._look_up("links_from_objects", objects)
        return holding(rows, [*LINK, *_LINK_END]).select(LINK).unique()

    def facts_about(
        self, objects: pl.Series, *, but: pl.Series | None = None, at_hand: pl.DataFrame
    ) -> pl.DataFrame:
        """Facts about these objects, with a column `object`; of each event the version that counts.

        Without the events whose keys are in `but`. A segment that holds several versions of an
        event gives them all. `at_hand` are facts of whole segments, which are not read again.
        """
        rows = self._look_up("events_about_objects", objects)
        if but is not None:
            rows = rows.join(but.to_frame("event_key"), on="event_key", how="anti")
        about = holding(rows, ["object", "event_key"])
        here = pl.col("segment").is_in(at_hand["segment"].unique().to_list())
        elsewhere = about.filter(~here)
        segments = elsewhere["segment"].unique().to_list()
        facts = self._look_up(
            "facts_of_found_events",
            elsewhere["event_key"],
            segments=segments,
            **self._attributes,
        )
        every = pl.concat([facts, at_hand.select(facts.columns)])
        return about.join(every, on=["segment", "event_key"])

    def reaches_of_anchors(
        self, anchors: pl.Series, *, lost_since: int | None = None
    ) -> pl.DataFrame:
        """REACH rows of these anchors, and those that ceased to hold in ticks from `lost_since`."""
        last = last_of(self._look_up("reaches_of_anchors", anchors), _REACH)
        told = pl.col("removed") == 0
        if lost_since is not None:
            told |= pl.col("version") >= lost_since
        return last.filter(told).select(_REACH)

    def members_of(self, anchors: pl.Series) -> pl.DataFrame:
        """Members of these anchors in every process: the columns that instances are made of."""
        rows = self._look_up("members_of_anchors", anchors)
        return holding(rows, ["anchor", "process", "event_key"])

    def write(self, table: str, frame: pl.DataFrame, **constants: int) -> None:
        """Append rows to one of the correlator's tables."""
        if frame.height:
            extra = {name: pl.lit(value, _WIDTH[name]) for name, value in constants.items()}
            rows = frame.sort(order) if (order := _ORDER.get(table)) else frame
            rows = rows.with_columns(**extra)
            self._store.insert_frame(table, rows, settings=_AS_GIVEN)

    def write_instances(self, instances: pl.DataFrame, *, change: int) -> None:
        """Append rows to `instances`, in which maps are lists of (key, value)."""
        if instances.height:
            rows = instances.sort(_ORDER["instances"])
            rows = rows.with_columns(change=pl.lit(change, pl.UInt64))
            table = with_maps(frame_to_arrow(rows), _MAPS)
            self._store.insert_arrow("instances", table, settings=_AS_GIVEN)

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

    def _look_up(self, block: str, keys: pl.Series, **parameters: object) -> pl.DataFrame:
        if keys.is_empty() and (columns := self._nothing.get(block)) is not None:
            return columns
        found = self._store.lookup(self._sql[block], keys, parameters)
        self._nothing.setdefault(block, found.clear())
        return found


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


_MAPS = ("facets", "milestone_times", "attempt_times")
_REACH = ["process", "object", "anchor"]
_LINK_END = ["kind", "event_key"]
_ORDER = {
    "event_objects": ["object", "event_key"],
    "links": ["from_object", "process", "to_object", *_LINK_END],
    "links_to": ["to_object", "process", "from_object", *_LINK_END],
    "ambiguous_links": ["from_object", "process", "to_object"],
    "trace_carriers": ["trace_id", "span_id", "event_key", "object"],
    "trace_pairs": ["trace_id", "process", "from_object", "to_object"],
    "members": ["anchor", "process", "event_key"],
    "reached_objects": ["anchor", "process", "object"],
    "reaches": ["object", "process", "anchor"],
    "instances": ["environment", "process", "anchor"],
    "instance_changes": ["environment", "process", "anchor"],
    "conflicts": ["event_key", "other_hash"],
}
"""Keys of tables. Rows in their order need not be sorted by the engine, which is slower.

`identities` is missing: it is ordered by a hash that only the engine computes.
"""
_AS_GIVEN = {"optimize_on_insert": 0}
"""Rows of one key are told apart when they are read, and need not be while they are written."""
_WIDTH = {"version": pl.UInt64, "change": pl.UInt64, "removed": pl.UInt8}
