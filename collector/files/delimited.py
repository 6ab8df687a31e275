"""CSV: rows of cells under a header, read line by line; what cannot be read is said by line."""

import codecs
import csv
import io
from collections import Counter, deque
from collections.abc import Iterator

from collector.files.logfile import LogFile, PieceStream
from collector.files.mapping import CsvOptions
from collector.files.rows import CHUNK_BYTES, CHUNK_ROWS, BadRow, ReadReport, Rows
from suture.errors import InvalidInput, MalformedInput

LARGEST_CELL = 16 * 1024 * 1024
"""Characters; a stray quote must not gather the rest of a file in memory."""

_DELIMITERS = ",;\t|"


class CsvReader:
    """One pass over a CSV file. Rows that do not fit the header are refused, the others given."""

    def __init__(self, file: LogFile, options: CsvOptions, report: ReadReport) -> None:
        """Read `file`; bad rows are told to `report`."""
        self.file = file
        self._report = report
        self._lines = _Lines(file, options.encoding)
        self.delimiter = options.delimiter or _likely_delimiter(self._first_line())
        csv.field_size_limit(LARGEST_CELL)
        self._records = csv.reader(
            self._lines, delimiter=self.delimiter, quotechar=options.quote, strict=True
        )
        self.header = self._read_header()

    def rows(self, wanted: frozenset[str]) -> Iterator[Rows]:
        """The rows in order, as columns of the cells in `wanted`; an empty cell is None."""
        at = {name: index for index, name in enumerate(self.header) if name in wanted}
        cells: list[list[str]] = []
        positions: list[str] = []
        weight = 0
        for position, record in self._checked():
            cells.append(record)
            positions.append(position)
            weight += sum(map(len, record))
            if len(cells) >= CHUNK_ROWS or weight >= CHUNK_BYTES:
                yield _by_column(cells, positions, at)
                cells, positions, weight = [], [], 0
        if cells:
            yield _by_column(cells, positions, at)

    def _checked(self) -> Iterator[tuple[str, list[str]]]:
        while True:
            self._lines.begin_record()
            try:
                record = next(self._records)
                reason = self._mistake(record)
            except StopIteration:
                return
            except csv.Error as error:
                record, reason = [], str(error)
            if reason:
                self._refuse(reason)
            elif record:
                yield self._lines.position, record

    def _mistake(self, record: list[str]) -> str:
        if not self._lines.is_text:
            return "is not text in the file's encoding"
        if record and len(record) != len(self.header):
            return f"has {len(record)} cells where the header has {len(self.header)}"
        return ""

    def _refuse(self, reason: str) -> None:
        # A stray quote swallows what follows up to the next one: only its own line is given up.
        position = self._lines.give_back_all_but_first()
        self._report.read += 1
        self._report.refuse([BadRow(position=position, reason=reason)])

    def _first_line(self) -> str:
        try:
            line = next(self._lines)
        except StopIteration:
            reason = self.file.damage or "is empty; the first line must name the columns"
            raise MalformedInput(f"{self.file.path}: {reason}") from None
        self._lines.give_back()
        return line

    def _read_header(self) -> list[str]:
        try:
            header = [name.strip() for name in next(self._records)]
        except csv.Error as error:
            raise MalformedInput(f"{self.file.path}: line 1: {error}") from error
        twice = sorted(name for name, count in Counter(header).items() if name and count > 1)
        if twice:
            raise InvalidInput(f"{self.file.path}: the header names {', '.join(twice)} twice")
        return header


class _Lines:
    """The lines of a file with their numbers; those of the record under way can be given back."""

    def __init__(self, file: LogFile, encoding: str) -> None:
        self._file = file
        self._source = self._read(encoding)
        self._pending: deque[str] = deque()
        self._record: list[str] = []
        self._read_count = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._pending.popleft() if self._pending else next(self._source)
        self._read_count += 1
        self._record.append(line)
        return line

    def begin_record(self) -> None:
        self._record = []

    def give_back(self) -> None:
        """Let the lines of the record be read again."""
        self._pending.extendleft(reversed(self._record))
        self._read_count -= len(self._record)
        self._record = []

    def give_back_all_but_first(self) -> str:
        """Let them be read again but for the first, whose position is the answer."""
        first = self._record.pop(0)
        self.give_back()
        self._record = [first]
        return self.position

    @property
    def position(self) -> str:
        """Where the record begins."""
        return f"line {self._read_count - len(self._record) + 1}"

    @property
    def is_text(self) -> bool:
        """Whether every byte of the record could be decoded."""
        return all(line.isascii() or _encodable(line) for line in self._record)

    def _read(self, encoding: str) -> Iterator[str]:
        pieces = self._file.pieces()
        first = next(pieces, b"")
        marked = first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        plain = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
        chosen = "utf-16" if marked else plain
        stream = PieceStream(_with_first(first, pieces))
        text = io.TextIOWrapper(io.BufferedReader(stream), chosen, "surrogateescape", newline="")
        held: str | None = None
        try:
            for line in text:
                if held is not None:
                    yield held
                held = line
        except UnicodeError as error:
            self._file.damage = f"it is not {chosen} text: {error}"
        if held is None:
            return
        if self._file.damage and not held.endswith(("\n", "\r")):
            self._file.damage += f"; its last line, {self._read_count + 1}, is incomplete"
        else:
            yield held


def _with_first(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _encodable(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def _likely_delimiter(header: str) -> str:
    # Outside quotes: names may hold commas.
    bare = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=bare.count)


def _by_column(cells: list[list[str]], positions: list[str], at: dict[str, int]) -> Rows:
    columns = {name: [record[i] or None for record in cells] for name, i in at.items()}
    return Rows(columns=columns, positions=positions)
