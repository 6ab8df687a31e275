"""Traces as evidence: which objects they name, and what follows from it for links.

A tick writes what its events and spans carry, then looks at the traces they belong to as a whole,
with those that span links tie to them, and compares what these traces say now with what they said.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from correlator.acceptance import version_in
from correlator.bridges import Bridge, Carrier, Span, bridges
from correlator.keys import environment_of, type_of
from correlator.linking import Links
from correlator.stitch import LINK, Rules
from suture.contracts.process import EvidenceKind
from suture.store.correlation import CorrelationTables
from suture.store.linking import LinkTables, Standing

MOST_TIED = 64
"""Traces that are looked at together; where more are tied to each other, each is for itself."""

_STEPS = 16
"""How far links are followed from one trace to the next."""

CARRIER = ["trace_id", "span_id", "event_key", "object"]
CARRIED = pl.Schema(
    [*((name, pl.String()) for name in CARRIER), ("occurred_at", pl.Datetime("us", "UTC"))]
)
_TEXTS = [*LINK, "event_key", "source", "id"]
_WANTED = pl.Schema(
    [
        *((name, pl.String()) for name in _TEXTS),
        ("occurred_at", pl.Datetime("us", "UTC")),
        ("unsure", pl.UInt8()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class TraceNews:
    """What a tick has read that bears upon traces.

    `carried` and `displaced` are CARRIER + occurred_at of events; `segments` hold spans.
    """

    carried: pl.DataFrame
    displaced: pl.DataFrame
    segments: Sequence[int]


class Traces:
    """Follows traces and states what they are evidence for."""

    def __init__(
        self, tables: CorrelationTables, candidates: LinkTables, links: Links, rules: Rules
    ) -> None:
        """By the paths of all processes that are stitched."""
        self._tables = tables
        self._candidates = candidates
        self._links = links
        self._paths = {
            (str(row["from_type"]), str(row["to_type"]))
            for row in rules.paths.iter_rows(named=True)
        }
        self._types = sorted({type_ for path in self._paths for type_ in path})
        self._rules = rules

    def take(self, news: TraceNews, standing: Standing, *, change: int) -> pl.DataFrame:
        """Work in a tick's news; LINK of the pairs that traces say something else about now."""
        nothing = pl.DataFrame(schema=dict.fromkeys(LINK, pl.String))
        if not self._paths:
            return nothing
        touched, tied = self._note(news, standing, change)
        if not touched:
            return nothing
        groups = self._groups(touched) if tied else {trace: trace for trace in touched}
        traces = pl.Series(sorted(groups), dtype=pl.String)
        wanted = self._said(groups, self._candidates.carriers(traces))
        if wanted.is_empty() and not standing.traced:
            return nothing
        stored = self._candidates.pairs_of_traces(traces)
        found = self._links.restate(wanted, stored, EvidenceKind.TRACE, change)
        rows = found.rows.with_columns(trace_id=pl.col("event_key").str.strip_prefix("trace:"))
        columns = ["trace_id", *LINK, "occurred_at", "unsure", "removed", "version"]
        self._tables.write("trace_pairs", rows.select(columns))
        return found.pairs

    def _note(self, news: TraceNews, standing: Standing, change: int) -> tuple[set[str], bool]:
        """Write what is carried; the traces to look at, and whether any is tied to another."""
        own = pl.col("type").is_in(self._types)
        carried = news.carried.with_columns(type=type_of("object")).filter(own).drop("type")
        tied, structure = standing.tied, pl.Series([], dtype=pl.String)
        if news.segments:
            spans = self._candidates.span_objects(news.segments, self._types)
            spans = spans.with_columns(event_key=pl.lit("")).select(carried.columns)
            carried = pl.concat([carried, spans])
            self._candidates.note_linked_traces(news.segments)
            tied = self._candidates.standing().tied
            structure = self._candidates.traces_of_segments(news.segments)
        version = version_in(change)
        self._tables.write("trace_carriers", carried.unique(CARRIER), version=version)
        displaced = news.displaced.join(carried, on=CARRIER, how="anti")
        self._tables.write("trace_carriers", displaced, version=version + 1, removed=1)
        touched = {*carried["trace_id"], *displaced["trace_id"], *structure}
        return touched - {""}, tied

    def _groups(self, touched: set[str]) -> dict[str, str]:
        """The traces to look at, each with the name of the group it is looked at with."""
        ties: dict[str, set[str]] = defaultdict(set)
        seen, frontier = set(touched), set(touched)
        for _ in range(_STEPS):
            if not frontier:
                break
            found = self._candidates.linked_traces(pl.Series(sorted(frontier), dtype=pl.String))
            for trace, other in found.select("trace_id", "other").iter_rows():
                ties[trace].add(other)
                ties[other].add(trace)
            frontier = {other for trace in frontier for other in ties[trace]} - seen
            seen |= frontier
        groups: dict[str, str] = {}
        for trace in sorted(seen):
            if trace not in groups:
                together = _reachable(trace, ties)
                whole = len(together) <= MOST_TIED and not together & frontier
                groups |= {one: trace if whole else one for one in together}
        return groups

    def _said(self, groups: dict[str, str], carriers: pl.DataFrame) -> pl.DataFrame:
        """Evidence that the traces of `groups` give by now."""
        grouped = carriers.with_columns(
            group=pl.col("trace_id").replace_strict(groups, return_dtype=pl.String),
            type=type_of("object"),
            environment=environment_of("object"),
        ).filter(pl.col("type").is_in(self._types))
        telling = _telling(grouped)
        if telling.is_empty():
            return pl.DataFrame(schema=_WANTED)
        spans = self._spans(telling["group"], groups)
        found: list[Bridge] = []
        for (group,), rows in telling.group_by("group"):
            members = [_carrier(row) for row in rows.iter_rows(named=True)]
            found += bridges(members, spans.get(str(group), ()), self._paths)
        return self._evidence(found)

    def _spans(self, groups: pl.Series, every: dict[str, str]) -> dict[str, list[Span]]:
        wanted = set(groups)
        traces = sorted(trace for trace, group in every.items() if group in wanted)
        found: dict[str, list[Span]] = defaultdict(list)
        rows = self._candidates.spans(pl.Series(traces, dtype=pl.String))
        for row in rows.iter_rows(named=True):
            links = zip(row["link_traces"], row["link_spans"], strict=True)
            span = Span(
                trace_id=row["trace_id"],
                span_id=row["span_id"],
                parent_id=row["parent_id"],
                links=tuple(sorted(set(links))),
            )
            found[every[row["trace_id"]]].append(span)
        return found

    def _evidence(self, found: Iterable[Bridge]) -> pl.DataFrame:
        rows = [
            {
                "from_object": one.from_object,
                "to_object": one.to_object,
                "event_key": f"trace:{one.trace_id}",
                "source": "trace",
                "id": one.trace_id,
                "occurred_at": one.at,
                "unsure": int(one.unsure),
            }
            for one in found
        ]
        schema = pl.Schema((name, kind) for name, kind in _WANTED.items() if name != "process")
        told = pl.DataFrame(rows, schema=schema).with_columns(
            from_type=type_of("from_object"), to_type=type_of("to_object")
        )
        return told.join(self._rules.paths, on=["from_type", "to_type"]).select(list(_WANTED))


def _reachable(trace: str, ties: dict[str, set[str]]) -> set[str]:
    seen, waiting = {trace}, [trace]
    while waiting:
        for other in ties.get(waiting.pop(), set()) - seen:
            seen.add(other)
            waiting.append(other)
    return seen


def _telling(grouped: pl.DataFrame) -> pl.DataFrame:
    """Of groups in which no event names all objects there are: only these can tell anything."""
    objects = pl.col("object").n_unique()
    every = grouped.group_by("group").agg(named=objects, types=pl.col("type").n_unique())
    events = (
        grouped.filter(pl.col("event_key") != "")
        .group_by("group", "event_key")
        .agg(at_once=objects)
    )
    most = events.group_by("group").agg(at_once=pl.col("at_once").max())
    may = every.join(most, on="group", how="left").filter(
        (pl.col("types") > 1) & (pl.col("at_once").fill_null(0) < pl.col("named"))
    )
    return grouped.join(may, on="group", how="semi")


def _carrier(row: dict[str, object]) -> Carrier:
    names = ("trace_id", "span_id", "event_key", "object", "type", "environment")
    return Carrier(**{name: row[name] for name in names}, at=row["occurred_at"])  # type: ignore[arg-type]
