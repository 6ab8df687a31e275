"""Migrations: numbered SQL files, applied in order, once, and recorded with a checksum.

Statements are idempotent (`IF NOT EXISTS`), because the engine has no transactional DDL: a run that
was killed half-way is simply run again. The same files serve one node and a cluster; these holes are
filled from the target:

- `{{on_cluster}}`: `ON CLUSTER …` or nothing
- `{{engine X(args)}}`: the engine, replicated on a cluster
- `{{durable}}`: settings of fact tables, whose rows must be on disk before an insert returns
- `{{ttl name}}`: the retention of a table family in days
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable

from suture.errors import MigrationError
from suture.store.engine import Store

_FILE = re.compile(r"(\d{4})_(\w+)\.sql")
_ENGINE = re.compile(r"\{\{engine (\w+)(?:\(([^)]*)\))?\}\}")
_TTL = re.compile(r"\{\{ttl (\w+)\}\}")
_DURABLE = "fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000"
_REPLICA_PATH = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What the schema is made for: one node, or a named cluster; retention in days by family."""

    cluster: str | None = None
    retention_days: Mapping[str, int] = field(default_factory=lambda: {"traces": 30})


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file as shipped, before holes are filled."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def statements(self, target: Target) -> list[str]:
        """The statements for one target, ready to run."""
        return list(split_statements(_fill(self.text, target)))


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


def shipped() -> list[Migration]:
    """The migrations of this version, in order."""
    folder: Traversable = files("suture.store.migrations")
    found = []
    for entry in folder.iterdir():
        if match := _FILE.fullmatch(entry.name):
            text = entry.read_text(encoding="utf-8")
            found.append(Migration(number=int(match[1]), name=match[2], text=text))
    return sorted(found, key=lambda migration: migration.number)


def status(store: Store) -> list[MigrationStatus]:
    """Every shipped or recorded migration and where it stands in `store`."""
    recorded = _recorded(store)
    known = {migration.number: migration for migration in shipped()}
    lines = []
    for number in sorted(known.keys() | recorded.keys()):
        migration, record = known.get(number), recorded.get(number)
        lines.append(
            MigrationStatus(
                number=number,
                name=migration.name if migration else record["name"],  # type: ignore[index]
                state=_state(migration, record),
                applied_at=record["applied_at"] if record else None,
            )
        )
    return lines


def migrate(store: Store, target: Target | None = None) -> list[Migration]:
    """Apply what is pending and return it.

    Raises MigrationError when an applied file has changed since, or when the store was migrated by
    a newer version.
    """
    _ensure_record(store)
    by_state: dict[MigrationState, list[str]] = {}
    for line in status(store):
        by_state.setdefault(line.state, []).append(f"{line.number:04d}_{line.name}")
    if changed := by_state.get(MigrationState.CHANGED):
        raise MigrationError(f"applied migrations have changed since: {', '.join(changed)}")
    if unknown := by_state.get(MigrationState.UNKNOWN):
        raise MigrationError(f"a newer version migrated this store: {', '.join(unknown)}")
    pending = set(by_state.get(MigrationState.PENDING, ()))
    applied = [m for m in shipped() if f"{m.number:04d}_{m.name}" in pending]
    for migration in applied:
        for statement in migration.statements(target or Target()):
            store.execute(statement)
        store.insert(
            "schema_migrations",
            [
                {
                    "number": migration.number,
                    "name": migration.name,
                    "checksum": migration.checksum,
                    "applied_at": datetime.now(UTC),
                }
            ],
        )
    return applied


def split_statements(text: str) -> Iterator[str]:
    """Statements of a script: split at ';' outside quotes and comments, comments removed."""
    token = re.compile(
        r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|--[^\n]*|/\*.*?\*/|;|[^'\"`;/-]+|.", re.DOTALL
    )
    current: list[str] = []
    for match in token.finditer(text):
        piece = match[0]
        if piece == ";":
            if statement := "".join(current).strip():
                yield statement
            current = []
        elif not piece.startswith(("--", "/*")):
            current.append(piece)
    if statement := "".join(current).strip():
        yield statement


def _fill(text: str, target: Target) -> str:
    def engine(match: re.Match[str]) -> str:
        name, arguments = match[1], match[2]
        if target.cluster is None:
            return name + (f"({arguments})" if arguments else "")
        inner = ", ".join(filter(None, (_REPLICA_PATH, arguments)))
        return f"Replicated{name}({inner})"

    def days(match: re.Match[str]) -> str:
        try:
            return str(int(target.retention_days[match[1]]))
        except KeyError as error:
            raise MigrationError(f"no retention is set for {match[1]!r}") from error

    on_cluster = "" if target.cluster is None else f"ON CLUSTER `{target.cluster}`"
    text = _ENGINE.sub(engine, text).replace("{{on_cluster}}", on_cluster)
    return _TTL.sub(days, text).replace("{{durable}}", _DURABLE)


def _ensure_record(store: Store) -> None:
    store.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations (number UInt32, name String, checksum String,"
        " applied_at DateTime64(6, 'UTC')) ENGINE = ReplacingMergeTree(applied_at) ORDER BY number"
    )


def _recorded(store: Store) -> dict[int, dict[str, object]]:
    _ensure_record(store)
    rows = store.rows("SELECT number, name, checksum, applied_at FROM schema_migrations FINAL")
    return {row["number"]: row for row in rows}


def _state(migration: Migration | None, record: Mapping[str, object] | None) -> MigrationState:
    if migration is None:
        return MigrationState.UNKNOWN
    if record is None:
        return MigrationState.PENDING
    same = record["checksum"] == migration.checksum
    return MigrationState.APPLIED if same else MigrationState.CHANGED
