"""Importing a file into the store: whole or in part, once or many times, with the same result."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from collector.files.mapping import LogMapping
from collector.files.reading import EventLog, Progress
from collector.files.rows import BadRow, ReadReport
from collector.files.tables import IMPORT_CONTRACT
from collector.redacted_columns import redacted_table
from collector.redaction import Redactor
from suture.clock import Clock
from suture.contracts.trace import Signal, segment_number
from suture.definitions.catalog import Catalog
from suture.store.engine import Store
from suture.store.facts import MILESTONE_SCHEMA, finish_segment, new_stream
from suture.store.imports import (
    Staging,
    Stored,
    finish_interrupted,
    is_known_source,
    staging,
    store_all,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileResult:
    """What became of a file, in events of it: of those `read`, `skipped` the mapping leaves out.

    `bad` ones could not be taken, `problems` are the first of them. `damage` says where a file
    breaks off. `undeclared` counts milestones that no process of the catalogue has.
    """

    file: str
    read: int
    skipped: int
    bad: int
    damage: str
    problems: tuple[BadRow, ...]
    undeclared: dict[str, int]

    @property
    def complete(self) -> bool:
        """Whether everything in the file was taken or left out on purpose."""
        return not self.bad and not self.damage


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportResult(FileResult):
    """What an import came to: `read` is the sum of these three, `skipped` and `bad`.

    `imported` events are new; `conflicting` ones have the identity of a stored event and other
    content (both are kept, one counts).
    """

    imported: int
    already_known: int
    conflicting: int


def import_file(
    store: Store,
    path: Path,
    mapping: LogMapping,
    *,
    catalog: Catalog,
    clock: Clock,
    redactor: Redactor | None = None,
    progress: Callable[[Progress], None] | None = None,
    on_bad: Callable[[BadRow], None] | None = None,
    on_taken: Callable[[int], None] | None = None,
) -> ImportResult:
    """Load the events of a file; `progress` and `on_bad` are told as it goes.

    `on_taken` is told of each chunk how many of its events are in the store by then, new or not.
    Events are stored as `redactor` leaves them; without one nothing is redacted.

    Nothing is loaded where an error is raised at the start: NotFound, UnsupportedMedia,
    DefinitionError for a mapping that does not fit the file, MalformedInput and InvalidInput for a
    file none of which can be read. Store errors may come later; what was loaded by then stays, and
    running the import again goes on from there.
    """
    log = EventLog(
        path,
        mapping,
        now=clock.now(),
        systems=declared_systems(catalog),
        scopes=declared_scopes(catalog),
        progress=progress,
        on_bad=on_bad,
    )
    with ExitStack() as stack:
        loader = _Loader(store, log.mapping, clock, stack)
        for table in log.tables():
            loader.load(redacted_table(table, redactor) if redactor else table)
            if on_taken is not None:
                on_taken(table.num_rows)
    return ImportResult(
        **of_reading(path, log.report, catalog),
        imported=loader.sums.events,
        already_known=loader.sums.known,
        conflicting=loader.sums.versions,
    )


def declared_systems(catalog: Catalog) -> dict[str, str]:
    """The system that reports each declared milestone, for mappings that name none."""
    return {
        milestone.name: milestone.system
        for name in sorted(catalog.processes, reverse=True)
        for process in catalog.versions_of(name)
        for milestone in process.milestones
        if milestone.system
    }


def declared_scopes(catalog: Catalog) -> dict[str, str]:
    """The attribute that scopes each object type which is scoped."""
    return {name: one.scope for name, one in catalog.object_types.items() if one.scope}


def of_reading(path: Path, report: ReadReport, catalog: Catalog) -> dict[str, Any]:
    """The fields of `FileResult`, out of what reading the file came to."""
    declared = {name for p in catalog.every_version() for name in p.milestone_names}
    return {
        "file": str(path),
        "read": report.read,
        "skipped": report.skipped,
        "bad": report.bad,
        "damage": report.damage,
        "problems": tuple(report.problems),
        "undeclared": {n: c for n, c in report.milestones.most_common() if n not in declared},
    }


class _Loader:
    """Delivers chunks as the segments of a stream of its own."""

    def __init__(self, store: Store, mapping: LogMapping, clock: Clock, stack: ExitStack) -> None:
        self._store = store
        self._clock = clock
        self._stack = stack
        self._mapping = mapping
        self._stream = new_stream()
        self._sequence = 0
        self._begun = False
        self._staging: Staging | None = None
        self.sums = Stored(events=0, versions=0, known=0)

    def load(self, table: pa.Table) -> None:
        if not self._begun:
            self._begin()
        segment = segment_number(self._stream, self._sequence + 1)
        now = self._clock.now()
        stamped = _stamped(table, segment=segment, recorded_at=now)
        staged = self._staging
        stored = staged.store_fresh(stamped) if staged else store_all(self._store, stamped)
        if stored.rows:
            self._sequence += 1
            finish_segment(
                self._store,
                segment=segment,
                signal=Signal.MILESTONES,
                rows=stored.rows,
                finished_at=now,
            )
        self.sums = Stored(
            events=self.sums.events + stored.events,
            versions=self.sums.versions + stored.versions,
            known=self.sums.known + stored.known,
        )

    def _begin(self) -> None:
        """Not before the first chunk, so that a file that cannot be read touches nothing."""
        self._begun = True
        source = self._mapping.source
        finish_interrupted(
            self._store, source=source, contract=IMPORT_CONTRACT, finished_at=self._clock.now()
        )
        # The identities of a file that names none are distinct, so only another import, or another
        # door, can have brought any of them in.
        names_ids = self._mapping.id.column is not None or self._mapping.case.column is None
        if names_ids or is_known_source(self._store, source):
            self._staging = self._stack.enter_context(staging(self._store, stream=self._stream))


def _stamped(table: pa.Table, *, segment: int, recorded_at: datetime) -> pa.Table:
    """The chunk as rows of `milestones`."""
    fixed = {"segment": segment, "recorded_at": recorded_at}
    columns = {name: table[name] for name in table.column_names}
    for name, value in fixed.items():
        scalar = pa.scalar(value, MILESTONE_SCHEMA.field(name).type)
        columns[name] = pa.repeat(scalar, table.num_rows)
    return pa.table([columns[name] for name in MILESTONE_SCHEMA.names], schema=MILESTONE_SCHEMA)
