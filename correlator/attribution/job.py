"""Attribution at work: follow the correlator and the spans, attribute what they touch, write it.

One tick looks at the instances that the correlator touched since the last one, at those that new
spans may bear upon, and at some that were attributed by other definitions. Everything written
replaces by key and the cursors are written last, so a tick that is killed anywhere is repeated. An
instance that a tick looks at before all its spans are there is looked at again when they are: which
traces it looked at is remembered, found or not.
"""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from correlator.attribution.attribute import Planning, attribute, nothing_planned
from correlator.attribution.gather import Gathered, gather
from correlator.attribution.model import (
    HOUR,
    ClockOffset,
    Instance,
    Landscape,
    Member,
    Milestone,
    System,
)
from suture.contracts.attribution import Attribution
from suture.definitions.catalog import Catalog
from suture.definitions.process import ProcessDefinition
from suture.store.attribution import (
    AttributedInstance,
    AttributionTables,
    Progress,
)
from suture.store.engine import Store
from suture.store.segments import Segment

PAGE = 500
"""Instances held in memory at a time."""

BUDGET = 200
"""Instances attributed in one tick, about; a single change of the correlator is never split."""

RULES_VERSION = 1
"""Goes up when the rules themselves change, so that what stands is attributed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionTick:
    """What one tick did."""

    instances: int = 0
    segments: int = 0
    more: bool = False


class AttributionJob:
    """Attributes instances, one tick at a time."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        *,
        planning: Planning = nothing_planned,
        page: int = PAGE,
        budget: int = BUDGET,
    ) -> None:
        """By the definitions of `catalog`; `planning` knows pauses and calendars."""
        self._tables = AttributionTables(store)
        self._catalog = catalog
        self._planning = planning
        self._page, self._budget = page, budget
        self._rules = {n: _fingerprint(catalog.versions_of(n), catalog) for n in catalog.processes}
        self._settled: set[str] = set()
        self._senders: set[str] | None = None
        self._one_at_a_time = threading.Lock()

    def tick(self, now: datetime) -> AttributionTick:
        """Attribute what is new; `now` is only the time noted beside the cursors.

        Raises StoreUnavailable when the store does not answer; the next tick begins anew.
        """
        with self._one_at_a_time:
            progress = self._tables.progress()
            segments = self._tables.waiting_segments()
            upto = self._upto(progress)
            if segments or upto > progress.followed:
                return self._work_in(segments, progress, upto, now)
            return self._catch_up(progress, now)

    def run(self, now: datetime) -> int:
        """Tick until nothing is left; returns how many attributions were computed."""
        total = 0
        while True:
            result = self.tick(now)
            total += result.instances
            if not result.more:
                return total

    def rules(self, process: str) -> int:
        """The hash of the definitions that attributions of a process rest on; 0: unknown."""
        return self._rules.get(process, 0)

    def learn_senders(self, segments: Sequence[int] | None) -> None:
        """Know who sends spans, those of some new segments too; None asks for all of them anew."""
        if segments is None:
            self._senders = None
        self._learn_senders(segments or ())

    def compute(
        self, process: str, anchor: str, *, unread: Sequence[int] = (), most_spans: int
    ) -> AttributedInstance | None:
        """The attribution of one instance as it stands, not written; safe in any thread.

        `unread` are segments of spans that no tick has read. None where there is no such instance,
        and where its traces have more than `most_spans` spans.
        """
        instances = self._tables.instances(process, pl.Series([anchor]))
        if instances.is_empty():
            return None
        definition = self._catalog.version_of(process, instances["process_version"][0])
        if definition is None:
            return None
        found, gathered, _ = self._computed(
            definition, instances, unread=unread, most_spans=most_spans
        )
        return found[0] if found and not gathered.too_many else None

    def _upto(self, progress: Progress) -> int:
        if progress.stitched <= progress.followed:
            return progress.followed
        return self._tables.changes_upto(
            after=progress.followed, upto=progress.stitched, limit=self._budget
        )

    def _work_in(
        self, segments: Sequence[Segment], progress: Progress, upto: int, now: datetime
    ) -> AttributionTick:
        numbers = [segment.segment for segment in segments]
        touched = self._tables.changed(after=progress.followed, upto=upto)
        self._learn_senders(numbers)
        if numbers:
            self._tables.note_links(numbers)
            by_spans = self._tables.touched_by(numbers)
            touched = pl.concat([touched, by_spans.select(touched.columns)]).unique()
        version = progress.tick + 1
        count = self._attribute(touched, version)
        self._tables.advance(segments, followed=upto, tick=version, at=now)
        return AttributionTick(instances=count, segments=len(segments), more=True)

    def _catch_up(self, progress: Progress, now: datetime) -> AttributionTick:
        """Attribute some instances again that stand by other definitions."""
        for process, rules in self._rules.items():
            if process in self._settled:
                continue
            outdated = self._tables.outdated(process, rules, limit=self._budget)
            if outdated.is_empty():
                self._settled.add(process)
                continue
            version = progress.tick + 1
            count = self._attribute(outdated, version)
            self._tables.advance([], followed=progress.followed, tick=version, at=now)
            return AttributionTick(instances=count, more=True)
        return AttributionTick()

    def _learn_senders(self, segments: Sequence[int]) -> None:
        # Replaced, never changed: another thread may be reading it.
        if self._senders is None:
            self._senders = self._tables.senders()
        elif segments:
            self._senders = self._senders | self._tables.senders(segments)

    def _attribute(self, touched: pl.DataFrame, version: int) -> int:
        count = 0
        for (process,), group in touched.group_by("process", maintain_order=True):
            anchors = group["anchor"].sort()
            for start in range(0, len(anchors), self._page):
                page = self._tables.instances(str(process), anchors.slice(start, self._page))
                for (number,), held in page.group_by("process_version", maintain_order=True):
                    definition = self._catalog.version_of(str(process), int(str(number)))
                    if definition is not None:
                        count += self._attribute_page(definition, held, version)
        return count

    def _attribute_page(
        self, definition: ProcessDefinition, instances: pl.DataFrame, version: int
    ) -> int:
        found, gathered, standing = self._computed(definition, instances)
        self._tables.write(found, rules=self._rules, version=version)
        looked_at = _looked_at(standing, definition.process, gathered)
        self._tables.write_traces(looked_at, version=version)
        return len(found)

    def _computed(
        self,
        definition: ProcessDefinition,
        instances: pl.DataFrame,
        *,
        unread: Sequence[int] = (),
        most_spans: int | None = None,
    ) -> tuple[list[AttributedInstance], Gathered, pl.DataFrame]:
        """Some instances, what was gathered for them, and the rows of those that stand."""
        tables, process = self._tables, definition.process
        anchors = instances["anchor"]
        standing = instances.filter(pl.col("removed") == 0)
        members = _members(tables.members(process, anchors, definition.milestone_names))
        gathered = gather(
            tables,
            standing,
            types=self._catalog.object_types,
            own_types=definition.object_types,
            unread=unread,
            most_spans=most_spans,
        )
        landscapes = self._landscapes(standing, gathered)
        declared, found = _declared(definition), []
        for row in instances.iter_rows(named=True):
            anchor, landscape = row["anchor"], landscapes.get(row["environment"])
            attribution, spans = None, []
            if not row["removed"] and landscape is not None:
                spans = gathered.spans_of(anchor)
                instance = Instance(
                    start=row["started"],
                    end=row["ended"],
                    members=members.get(anchor, ()),
                    declared=declared,
                )
                attribution = attribute(instance, spans, landscape, self._planning)
            found.append(_attributed(row, process, attribution, len(spans)))
        return found, gathered, standing

    def _landscapes(self, standing: pl.DataFrame, gathered: Gathered) -> dict[str, Landscape]:
        """The systems around, per environment: clocks are those of its own services."""
        self._learn_senders([])
        plain = landscape_of(self._catalog, frozenset(self._senders or ()))
        times = [span.start for spans in gathered.spans.values() for span in spans]
        found = {}
        for environment in standing["environment"].unique():
            rows = []
            if times:
                first, last = min(times) // HOUR, max(times) // HOUR
                rows = self._tables.clock_offsets(environment, first, last)
            offsets = {
                (row["service"], row["hour"]): ClockOffset(
                    micros=row["offset_micros"], uncertainty=row["uncertainty_micros"]
                )
                for row in rows
            }
            found[environment] = _with_clocks(plain, offsets)
        return found


