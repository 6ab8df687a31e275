"""The correlator's tick: read what is new, stitch it, write what follows, move the cursor.

A tick may be killed between any two writes and is then simply repeated: it reads the same range
again, and every row it writes has the same key. Two orders make that true. What a later look-up
would take for known is written after everything that is derived from its being new: `reaches` after
`members` and `instances`, `identities` after them, the cursors last. And rows are never removed
before what replaces them is known.

Numbers of complete ticks (`change`) are what later stages follow.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from correlator.facts import EVENT_COLUMNS, as_events, conflicting, winners
from correlator.instances import MEMBER
from correlator.keys import scope_attributes
from correlator.known import Known
from correlator.linking import Links
from correlator.revise import PAIR, stale
from correlator.side_by_side import SideBySide
from correlator.stitch import LINK, REACH, Delta, Rules, event_links, mentions_of, stitch
from correlator.tracing import CARRIED, CARRIER, TraceNews, Traces
from correlator.versions import Versions
from correlator.writing import Made, Output
from suture.contracts.trace import Signal
from suture.definitions.catalog import Catalog
from suture.store.correlation import CorrelationTables
from suture.store.engine import Store
from suture.store.linking import LinkTables, Standing
from suture.store.segments import Segment

_SPANS_PER_MILESTONE = 20
"""How many spans count like one milestone when segments are gathered into a batch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrelatorTick:
    """What one tick did."""

    segments: int = 0
    facts: int = 0
    events: int = 0
    members: int = 0
    instances: int = 0
    conflicts: int = 0
    decisions: int = 0
    more: bool = False


@dataclass(frozen=True, kw_only=True)
class _News:
    """What a batch says that is new, and what was known of the objects that it names.

    `keyed` are events with `segment` and `content_hash`, one version each; `identities` are rows of
    that table; `contested` are keys of events with several contents; `winning` (event_key,
    occurred_at, content_hash) are versions among the batch that count by now; `reaches` is REACH.
    """

    keyed: pl.DataFrame
    identities: pl.DataFrame
    contested: pl.DataFrame
    winning: pl.DataFrame
    reaches: pl.DataFrame

    @property
    def events(self) -> pl.DataFrame:
        """The events that stitching works on."""
        return self.keyed.select(EVENT_COLUMNS)


@dataclass(frozen=True, kw_only=True)
class _Extension:
    """What a batch adds, and the members and reaches that its anchors had before."""

    delta: Delta
    members: pl.DataFrame
    reaches: pl.DataFrame


