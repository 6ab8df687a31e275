"""What delay attribution reads and writes.

`attributions` and `instance_traces` replace by key; a run that is killed anywhere is repeated over
the same instances and writes the same keys. The cursors are written last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import pyarrow as pa

from suture.contracts.attribution import Attribution
from suture.contracts.trace import Signal
from suture.store.engine import Store
from suture.store.linking import CHANGES
from suture.store.queries import load
from suture.store.segments import Segment, waiting_segments

ATTRIBUTED = "attribution"
"""Cursor stage: a row a stream for segments of spans."""
FOLLOWED = "attribution-change"
"""Cursor stage: the last change of the correlator that is wholly attributed."""
TICKS = "attribution-tick"
"""Cursor stage: the number of the last finished run, which is the version of what it wrote."""

SPANS_OF_A_TRACE = 5_000
"""Spans that are read of one trace, the earliest first."""

_SEGMENTS_AT_ONCE = 20
_ALL = 2**62
_TEXTS = pa.list_(pa.string())
_NUMBERS = pa.list_(pa.int64())
_SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("process", pa.string()),
        ("anchor", pa.string()),
        ("started_at", pa.timestamp("us", tz="UTC")),
        ("ended_at", pa.timestamp("us", tz="UTC")),
        ("facets", pa.map_(pa.string(), pa.string())),
        ("piece_start", _NUMBERS),
        ("piece_end", _NUMBERS),
        ("piece_from", _TEXTS),
        ("piece_to", _TEXTS),
        ("piece_cause", _TEXTS),
        ("piece_system", _TEXTS),
        ("piece_why", _TEXTS),
        ("piece_evidence", pa.list_(_TEXTS)),
        ("tail_since", pa.int64()),
        ("tail_from", pa.string()),
        ("tail_cause", pa.string()),
        ("tail_system", pa.string()),
        ("tail_why", pa.string()),
        ("tail_evidence", _TEXTS),
        ("planned_start", _NUMBERS),
        ("planned_end", _NUMBERS),
        ("planned_system", _TEXTS),
        ("planned_why", _TEXTS),
        ("planned_evidence", pa.list_(_TEXTS)),
        ("error_types", _TEXTS),
        ("spans", pa.uint32()),
        ("rules", pa.uint64()),
        ("change", pa.uint64()),
        ("removed", pa.uint8()),
        ("version", pa.uint64()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the stage stands: changes attributed and stitched, and the last finished run."""

    followed: int
    stitched: int
    tick: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanProgress:
    """Of one stream of spans the sequence that is loaded, and the one that is attributed."""

    stream: int
    loaded: int
    read: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributedInstance:
    """An instance with its attribution; None for one that was removed."""

    environment: str
    process: str
    anchor: str
    started: int
    ended: int | None
    facets: Mapping[str, str]
    change: int
    attribution: Attribution | None
    spans: int = 0


