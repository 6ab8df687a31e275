"""What the API and the pages stand on: readers, catalogue, clock, and two views of the doors."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dashboards.recent import Recent
from suture.clock import Clock
from suture.definitions.catalog import Catalog
from suture.settings import Settings
from suture.store.engine import Store
from suture.store.reading.dead_letters import DeadLetterReader
from suture.store.reading.instances import InstanceReader
from suture.store.reading.measures import MeasureReader
from suture.store.reading.processes import ProcessReader
from suture.store.reading.status import StatusReader
from suture.store.reading.traces import TraceReader


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectorStatus:
    """What the doors say of their spool; `waiting_since` is when the oldest record left came."""

    spool_records: int = 0
    spool_bytes: int = 0
    spool_max_bytes: int = 0
    waiting_since: datetime | None = None


StatusSource = Callable[[], CollectorStatus]
PayloadReader = Callable[[str], bytes | None]


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
    collector: StatusSource
    payload: PayloadReader
    recent: Recent

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
    ) -> "Services":
        """The readers over one store."""
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
            collector=collector,
            payload=payload,
            recent=Recent(),
        )

    def environment(self, asked: str | None) -> str:
        """The environment asked about: the installation's own unless a query names one."""
        return asked or self.settings.environment

    def now(self) -> datetime:
        """The present instant."""
        return self.clock.now()