def landscape_of(catalog: Catalog, senders: frozenset[str]) -> Landscape:
    """The systems of a catalogue; `senders` are the services that send spans."""
    systems = catalog.systems
    return Landscape(
        systems={name: System(role=system.role) for name, system in systems.items()},
        services=dict(catalog.service_systems),
        queues={queue: name for name, system in systems.items() for queue in system.queues},
        addresses={
            address.lower(): name
            for name, system in systems.items()
            for address in system.addresses
        },
        senders=senders,
    )


def _attributed(
    row: Mapping[str, Any], process: str, attribution: Attribution | None, spans: int
) -> AttributedInstance:
    return AttributedInstance(
        environment=row["environment"],
        process=process,
        anchor=row["anchor"],
        started=row["started"],
        ended=row["ended"],
        facets=dict(zip(row["facet_names"], row["facet_values"], strict=True)),
        change=row["change"],
        attribution=attribution,
        spans=spans,
    )


def _with_clocks(plain: Landscape, offsets: Mapping[tuple[str, int], ClockOffset]) -> Landscape:
    return Landscape(
        systems=plain.systems,
        services=plain.services,
        queues=plain.queues,
        addresses=plain.addresses,
        senders=plain.senders,
        offsets=offsets,
    )


def _declared(definition: ProcessDefinition) -> list[Milestone]:
    return [
        Milestone(name=one.name, kind=one.kind, system=one.system, title=one.title)
        for one in definition.milestones
    ]


def _members(frame: pl.DataFrame) -> dict[str, list[Member]]:
    found: dict[str, list[Member]] = {}
    for anchor, milestone, at, outcome, reason, trace_id, id_ in frame.iter_rows():
        member = Member(
            milestone=milestone, at=at, outcome=outcome, reason=reason, trace_id=trace_id, id=id_
        )
        found.setdefault(anchor, []).append(member)
    return found


def _looked_at(standing: pl.DataFrame, process: str, gathered: Gathered) -> pl.DataFrame:
    environments = dict(standing.select("anchor", "environment").iter_rows())
    rows = [
        (trace, environments[anchor], process, anchor)
        for anchor, evidence in gathered.evidence.items()
        for trace in evidence.wanted
    ]
    columns = ["trace_id", "environment", "process", "anchor"]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _fingerprint(versions: Sequence[ProcessDefinition], catalog: Catalog) -> int:
    """A hash of all definitions that an attribution depends on."""
    parts = [
        str(RULES_VERSION),
        *(one.model_dump_json() for version in versions for one in version.milestones),
        *(f"{name} {system.model_dump_json()}" for name, system in sorted(catalog.systems.items())),
    ]
    digest = hashlib.sha256("\n".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big")
