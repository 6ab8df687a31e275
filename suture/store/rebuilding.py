"""A place to recompute derived tables beside the live ones, and the swap.

The space is a database of its own on the same engine. The facts in it are views of the live tables;
the derived tables are its own until they are exchanged with the live ones, each exchange being
atomic. Killed before the swap is planned, it leaves the live tables as they are; killed later, the
swap is finished. Either is seen to by whoever works on the store next, before anything else.
"""

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from suture.store.engine import Store
from suture.store.linking import CHANGES
from suture.store.migrate import migrate
from suture.store.queries import load
from suture.store.schema import shipped

_FACTS = (
    "milestones",
    "segments",
    "link_decisions",
    "otel_traces",
    "otel_traces_trace_id_ts",
    "trace_objects",
)
_BY_PROCESS = (
    "links",
    "links_to",
    "ambiguous_links",
    "trace_pairs",
    "reaches",
    "reached_objects",
    "members",
    "instances",
)
_OF_TRACES = ("trace_carriers", "linked_traces")
_DERIVED = ("event_objects", *_BY_PROCESS, *_OF_TRACES, "conflicts", "identities")
_OWN = ("schema_migrations", "cursors", "instance_changes", *_DERIVED)


def finish_swap(live: Store) -> bool:
    """Finish a swap that was planned and cut off; whether there was one.

    What a rebuild left that was killed before its swap was planned is dropped. Call it as the only
    one who works on the store. Every step can be repeated.
    """
    space = _space_of(live)
    sql = load("rebuilding")
    begun = live.rows(sql["plan_exists"], {"space": space})[0]["found"]
    planned = begun and live.rows(_filled("still_to_swap", live), {"live": live.database})
    if not planned:
        live.execute(_filled("drop_space", live))
        return False
    for table in planned:
        if table["waits"]:
            live.execute(_filled("swap_table", live, table["name"]))
    live.execute(_filled("announce_changes", live))
    live.execute(_filled("hand_over_cursors", live))
    live.execute(_filled("drop_space", live))
    return True


def _space_of(live: Store) -> str:
    return f"{live.database}_rebuild"


def _filled(block: str, live: Store, table: str = "") -> str:
    """A block with its holes filled: names, which most statements cannot take as parameters."""
    sql = load("rebuilding")[block]
    names = {"live": live.database, "space": _space_of(live), "table": table}
    for hole, name in names.items():
        sql = sql.replace(f"{{{{{hole}}}}}", f"`{name}`")
    return sql


class RebuildSpace:
    """Opened in a `with` block; `store` is where to compute, `swap` puts the result in place."""

    def __init__(self, live: Store) -> None:
        """Beside the database of `live`."""
        self._live = live
        self._sql = load("rebuilding")
        self._name = _space_of(live)
        self._planned = self._keeps_some = False
        self.store: Store

    def __enter__(self) -> Self:
        """Begin with an empty space, when what an earlier rebuild left half-way is finished."""
        finish_swap(self._live)
        self.store = Store(self._live.address.with_database(self._name), readers=2)
        # Only what is computed here: the views over telemetry take a second to make.
        migrate(self.store, migrations=[m for m in shipped() if m.name in _OWN])
        for table in _FACTS:
            self._run(self.store, "view_of_live", table)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Drop the space with whatever it holds by now, unless a swap is under way."""
        self.store.close()
        if not self._planned:
            self._run(self._live, "drop_space")

    def prepare(self, *, kept_processes: Sequence[str], now: datetime) -> None:
        """Copy what is not rebuilt, and go on counting changes where the live store is.

        What no tick has read yet is left to the next one, which works it in for all processes.
        """
        self._keeps_some = bool(kept_processes)
        if self._keeps_some:
            self._run(self.store, "view_of_stitched")
        for table in _BY_PROCESS if self._keeps_some else ():
            self._run(self.store, "copy_kept", table, kept=list(kept_processes))
        self._set_change(self._last_change(self._live), now)

    def swap(self, *, now: datetime) -> int:
        """Exchange the rebuilt tables with the live ones; returns how many instances stand."""
        if self._keeps_some:
            self._run(self.store, "keep_carriers")
        change = self._last_change(self.store) + 1
        self._run(self.store, "mark_lost", change=change)
        self._run(self.store, "announce_lost", change=change)
        self._set_change(change, now)
        self._run(self._live, "begin_plan")
        self._planned = True
        self._run(self._live, "plan_swap", space=self._name, tables=list(_DERIVED))
        finish_swap(self._live)
        self._planned = False
        return int(self._live.rows(self._sql["count_instances"])[0]["found"])

    def _run(self, store: Store, block: str, table: str = "", **parameters: object) -> None:
        store.execute(_filled(block, self._live, table), parameters)

    def _last_change(self, store: Store) -> int:
        sql = load("correlation")["cursor_position"]
        return int(store.rows(sql, {"stage": CHANGES, "stream": 0})[0]["position"])

    def _set_change(self, change: int, now: datetime) -> None:
        row = {"stage": CHANGES, "stream": 0, "position": change, "updated_at": now}
        self.store.insert("cursors", [row])
