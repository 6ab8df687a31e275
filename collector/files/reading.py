"""A log file as milestones: the reader for its format, the mapping, the checks, in one place."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from collector.files.delimited import CsvReader
from collector.files.logfile import LogFile
from collector.files.mapping import Format, LogMapping
from collector.files.ocel import OcelReader
from collector.files.ocel_json import JsonOcel
from collector.files.ocel_log import OcelLog
from collector.files.ocel_sqlite import SqliteOcel, is_sqlite
from collector.files.parquet import ParquetReader
from collector.files.rows import BadRow, RawEvents, ReadReport
from collector.files.shaping import Shaper, project
from collector.files.tables import milestone_columns
from collector.files.times import TimeReader
from collector.files.xes import XesReader
from suture.errors import DefinitionError, InputError, UnsupportedMedia

_SUFFIXES: dict[str, Format] = {
    ".xes": "xes",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "ocel",
    ".jsonocel": "ocel",
    ".sqlite": "ocel",
    ".sqlite3": "ocel",
    ".db": "ocel",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a file is read: bytes of the file as it lies on the disk, and events so far."""

    bytes_read: int
    bytes_total: int
    events: int


class EventLog:
    """One file under one mapping, read once. `report` says what reading it came to."""

    def __init__(
        self,
        path: Path,
        mapping: LogMapping,
        *,
        now: datetime,
        systems: Mapping[str, str] | None = None,
        scopes: Mapping[str, str] | None = None,
        progress: Callable[[Progress], None] | None = None,
        on_bad: Callable[[BadRow], None] | None = None,
    ) -> None:
        """Choose the reader; times later than ten minutes after `now` are refused as future.

        `systems` are those of milestones for which the mapping names none, `scopes` the attributes
        that scope object types.

        Raises UnsupportedMedia for a file of no known format, DefinitionError where the mapping
        lacks something that the format needs, NotFound where there is no file.
        """
        self.format = mapping.format or format_of(path)
        self.mapping = mapping.ready_for(self.format)
        self.report = ReadReport(on_bad=on_bad)
        self._systems = systems or {}
        self._scopes = scopes or {}
        rule = self.mapping.time
        if self.format == "ocel" and rule.timezone is None and is_sqlite(path):
            # The standard's own tables hold UTC without saying so.
            rule = rule.model_copy(update={"timezone": "UTC"})
        self._times = TimeReader(rule, now=now)
        self._progress = progress
        self._file = LogFile(path, on_read=self._tell)

    def tables(self) -> Iterator[pa.Table]:
        """The milestones in chunks, in the file's order, by `tables.SCHEMA`.

        Raises before the first table where the mapping names a column that the log does not have
        (DefinitionError), or where nothing of the file can be read (MalformedInput, InvalidInput).
        """
        shaper = Shaper(self.mapping, times=self._times, report=self.report)
        for raw in self._raw_events():
            events = shaper.check(raw)
            if events.kept:
                table = milestone_columns(events, self.mapping, self._systems)
                self.report.milestones.update(table["milestone"].to_pylist())
                yield table
        self.report.damage = self._file.damage
        self._tell(self._file.size)

    def _raw_events(self) -> Iterator[RawEvents]:
        if self.format == "ocel":
            yield from self._object_centric()
            return
        wanted = frozenset(column for _, column in self.mapping.columns())
        if self.format == "csv":
            with self._format_explained():
                table = CsvReader(self._file, self.mapping.csv, self.report)
            self._require_columns(set(table.header), f" (parted by {table.delimiter!r})")
            rows = table.rows(wanted)
        elif self.format == "parquet":
            with self._format_explained():
                parquet = ParquetReader(self._file, self._tell)
            self._require_columns(set(parquet.columns))
            rows = parquet.rows(wanted)
        else:
            first_look = XesReader(LogFile(self._file.path), wanted=frozenset())
            self._require_columns(first_look.find_keys(wanted))
            rows = XesReader(self._file, wanted=wanted).rows()
        for chunk in rows:
            yield project(chunk, self.mapping)

    def _object_centric(self) -> Iterator[RawEvents]:
        if not is_sqlite(self._file.path):
            with self._format_explained():
                log = JsonOcel(self._file)
            yield from self._events_of(log)
            return
        with closing(SqliteOcel(self._file.path)) as database:
            yield from self._events_of(database)

    def _events_of(self, log: OcelLog) -> Iterator[RawEvents]:
        reader = OcelReader(
            log, self.mapping, times=self._times, report=self.report, scopes=self._scopes
        )
        yield from reader.events()

    def _require_columns(self, known: set[str], remark: str = "") -> None:
        has = f"it has {', '.join(sorted(known - {''})) or 'none'}{remark}"
        mistakes = [
            (field, f"{self._file.path} has no column {column!r}; {has}")
            for field, column in self.mapping.columns()
            if column not in known
        ]
        if mistakes:
            raise self._another_format(known) or self.mapping.error(*mistakes)

    @contextmanager
    def _format_explained(self) -> Iterator[None]:
        """Where a file cannot be read, say first that its name is that of another format."""
        try:
            yield
        except InputError as error:
            if another := self._another_format(set()):
                raise another from error
            raise

    def _another_format(self, known: set[str]) -> DefinitionError | None:
        """What is wrong where no column fits and the file's name is that of another format."""
        path = self._file.path
        suffix = _suffix_of(path)
        if _SUFFIXES.get(suffix, self.format) == self.format:
            return None
        if any(column in known for _, column in self.mapping.columns()):
            return None
        message = f"the mapping is for {self.format}; {path} is {suffix}"
        return self.mapping.error(("format", message))

    def _tell(self, bytes_read: int) -> None:
        if self._progress is not None:
            size = self._file.size
            self._progress(
                Progress(bytes_read=bytes_read, bytes_total=size, events=self.report.read)
            )


def format_of(path: Path) -> Format:
    """The format by the file's name, `.gz` aside; raises UnsupportedMedia for an unknown one."""
    suffix = _suffix_of(path)
    if suffix not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise UnsupportedMedia(
            f"{path}: the format is not plain from its name ({known}; text also .gz);"
            " 'format' of the mapping can say it: xes, csv, parquet or ocel"
        )
    return _SUFFIXES[suffix]


def _suffix_of(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()