class Correlator:
    """Stitches new milestone facts into instances, one tick at a time."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        *,
        batch_events: int = 50_000,
        only: str | None = None,
    ) -> None:
        """`batch_events` bounds how many facts one tick takes, a single segment excepted.

        With `only`, instances of that process alone are made.
        """
        made = {n: catalog.versions_of(n) for n in catalog.processes if only in (None, n)}
        self._versions = Versions(made)
        self._rules = Rules.of(version for several in made.values() for version in several)
        self._types = catalog.object_types
        self._scopes = scope_attributes(self._types)
        carried = sorted({name for p in catalog.every_version() for name in p.carried_attributes})
        self._tables = CorrelationTables(store, carried=carried, scopes=self._scopes)
        self._candidates = LinkTables(store)
        self._known = Known(self._tables, self._candidates, self._types, self._scopes)
        self._links = Links(self._tables, self._candidates, self._known, self._rules)
        self._traces = Traces(self._tables, self._candidates, self._links, self._rules)
        self._calls = SideBySide()
        self._output = Output(self._tables, self._versions, self._calls)
        self._batch_events = batch_events
        self._one_at_a_time = threading.Lock()
        self._settled_decisions: int | None = None

    def tick(self, now: datetime) -> CorrelatorTick:
        """Work in the next batch; `now` is only the time noted beside the cursors."""
        with self._one_at_a_time:
            waiting = self._tables.waiting_segments()
            batch = self._batch(waiting)
            decided = None if batch else self._candidates.decision_rows()
            if decided is not None and decided == self._settled_decisions:
                return CorrelatorTick()
            standing = self._candidates.standing()
            if decided is not None and standing.decisions == standing.worked_in:
                self._settled_decisions = decided
                return CorrelatorTick()
            try:
                with self._calls:
                    return self._work_in(batch, standing, now=now, more=len(batch) < len(waiting))
            finally:
                self._known.end()

    def run(self, now: datetime) -> int:
        """Tick until nothing waits; returns how many events were worked in."""
        total = 0
        while (result := self.tick(now)) != CorrelatorTick():
            total += result.events
        return total

    def _batch(self, waiting: Sequence[Segment]) -> list[Segment]:
        batch: list[Segment] = []
        weight = 0.0
        for segment in waiting:
            spans = segment.signal == Signal.TRACES.value
            weight += segment.rows / _SPANS_PER_MILESTONE if spans else segment.rows
            if batch and weight > self._batch_events:
                break
            batch.append(segment)
        return batch

    def _work_in(
        self, batch: Sequence[Segment], standing: Standing, *, now: datetime, more: bool
    ) -> CorrelatorTick:
        tables = self._tables
        facts = tables.facts_of_segments([segment.segment for segment in batch])
        self._known.begin(standing, facts)
        decisions = standing.decisions - standing.worked_in
        change = standing.change + 1
        spans = [s.segment for s in batch if s.signal == Signal.TRACES.value]
        new = self._news(facts)
        evidence = event_links(new.events, mentions_of(new.events), self._rules)
        self._output.begin("event_objects", _mentions(new.keyed), version=change)
        affected, withdrawn, displaced = self._withdraw(new.contested, change=change)
        in_traces = facts.filter(pl.col("trace_id") != "")
        carried = self._carried(in_traces.join(new.winning, on=new.winning.columns, how="semi"))
        news = TraceNews(carried=carried, displaced=displaced, segments=spans)
        traced = self._traces.take(news, standing, change=change)
        if facts.is_empty() and traced.is_empty() and not decisions:
            self._calls.settle()
            tables.advance(batch, change=change - 1, at=now)
            return CorrelatorTick(segments=len(batch), more=more)
        linked = self._links.take(
            evidence, withdrawn, traced, with_decisions=decisions != 0, change=change
        )
        affected = pl.concat([affected, linked.affected]).unique()
        # Of what is looked up some may belong to processes that are not made here.
        affected = affected.join(self._rules.anchors.select("process"), on="process", how="semi")
        extension = self._stitch(new, linked.accepted)
        if self._versions:
            delta = extension.delta
            by_version = self._versions.touched(new.events, delta.members, delta.reaches)
            affected = pl.concat([affected, by_version]).unique()
        made = [*self._recomputed(affected), self._extended(extension, affected)]
        changed = self._output.instances(made, change=change)
        tables.write("identities", new.identities, version=change)
        tables.advance(batch, change=change, at=now, decisions=standing.decisions)
        return CorrelatorTick(
            segments=len(batch),
            facts=facts.height,
            events=new.events.height,
            members=extension.delta.members.height,
            instances=changed,
            conflicts=new.contested.height,
            decisions=decisions,
            more=more,
        )

    def _news(self, facts: pl.DataFrame) -> _News:
        """Which of `facts` are to be worked in: new ones, and versions that displace others."""
        best = winners(facts)
        keyed = as_events(best, self._types, self._scopes)
        objects = keyed["objects"].explode().unique()
        reaches = self._calls.begin(lambda: self._known.reaches(objects))
        known = self._tables.identities(best["event_key"])
        compared = best.join(known, on="event_key", how="left")
        at, hash_ = pl.col("occurred_at"), pl.col("content_hash")
        known_at, known_hash = pl.col("known_at"), pl.col("known_hash")
        same = (at == known_at) & (hash_ == known_hash)
        # Of several traces the first by its id counts, whichever came first.
        other = (pl.col("known_trace") == "") | (pl.col("trace_id") < pl.col("known_trace"))
        traced = same & (pl.col("trace_id") != "") & other
        smaller = (at < known_at) | ((at == known_at) & (hash_ < known_hash))
        counted = compared.filter(known_at.is_null() | smaller | traced)
        differs = compared.filter(known_at.is_not_null() & ~same)
        contested = pl.concat([conflicting(facts), differs.select("event_key")]).unique()
        winning = compared.filter(known_at.is_null() | smaller | same)
        keyed = keyed.join(counted, on="event_key", how="semi")
        return _News(
            keyed=keyed,
            identities=counted.select("event_key", "occurred_at", "content_hash", "trace_id"),
            contested=contested,
            winning=winning.select("event_key", "occurred_at", "content_hash"),
            reaches=reaches.result(),
        )

    def _carried(self, facts: pl.DataFrame) -> pl.DataFrame:
        """CARRIER rows of facts that bear a trace, every arrival of them."""
        in_traces = facts.filter(pl.col("trace_id") != "")
        if in_traces.is_empty():
            return pl.DataFrame(schema=CARRIED)
        version = ["event_key", "content_hash"]
        keyed = as_events(in_traces.unique(version), self._types, self._scopes)
        named = keyed.select(*version, object="objects").explode("object").unique()
        return in_traces.join(named, on=version).select(list(CARRIED)).unique()

    def _stitch(self, new: _News, links: pl.DataFrame) -> _Extension:
        """What the batch adds, and what there was before at the anchors that it may touch.

        These are the anchors of what its objects were known to reach, and new ones.
        """
        anchors = new.reaches["anchor"].unique()
        members = self._calls.begin(lambda: self._tables.members_of(anchors))
        reaches = self._calls.begin(lambda: self._tables.reaches_of_anchors(anchors))
        return _Extension(
            delta=stitch(new.events, links, new.reaches, self._rules, self._known),
            members=members.result(),
            reaches=reaches.result(),
        )

    def _extended(self, extension: _Extension, affected: pl.DataFrame) -> Made:
        """The instances that the batch adds to, from all their members; `affected` are left out."""
        members = extension.delta.members.join(affected, on=PAIR, how="anti")
        reaches = extension.delta.reaches.join(affected, on=PAIR, how="anti")
        touched = pl.concat([members.select(PAIR), reaches.select(PAIR)]).unique()
        known = extension.members.join(members, on=[*PAIR, "event_key"], how="anti")
        known = known.join(touched, on=PAIR, how="semi")
        before = extension.reaches.join(touched, on=PAIR, how="semi")
        return Made(
            pairs=self._versions.of_single(touched),
            members=pl.concat([known.select(MEMBER), members.select(MEMBER)]),
            reaches=pl.concat([before.select(REACH), reaches.select(REACH)]),
            new_members=members,
            new_reaches=reaches,
        )

    def _withdraw(
        self, contested: pl.DataFrame, *, change: int
    ) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        """Take back what displaced versions said.

        Returns the instances (PAIR) they may touch, the pairs of objects (LINK) that lost evidence,
        and what they carried in traces.
        """
        tables = self._tables
        if contested.is_empty():
            nothing = pl.DataFrame(schema=dict.fromkeys([*PAIR, *LINK], pl.String))
            return nothing.select(PAIR), nothing.select(LINK), pl.DataFrame(schema=CARRIED)
        facts = tables.facts_of_events(contested["event_key"])
        best = winners(facts)
        counting = as_events(best, self._types, self._scopes)
        versions = facts.with_columns(
            own_key="event_key", event_key=pl.concat_str("event_key", "content_hash", separator="/")
        ).unique("event_key")
        keyed = as_events(versions, self._types, self._scopes).rename({"event_key": "version_key"})
        owners = versions.select(version_key="event_key", event_key="own_key")
        found = stale(
            keyed.join(owners, on="version_key"),
            counting.select(EVENT_COLUMNS),
            self._rules,
            self._known,
        )
        tables.write("event_objects", found.mentions, version=change, removed=1)
        self._links.write(found.evidence, version=change, removed=1)
        tables.write("conflicts", _conflicts(facts, best, counting), version=change)
        beaten = facts.join(best, on=["event_key", "content_hash"], how="anti")
        return found.affected, found.evidence.select(LINK), self._displaced(beaten, facts, best)

    def _displaced(
        self, beaten: pl.DataFrame, facts: pl.DataFrame, best: pl.DataFrame
    ) -> pl.DataFrame:
        counting = self._carried(facts.join(best, on=["event_key", "content_hash"], how="semi"))
        versions = beaten.partition_by("content_hash")
        carried = [self._carried(version) for version in versions]
        every = pl.concat([pl.DataFrame(schema=CARRIED), *carried])
        return every.join(counting, on=CARRIER, how="anti").unique(CARRIER)

    def _recomputed(self, affected: pl.DataFrame) -> list[Made]:
        if affected.is_empty():
            return []
        # What is computed from facts must find what this tick has said about them.
        self._calls.settle()
        found = self._versions.recompute(affected, self._rules, self._known)
        return [Made.of(held) for held in found]


def _mentions(events: pl.DataFrame) -> pl.DataFrame:
    return events.select("event_key", "segment", object="objects").explode("object")


def _conflicts(facts: pl.DataFrame, best: pl.DataFrame, counting: pl.DataFrame) -> pl.DataFrame:
    """Every version that does not count, by its first arrival, beside the one that does."""
    kept = best.select(
        "event_key",
        "environment",
        kept_hash="content_hash",
        kept_at="occurred_at",
        kept_segment="segment",
        kept_recorded_at="recorded_at",
    ).join(counting.select("event_key", "objects"), on="event_key")
    others = (
        facts.drop("environment")
        .join(kept, on="event_key")
        .filter(pl.col("content_hash") != pl.col("kept_hash"))
        .sort("event_key", "content_hash", "recorded_at", "segment")
        .unique(["event_key", "content_hash"], keep="first", maintain_order=True)
    )
    return others.select(
        *kept.columns,
        "source",
        "id",
        other_hash="content_hash",
        other_at="occurred_at",
        other_segment="segment",
        other_recorded_at="recorded_at",
    )
