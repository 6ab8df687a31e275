"""One life of a process that rebuilds: it opens what was left, says what stands, and may be killed.

Forked from a process in which everything is imported but the engine, since importing takes longer
than a life, and the engine hangs in a fork.
"""

import importlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from killing import die_at

from correlator.job import Correlator
from correlator.rebuild import rebuild
from suture.app.installation import open_store
from suture.contracts.milestone import Milestone
from suture.contracts.objects import ObjectRef
from suture.contracts.trace import Signal, segment_number
from suture.definitions.catalog import Catalog
from suture.definitions.process import ProcessDefinition
from suture.settings import Settings
from suture.store.engine import Store
from suture.store.facts import finish_segment, milestone_table

T0 = datetime(2026, 3, 1, tzinfo=UTC)
_FIRST = {
    "process": "supply",
    "title": "Supply",
    "domain": "supply",
    "owner": "desk",
    "anchor": "requisition",
    "paths": [
        {"from": "requisition", "to": "order"},
        {"from": "order", "to": "receipt", "cardinality": "one_to_many"},
    ],
    "milestones": [{"name": n} for n in ("created", "ordered", "received")],
    "starts_with": "created",
    "completes_with": "received",
    "facets": ["ward"],
}
CATALOGS = {
    "first": Catalog(processes={"supply": ProcessDefinition.model_validate(_FIRST)}),
    "second": Catalog(
        processes={
            "supply": ProcessDefinition.model_validate(
                _FIRST
                | {"version": 2, "effective_from": date(2026, 1, 1), "completes_with": "ordered"}
                | {"paths": _FIRST["paths"][:1], "facets": []}
            )
        }
    ),
}
"""The definitions before and after a change that every instance shows."""

STATE = {
    "instances": "change",
    "members": "version",
    "reaches": "version",
    "reached_objects": "version",
    "links": "version",
    "links_to": "version",
    "event_objects": "version",
    "identities": "version",
}
"""What stands, without the counters that tell one computation from the next."""


def live(talk: Connection, data: Path, point: str, number: int) -> None:
    """Open the store, say what stands, then do what is asked until nothing is any more.

    With a `point` (see `killing.py`) it dies there the n-th time, in what it does after opening.
    """
    importlib.import_module("chdb")
    with open_store(Settings(data=data)) as store:
        talk.send(state(store))
        if point:
            die_at(point, number, store=data / "store", spool=data / "spool.db")
        while asked := talk.recv():
            do, *arguments = asked
            _DOES[do](store, *arguments)
            talk.send(state(store))


def state(store: Store) -> dict[str, Any]:
    """All derived rows that count, and whether a space for a rebuild is left."""
    found: dict[str, Any] = {}
    for table, counter in STATE.items():
        columns = [c for c in _columns(store, table) if c != counter]
        removed = "WHERE removed = 0" if "removed" in columns else ""
        sql = f"SELECT {', '.join(columns)} FROM {table} FINAL {removed} ORDER BY ALL"
        found[table] = [tuple(map(str, row.values())) for row in store.rows(sql)]
    spaces = store.rows("SELECT count() AS n FROM system.databases WHERE name LIKE '%rebuild'")
    found["spaces"] = spaces[0]["n"]
    return found


def _columns(store: Store, table: str) -> list[str]:
    return [row["name"] for row in store.rows(f"DESCRIBE TABLE {table}")]


def _feed(store: Store, which: str, segment: int, requisitions: Sequence[int]) -> None:
    rows = [
        Milestone(
            source="/erp",
            id=f"{n}-{name}",
            milestone=name,
            occurred_at=T0 + timedelta(minutes=10 * n + place),
            attributes={"ward": f"w{n % 3}"},
            objects=tuple(ObjectRef(type=t, id=f"{t}-{m}") for t, m in about),
        )
        for n in requisitions
        for place, (name, about) in enumerate(
            [
                ("created", [("requisition", n)]),
                ("ordered", [("requisition", n), ("order", n // 2)]),
                ("received", [("order", n // 2), ("receipt", n // 3)]),
            ]
        )
    ]
    id_ = segment_number(1, segment)
    store.insert_arrow("milestones", milestone_table(rows, segment=id_, recorded_at=T0))
    finish_segment(store, segment=id_, signal=Signal.MILESTONES, rows=len(rows), finished_at=T0)
    Correlator(store, CATALOGS[which]).run(T0)


def _rebuild(store: Store, which: str) -> None:
    rebuild(store, CATALOGS[which], now=T0)


_DOES = {"feed": _feed, "rebuild": _rebuild}
