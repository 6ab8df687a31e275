"""Map, variants and conformance over a million events, written straight into the tables.

The reference groups the members themselves: what one would do if instances did not hold the
sequence of their milestones. It gives the sequences alone, without anything that views add to them.
"""

import logging
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from suture.app.logs import configure_logs
from suture.definitions.catalog import load_catalog
from suture.store.engine import Store
from suture.store.migrate import migrate
from suture.store.reading.conformance import ConformanceReader
from suture.store.reading.views import ViewFilter, ViewReader
from tests.attribution_demo import HEALTHCARE
from tests.bench.report import report

PROCESS = "requisition_to_fulfilment"
INSTANCES, STEPS, INSERTS = 143_000, 7, 8
EVENTS = INSTANCES * STEPS
BUDGET_SECONDS = 1.0
RUNS = 3
NOW = datetime(2026, 11, 22, tzinfo=UTC)

SEQUENCES = """
WITH {names:Array(String)} AS declared,
     arrayMap(k -> if(cityHash64(number, k) % 16 = 0,
                      declared[1 + cityHash64(number, k, 1) % length(declared)], declared[k]),
              range(1, {steps:UInt8} + 1)) AS names,
     arrayMap(k -> toDateTime64('2026-06-01 00:00:00', 6, 'UTC') + toIntervalSecond(number * 100)
                   + toIntervalMicrosecond(k * 3600000000 + cityHash64(number, k, 2) % 3000000000),
              range({steps:UInt8})) AS times,
     concat('production|requisition||R-', toString(number)) AS anchor
"""
INSTANCE_ROWS = """
INSERT INTO instances (environment, process, process_version, anchor, anchor_type, anchor_id,
    status, started_at, last_at, stall_at, last_milestone, facets, members_count, path, path_times,
    path_reached, change)
SELECT 'production', {process:String}, 1, anchor, 'requisition', concat('R-', toString(number)),
    if(number % 10 = 0, 'open', 'completed'), times[1], times[-1], times[-1], names[-1],
    map('facility', concat('f', toString(number % 7))), length(names), names, times,
    arrayMap(k -> toUInt8(cityHash64(number, k, 3) % 50 != 0), range({steps:UInt8})), 1
FROM numbers({first:UInt64}, {count:UInt64})
"""
MEMBER_ROWS = """
INSERT INTO members (process, anchor, event_key, milestone, system, source, id, occurred_at,
    recorded_at, sequence, outcome, objects, version)
SELECT {process:String}, anchor, lower(hex(sipHash128(number, name))), name, 'erp', '/erp',
    concat(name, toString(number)), at, at, 0, 'ok', [anchor], 1
FROM numbers({first:UInt64}, {count:UInt64}) ARRAY JOIN names AS name, times AS at
"""
REFERENCE = """
SELECT count() AS found, uniqExact(path) AS variants
FROM
(
    SELECT anchor, groupArray(milestone) AS path, groupArray(occurred_at) AS times
    FROM
    (
        SELECT anchor, milestone, occurred_at FROM members FINAL
        WHERE process = {process:String} AND removed = 0
        ORDER BY anchor, occurred_at, sequence, source, id
    )
    GROUP BY anchor
)
"""


def main() -> None:
    """Fill, then measure each view; the best of a few runs counts."""
    process = load_catalog(HEALTHCARE).processes[PROCESS]
    wanted = ViewFilter(environment="production", process=PROCESS)
    with tempfile.TemporaryDirectory() as folder, Store(f"chdb://{folder}/store") as store:
        migrate(store)
        _fill(store, process.milestone_names[:8])
        reference, _ = _seconds(lambda: store.rows(REFERENCE, {"process": PROCESS}))
        views, conformance = ViewReader(store), ConformanceReader(store)
        calls: dict[str, Callable[[], Any]] = {
            "map": lambda: views.map(wanted, now=NOW),
            "variants": lambda: views.variants(wanted, now=NOW, limit=50),
            "map_and_variants": lambda: (
                views.map(wanted, now=NOW),
                views.variants(wanted, now=NOW, limit=50),
            ),
            "conformance": lambda: conformance.total(wanted, [process], now=NOW),
            "conformance_by_facet_and_week": lambda: conformance.split(
                wanted, [process], ["facet.facility", "week"], now=NOW, limit=1000
            ),
        }
        if (found := views.map(wanted, now=NOW)).instances != INSTANCES:
            raise SystemExit(f"{found.instances} instances were found, not {INSTANCES}")
        if sum(node.count for node in found.nodes) != EVENTS:
            raise SystemExit(f"the map does not count {EVENTS} events")
        for name, call in calls.items():
            _report(name, *_seconds(call), reference)


def _report(name: str, seconds: float, cpu_seconds: float, reference: float) -> None:
    """The budget is in seconds, so the ratio to the reference stands beside it.

    So does the time of the cores: what it would take alone on as many is at least their share.
    """
    report(
        f"view_{name}_over_1M_events",
        seconds,
        "s",
        at_most=BUDGET_SECONDS,
        events=EVENTS,
        cpu_seconds=round(cpu_seconds, 3),
        cores=len(os.sched_getaffinity(0)),
        grouping_members_seconds=round(reference, 3),
        ratio_to_grouping_members=round(seconds / reference, 3),
    )


def _seconds(call: Callable[[], Any]) -> tuple[float, float]:
    """(elapsed, of all cores): the best of a few runs."""
    best = cpu = float("inf")
    for _ in range(RUNS):
        began, begun = time.perf_counter(), time.process_time()
        call()
        best = min(best, time.perf_counter() - began)
        cpu = min(cpu, time.process_time() - begun)
    return best, cpu


def _fill(store: Store, names: tuple[str, ...]) -> None:
    """In several inserts, so that reading has parts to put together."""
    each = -(-INSTANCES // INSERTS)
    for first in range(0, INSTANCES, each):
        given = {
            "process": PROCESS,
            "names": list(names),
            "steps": STEPS,
            "first": first,
            "count": min(each, INSTANCES - first),
        }
        for sql in (INSTANCE_ROWS, MEMBER_ROWS):
            insert, select = sql.split("SELECT", 1)
            store.execute(f"{insert}{SEQUENCES}SELECT{select}", given)


if __name__ == "__main__":
    configure_logs("console", level=logging.WARNING)
    main()
