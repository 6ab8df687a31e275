"""What the API and the pages stand on: readers, catalogue, clock, and two views of the doors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dashboards.recent import Recent
from suture.clock import Clock
from suture.contracts.attribution import Attribution
from suture.contracts.dead_letter import ActResult
from suture.definitions.catalog import Catalog
from suture.settings import Settings
from suture.store.engine import Store
from suture.store.link_decisions import LinkDesk
from suture.store.reading.attribution import AttributionReader
from suture.store.reading.conflicts import ConflictReader
from suture.store.reading.conformance import ConformanceReader
from suture.store.reading.dead_letters import DeadLetter, DeadLetterReader
from suture.store.reading.instances import InstanceReader
from suture.store.reading.links import LinkReader
from suture.store.reading.measures import MeasureReader
from suture.store.reading.processes import ProcessReader
from suture.store.reading.sources import SourceReader
from suture.store.reading.status import StatusReader
from suture.store.reading.traces import TraceReader
from suture.store.reading.views import ViewReader


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectorStatus:
    """What the doors say of their spool; `waiting_since` is when the oldest record left came."""

    spool_records: int = 0
    spool_bytes: int = 0
    spool_max_bytes: int = 0
    waiting_since: datetime | None = None


AttributionSource = Callable[[str, str, str], Attribution | None]
"""The attribution of an instance as it stands, by environment, process and the anchor's key."""

StatusSource = Callable[[], CollectorStatus]
PayloadReader = Callable[[str], bytes | None]


class LetterDesk(Protocol):
    """Whoever acts on dead letters: the collector's, where its data directory is here."""

    def replay(
        self, letters: Sequence[DeadLetter], *, actor: str, comment: str = ""
    ) -> Sequence[ActResult]:
        """Try letters again, and say of each what came of it."""

    def discard(
        self, letters: Sequence[DeadLetter], *, actor: str, comment: str = ""
    ) -> Sequence[ActResult]:
        """Say of letters that nobody needs them."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything a route or a page needs. Calls that reach the store block: use a thread."""

    store: Store
    catalog: Catalog
    settings: Settings
    clock: Clock
    instances: InstanceReader
    processes: ProcessReader
    measures: MeasureReader
    traces: TraceReader
    dead_letters: DeadLetterReader
    status: StatusReader
    sources: SourceReader
    attribution: AttributionReader
    attributed: AttributionSource
    views: ViewReader
    conformance: ConformanceReader
    conflicts: ConflictReader
    links: LinkReader
    link_desk: LinkDesk
    collector: StatusSource
    payload: PayloadReader
    recent: Recent
    desk: LetterDesk | None = None

    @classmethod
    def over(
        cls,
        store: Store,
        catalog: Catalog,
        settings: Settings,
        clock: Clock,
        *,
        collector: StatusSource,
        payload: PayloadReader,
        desk: LetterDesk | None = None,
        attributed: AttributionSource | None = None,
    ) -> "Services":
        """The readers over one store; without `attributed` what is stored has to do."""
        links = LinkReader(store, {name: catalog.versions_of(name) for name in catalog.processes})
        reader = AttributionReader(store)

        def stored(environment: str, process: str, anchor: str) -> Attribution | None:
            return reader.one(environment=environment, process=process, anchor=anchor)

        return cls(
            store=store,
            catalog=catalog,
            settings=settings,
            clock=clock,
            instances=InstanceReader(store, sorted(catalog.processes)),
            processes=ProcessReader(store),
            measures=MeasureReader(store),
            traces=TraceReader(store),
            dead_letters=DeadLetterReader(store),
            status=StatusReader(store),
            sources=SourceReader(store),
            attribution=reader,
            attributed=attributed or stored,
            views=ViewReader(store),
            conformance=ConformanceReader(store),
            conflicts=ConflictReader(store),
            links=links,
            link_desk=LinkDesk(store, links),
            collector=collector,
            payload=payload,
            recent=Recent(),
            desk=desk,
        )

    def environment(self, asked: str | None) -> str:
        """The environment asked about: the installation's own unless a query names one."""
        return asked or self.settings.environment

    def now(self) -> datetime:
        """The present instant."""
        return self.clock.now()
