"""Parquet: rows of cells by column, read batch by batch, every value as text."""

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from collector.files.logfile import LogFile
from collector.files.rows import CHUNK_ROWS, Rows
from suture.clock import rfc3339
from suture.contracts.milestone import attribute_text
from suture.errors import MalformedInput


class ParquetReader:
    """One pass over a Parquet file."""

    def __init__(self, file: LogFile, on_read: Callable[[int], None]) -> None:
        """Open `file`; `on_read` is told how many of its bytes are behind, about.

        Raises MalformedInput for what is no Parquet.
        """
        self._file, self._on_read = file, on_read
        try:
            self._parquet = pq.ParquetFile(file.path)
        except (pa.ArrowException, OSError) as error:
            raise MalformedInput(f"{file.path}: cannot be read as Parquet: {error}") from error
        self.columns = list(self._parquet.schema_arrow.names)

    def rows(self, wanted: frozenset[str]) -> Iterator[Rows]:
        """The rows in order, as columns of the cells in `wanted`; a null or empty cell is None.

        A file that breaks off gives what came before, and is said to be damaged.
        """
        columns = [name for name in self.columns if name in wanted]
        total = self._parquet.metadata.num_rows
        done = 0
        batches = self._parquet.iter_batches(batch_size=CHUNK_ROWS, columns=columns)
        while True:
            try:
                batch = next(batches, None)
                if batch is None:
                    return
                cells = {name: _cells(batch.column(name)) for name in columns}
            except (pa.ArrowException, OSError) as error:
                self._file.damage = f"it is damaged behind row {done}: {error}"
                return
            count = batch.num_rows
            positions = [f"row {number}" for number in range(done + 1, done + count + 1)]
            done += count
            self._on_read(self._file.size * done // max(total, 1))
            yield Rows(columns=cells, positions=positions)


def _cells(column: pa.Array) -> list[str | None]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        # Python knows no nanoseconds, and neither do we.
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return [_text(value) or None for value in column.to_pylist()]


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return rfc3339(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and value.is_integer():
        # A column of whole numbers with gaps is often written as one of floats.
        return str(int(value))
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, default=_text, ensure_ascii=False, separators=(",", ":"))
    return attribute_text(value)
