"""Migrations: the numbered files of `schema`, applied in order, once, and recorded by checksum.

Every statement can be repeated, because the engine has no transactional DDL: a run that was killed
half-way is simply run again, and two processes that migrate at once do each other's work twice, to
no effect. Retention is no migration but a setting: whenever it differs from what a table has, the
table is altered.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from suture.clock import Clock, SystemClock
from suture.errors import MigrationError
from suture.store.engine import DEFAULT_DATABASE, Store
from suture.store.queries import load
from suture.store.schema import (
    Migration,
    Retention,
    Target,
    review,
    shipped,
    split_statements,
)

__all__ = [
    "Migration",
    "MigrationState",
    "MigrationStatus",
    "Target",
    "migrate",
    "plan",
    "shipped",
    "split_statements",
    "status",
]

_SQL = load("schema")
_STORED_DAYS = re.compile(r"\bTTL\b.*?toIntervalDay\((\d+)\)", re.DOTALL)


class MigrationState(StrEnum):
    """Where a migration stands in a store."""

    APPLIED = "applied"
    PENDING = "pending"
    CHANGED = "changed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class MigrationStatus:
    """One line of `suture migrate --status`."""

    number: int
    name: str
    state: MigrationState
    applied_at: datetime | None

    def __str__(self) -> str:
        return f"{self.number:04d}_{self.name}"


def status(
    store: Store | None, migrations: Sequence[Migration] | None = None
) -> list[MigrationStatus]:
    """Every shipped or recorded migration and where it stands; changes nothing in `store`.

    Without a store all are pending.
    """
    known = {m.number: m for m in (shipped() if migrations is None else migrations)}
    recorded = _recorded(store) if store else {}
    lines = []
    for number in sorted(known.keys() | recorded.keys()):
        migration, record = known.get(number), recorded.get(number, {})
        lines.append(
            MigrationStatus(
                number=number,
                name=migration.name if migration else str(record["name"]),
                state=_state(migration, record),
                applied_at=record.get("applied_at"),
            )
        )
    return lines


def plan(
    target: Target | None = None,
    store: Store | None = None,
    migrations: Sequence[Migration] | None = None,
) -> list[str]:
    """The statements that `migrate` would run on `store`, or on an empty one; runs none of them.

    Raises MigrationError as `migrate` does.
    """
    target = target or Target()
    known = shipped() if migrations is None else migrations
    pending = _pending(store, known) if store else list(known)
    _require_reviewed(pending)
    statements = _on_every_node(target, store.database if store else DEFAULT_DATABASE)
    for migration in pending:
        statements += migration.statements(target)
    return statements + (_retention_statements(store, known, target) if store else [])


def migrate(
    store: Store,
    target: Target | None = None,
    migrations: Sequence[Migration] | None = None,
    *,
    clock: Clock | None = None,
) -> list[Migration]:
    """Apply what is pending and return it.

    Raises MigrationError, before anything is changed, when an applied file has changed since, when
    the store was migrated by a newer version, or when a migration is dangerous without saying why.
    """
    target, clock = target or Target(), clock or SystemClock()
    known = shipped() if migrations is None else migrations
    pending = _pending(store, known)
    _require_reviewed(pending)
    for statement in _on_every_node(target, store.database):
        store.execute(statement)
    done: list[dict[str, Any]] = []
    for migration in pending:
        for statement in migration.statements(target):
            store.execute(statement)
        done.append(_record(migration, clock.now()))
        if migration.dangerous:
            # All others may run twice when this is interrupted; this one should not.
            store.insert("schema_migrations", done)
            done.clear()
    store.insert("schema_migrations", done)
    for statement in _retention_statements(store, known, target):
        store.execute(statement)
    return pending


def _pending(store: Store, known: Sequence[Migration]) -> list[Migration]:
    by_state: dict[MigrationState, list[MigrationStatus]] = {}
    for line in status(store, known):
        by_state.setdefault(line.state, []).append(line)
    for state, complaint in (
        (MigrationState.CHANGED, "applied migrations have changed since"),
        (MigrationState.UNKNOWN, "a newer version migrated this store"),
    ):
        if lines := by_state.get(state):
            raise MigrationError(f"{complaint}: {', '.join(map(str, lines))}")
    numbers = {line.number for line in by_state.get(MigrationState.PENDING, ())}
    return [migration for migration in known if migration.number in numbers]


def _require_reviewed(migrations: Sequence[Migration]) -> None:
    complaints = [f"{m}: {complaint}" for m in migrations for complaint in review(m)]
    if complaints:
        raise MigrationError("\n".join(complaints))


def _on_every_node(target: Target, database: str) -> list[str]:
    if target.cluster is None:
        return []
    return [_filled("create_database", database=database, on_cluster=target.on_cluster)]


def _retention_statements(store: Store, known: Sequence[Migration], target: Target) -> list[str]:
    """What brings existing tables to the retention that is set."""
    wanted = [r for migration in known if (r := migration.retention(target))]
    if not wanted:
        return []
    found = store.rows(_SQL["definitions"], {"tables": [r.table for r in wanted]})
    days = {row["name"]: _days(row["definition"]) for row in found}
    return [
        _modify(retention, target)
        for retention in wanted
        if days.get(retention.table, retention.days) != retention.days
    ]


def _modify(retention: Retention, target: Target) -> str:
    return _filled(
        "modify_retention",
        table=retention.table,
        clause=retention.clause,
        on_cluster=target.on_cluster,
    )


def _days(definition: str) -> int | None:
    match = _STORED_DAYS.search(definition)
    return int(match[1]) if match else None


def _filled(block: str, **holes: str) -> str:
    text = _SQL[block].split("\n", 1)[1]
    for name, value in holes.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text


def _recorded(store: Store) -> dict[int, dict[str, Any]]:
    if not store.rows(_SQL["record_exists"]):
        return {}
    return {row["number"]: row for row in store.rows(_SQL["recorded"])}


def _record(migration: Migration, now: datetime) -> dict[str, Any]:
    return {
        "number": migration.number,
        "name": migration.name,
        "checksum": migration.checksum,
        "applied_at": now,
    }


def _state(migration: Migration | None, record: Mapping[str, Any]) -> MigrationState:
    if migration is None:
        return MigrationState.UNKNOWN
    if not record:
        return MigrationState.PENDING
    same = record["checksum"] == migration.checksum
    return MigrationState.APPLIED if same else MigrationState.CHANGED
