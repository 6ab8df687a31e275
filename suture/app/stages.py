"""The stages between the loaded facts and the people, as links of one chain."""

from datetime import datetime

from correlator.job import Correlator
from sla_rules.job import SlaJob
from suture.app.ticking import Stage
from suture.definitions.catalog import Catalog
from suture.settings import Settings
from suture.store.engine import Store


def chain_of(store: Store, catalog: Catalog, settings: Settings) -> list[Stage]:
    """Stitch, judge, alert: each reads what the one before wrote."""
    correlator = Correlator(store, catalog, batch_events=settings.correlate_batch_events)
    judge = SlaJob(store, catalog)

    def stitch(now: datetime) -> bool:
        return correlator.tick(now).more

    def decide(now: datetime) -> bool:
        return not judge.tick(now).caught_up

    return [Stage(name="correlator", tick=stitch), Stage(name="sla_rules", tick=decide)]


def run_once(chain: list[Stage], now: datetime) -> bool:
    """One tick of every stage in order; says whether any has more to do."""
    more = [stage.tick(now) for stage in chain]
    return any(more)