class AttributionTables:
    """The stage's reads and writes."""

    def __init__(self, store: Store) -> None:
        """Over one store."""
        self._store = store
        self._sql = load("attribution")

    def progress(self) -> Progress:
        """Where the stage stands; everything is 0 before its first run."""
        stages = [FOLLOWED, TICKS, CHANGES]
        rows = self._store.poll(self._sql["progress"], {"stages": stages}, of=["cursors"])
        at = {row["stage"]: int(row["position"]) for row in rows}
        return Progress(
            followed=at.get(FOLLOWED, 0), stitched=at.get(CHANGES, 0), tick=at.get(TICKS, 0)
        )

    def waiting_segments(self) -> list[Segment]:
        """Finished segments of spans that wait to be read."""
        return waiting_segments(
            self._store, stage=ATTRIBUTED, signals=[Signal.TRACES], limit=_SEGMENTS_AT_ONCE
        )

    def changes_upto(self, *, after: int, upto: int, limit: int) -> int:
        """The last change up to which about `limit` instances were touched beyond `after`.

        Always at least one change further where there is one; `upto` where all fit.
        """
        rows = self._store.rows(self._sql["changes"], {"after": after, "upto": upto})
        total, last = 0, after
        for row in rows:
            if total and total + row["instances"] > limit:
                return last
            total += row["instances"]
            last = int(row["change"])
        return last if len(rows) == 10_000 else upto

    def changed(self, *, after: int, upto: int) -> pl.DataFrame:
        """(process, anchor) of the instances touched by changes in (after, upto]."""
        bounds = {"after": after, "upto": upto}
        return self._store.frame(self._sql["changed_instances"], bounds)

    def note_links(self, segments: Sequence[int]) -> None:
        """Remember the span links of some segments, so that they can be followed backwards."""
        self._store.execute(self._sql["note_links"], {"segments": list(segments)})

    def touched_by(self, segments: Sequence[int]) -> pl.DataFrame:
        """(process, anchor) of the instances that the spans of some segments may bear upon."""
        parameters = {"segments": list(segments)}
        traces = self._store.frame(self._sql["new_traces"], parameters)["trace_id"]
        objects = self._store.frame(self._sql["new_objects"], parameters)["object"]
        by_trace = self._store.lookup(self._sql["instances_of_traces"], traces)
        by_object = self._store.lookup(self._sql["instances_of_objects"], objects)
        columns = ["process", "anchor"]
        return pl.concat([by_trace.select(columns), by_object.select(columns)]).unique()

    def outdated(self, process: str, rules: int, *, limit: int) -> pl.DataFrame:
        """(process, anchor) of some instances attributed by other definitions than `rules`."""
        parameters = {"process": process, "rules": rules, "limit": limit}
        return self._store.frame(self._sql["outdated"], parameters)

    def instances(self, process: str, anchors: pl.Series) -> pl.DataFrame:
        """The instances of one process at some anchors; `removed` marks those that are none."""
        return self._store.lookup(self._sql["instances"], anchors, {"process": process})

    def members(self, process: str, anchors: pl.Series, declared: Sequence[str]) -> pl.DataFrame:
        """The events of some instances, ordered; `declared` is the process's milestone order."""
        parameters = {"process": process, "declared": list(declared)}
        return self._store.lookup(self._sql["members"], anchors, parameters)

    def traces_of_objects(self, objects: pl.Series) -> pl.DataFrame:
        """(object, trace_id) of spans that carry these objects."""
        return self._store.lookup(self._sql["traces_of_objects"], objects)

    def traces_linked_to(self, traces: pl.Series) -> pl.DataFrame:
        """(linked_trace_id, trace_id) of traces with a span linked to these."""
        return self._store.lookup(self._sql["traces_linked_to"], traces)

    def traces_linked_in(self, segments: Sequence[int], traces: pl.Series) -> pl.DataFrame:
        """The same by the spans of some segments, whose links were not noted yet."""
        parameters = {"segments": list(segments)}
        return self._store.lookup(self._sql["traces_linked_in"], traces, parameters)

    def span_progress(self) -> list[SpanProgress]:
        """How far spans are loaded and read, by stream."""
        parameters = {"stage": ATTRIBUTED}
        rows = self._store.rows(self._sql["span_progress"], parameters)
        return [
            SpanProgress(stream=row["stream"], loaded=row["loaded"], read=row["position"])
            for row in rows
        ]

    def change_of(self, environment: str, process: str, anchor: str) -> int:
        """The last change of the correlator that touched an instance; 0 for an unknown one."""
        parameters = {"environment": environment, "process": process, "anchor": anchor}
        rows = self._store.rows(self._sql["change_of"], parameters)
        return int(rows[0]["change"]) if rows else 0

    def spans(
        self, traces: pl.Series, attributes: Sequence[str], *, most: int | None = None
    ) -> pl.DataFrame:
        """The spans of some traces, by trace; of their attributes these and business objects.

        At most `most` rows of them all.
        """
        parameters = {"attributes": list(attributes), "limit": SPANS_OF_A_TRACE}
        parameters["most"] = _ALL if most is None else most
        return self._store.lookup(self._sql["spans"], traces, parameters)

    def senders(self, segments: Sequence[int] | None = None) -> set[str]:
        """The services that sent spans: ever, or in some segments."""
        if segments is None:
            rows = self._store.rows(self._sql["senders"])
        else:
            parameters = {"segments": list(segments)}
            rows = self._store.rows(self._sql["senders_of_segments"], parameters)
        return {row["service"] for row in rows}

    def clock_offsets(self, environment: str, first: int, last: int) -> list[dict[str, Any]]:
        """Rows (service, hour, offset_micros, uncertainty_micros) of hours first to last."""
        parameters = {"environment": environment, "first": first, "last": last}
        return self._store.rows(self._sql["clock_offsets"], parameters)

    def write(
        self, found: Sequence[AttributedInstance], *, rules: Mapping[str, int], version: int
    ) -> None:
        """Append attributions, computed by the definitions that `rules` hashes, by process."""
        if found:
            rows = [_row(one, rules.get(one.process, 0), version) for one in found]
            self._store.insert_arrow("attributions", pa.Table.from_pylist(rows, schema=_SCHEMA))

    def write_traces(self, rows: pl.DataFrame, *, version: int) -> None:
        """Remember which instances looked at which traces."""
        versioned = rows.with_columns(version=pl.lit(version, pl.UInt64))
        self._store.insert_frame("instance_traces", versioned)

    def advance(
        self, segments: Sequence[Segment], *, followed: int, tick: int, at: datetime
    ) -> None:
        """Move the cursors: the run `tick` is done."""
        ends: dict[int, int] = {}
        for segment in segments:
            ends[segment.stream] = max(segment.sequence, ends.get(segment.stream, 0))
        positions = [(ATTRIBUTED, stream, position) for stream, position in ends.items()]
        positions += [(FOLLOWED, 0, followed), (TICKS, 0, tick)]
        self._store.insert(
            "cursors",
            [
                {"stage": stage, "stream": stream, "position": position, "updated_at": at}
                for stage, stream, position in positions
            ],
        )


