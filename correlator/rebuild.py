"""Rebuilding: all instances anew from the facts, beside the present ones, then a swap.

The new tables grow in a database of their own in which the facts are views of the real ones, so the
very same tick does the work. Numbers of changes go on from where they are, so that later stages
follow a rebuild like any other change: verdict history is appended to, never replaced.
"""

from dataclasses import dataclass
from datetime import datetime

from correlator.job import Correlator
from suture.definitions.catalog import Catalog
from suture.store.engine import Store
from suture.store.rebuilding import RebuildSpace


@dataclass(frozen=True, kw_only=True, slots=True)
class RebuildResult:
    """What a rebuild computed."""

    events: int
    instances: int


def rebuild(
    store: Store, catalog: Catalog, *, now: datetime, only: str | None = None
) -> RebuildResult:
    """Recompute the instances of all processes, or of `only` one, and put them in place.

    Nothing may tick on `store` meanwhile; what is read is the present state until the swap. Killed
    before that, it leaves the present state as it was and the next rebuild begins anew; killed in
    the middle of it, the swap is finished when the store is opened next, or by its next worker.
    """
    kept = [name for name in catalog.processes if only is not None and name != only]
    with RebuildSpace(store) as space:
        space.prepare(kept_processes=kept, now=now)
        events = Correlator(space.store, catalog, only=only).run(now)
        instances = space.swap(now=now)
    return RebuildResult(events=events, instances=instances)
