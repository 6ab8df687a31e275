"""From the store to a file: stage it, write it beside its place, then put it there."""

import gzip
import io
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TextIO

from suture.app.ocel.as_json import write_json
from suture.app.ocel.as_sqlite import event_columns, write_sqlite
from suture.app.ocel.reimport import mapping_of
from suture.app.ocel.staging import Staging, Totals
from suture.definitions.process import ProcessDefinition
from suture.errors import InstallationError
from suture.store.engine import Store
from suture.store.reading.exporting import ExportFilter, ExportReader

Form = Literal["json", "sqlite"]

SQLITE_SUFFIXES = (".sqlite", ".sqlite3", ".db")

_GZIP_LEVEL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportProgress:
    """How far an export is: instances read, then events and objects written."""

    step: Literal["reading", "writing"]
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """What an export came to, and the mapping by which it can be imported again."""

    instances: int
    totals: Totals
    mapping: dict[str, Any]


def export_process(
    store: Store,
    process: ProcessDefinition,
    wanted: ExportFilter,
    path: Path,
    *,
    form: Form,
    now: datetime,
    progress: Callable[[ExportProgress], None] = lambda _: None,
) -> ExportResult:
    """Write the instances of a process into `path`, which is replaced when all is written.

    JSON is packed where the name ends with `.gz`. `now` decides who is stalled. Raises
    InstallationError where the file cannot be written, InvalidInput where SQLite cannot hold it;
    then there is no new file.
    """
    reader = ExportReader(store)
    count, read = reader.count(wanted), 0
    with _replacing(path) as folder, Staging(folder / "staging", process) as log:
        for chunk in reader.chunks(wanted, now=now):
            log.add(chunk)
            read += len(chunk.instances)
            progress(ExportProgress(step="reading", done=read, total=max(count, read)))
        totals = log.finish()
        told = _Counter(totals.events + totals.objects, progress)
        if form == "sqlite":
            write_sqlite(log, folder / "log", told)
        else:
            with _text(folder / "log", packed=path.suffix == ".gz") as out:
                write_json(log, out, told)
        mapping = mapping_of(
            log,
            totals,
            process=process.process,
            environment=wanted.environment,
            columns=event_columns(log) if form == "sqlite" else None,
        )
    return ExportResult(instances=read, totals=totals, mapping=mapping)


class _Counter:
    """Tells the progress of writing every now and then."""

    def __init__(self, total: int, progress: Callable[[ExportProgress], None]) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def __call__(self) -> None:
        self._done += 1
        if self._done % 1_000 == 0 or self._done == self._total:
            self._progress(ExportProgress(step="writing", done=self._done, total=self._total))


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A folder beside `path`; the file `log` in it takes its place in the end, all else goes."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            yield folder
            written = folder / "log"
            _sync(written)
            written.replace(path)
            _sync(path.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except (OSError, sqlite3.OperationalError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InstallationError(f"{path}: cannot be written: {reason}") from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _text(path: Path, *, packed: bool) -> Iterator[TextIO]:
    with path.open("wb") as raw:
        if not packed:
            with io.TextIOWrapper(raw, encoding="utf-8", newline="\n") as out:
                yield out
            return
        # Without name and time, so that the same log is the same file.
        with (
            gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as zipped,
            io.TextIOWrapper(zipped, encoding="utf-8", newline="\n") as out,
        ):
            yield out