def _row(one: AttributedInstance, rules: int, version: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "environment": one.environment,
        "process": one.process,
        "anchor": one.anchor,
        "started_at": one.started,
        "ended_at": one.ended,
        "facets": list(one.facets.items()),
        "spans": one.spans,
        "rules": rules,
        "change": one.change,
        "removed": int(one.attribution is None),
        "version": version,
    }
    found = one.attribution or Attribution(pieces=())
    tail = found.tail
    planned = tail.planned if tail else ()
    for prefix, pieces in (("piece", found.pieces), ("planned", planned)):
        row[f"{prefix}_start"] = [piece.start for piece in pieces]
        row[f"{prefix}_end"] = [piece.end for piece in pieces]
        row[f"{prefix}_system"] = [piece.system or "" for piece in pieces]
        row[f"{prefix}_why"] = [piece.why for piece in pieces]
        row[f"{prefix}_evidence"] = [list(piece.evidence) for piece in pieces]
    row["piece_from"] = [piece.from_milestone for piece in found.pieces]
    row["piece_to"] = [piece.to_milestone or "" for piece in found.pieces]
    row["piece_cause"] = [piece.cause.value for piece in found.pieces]
    row["tail_since"] = tail.since if tail else None
    row["tail_from"] = tail.rest.from_milestone if tail else ""
    row["tail_cause"] = tail.rest.cause.value if tail else ""
    row["tail_system"] = (tail.rest.system or "") if tail else ""
    row["tail_why"] = tail.rest.why if tail else ""
    row["tail_evidence"] = list(tail.rest.evidence) if tail else []
    row["error_types"] = list(found.error_types)
    return row
