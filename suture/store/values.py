"""Values on their way into and out of the driver: aware times, Arrow tables, frames, keys."""

import io
import sys
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.abc import MetaPathFinder
from typing import Any

import polars as pl
import pyarrow as pa
from clickhouse_connect.driver.external import ExternalData

from suture.errors import StoreRefused


class _NoPandas(MetaPathFinder):
    """Says that there is no Pandas."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("Arrow is to do without Pandas", name=fullname)


def _arrow_without_pandas() -> None:
    """Let Arrow find out, while there is none, whether there is Pandas; it asks only once.

    It would import it, which comes with the embedded engine and takes half a second and 40 MB in
    every process, to learn of each list that it is given that it is no frame.
    """
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([None])
    finally:
        sys.meta_path.remove(finder)


_arrow_without_pandas()


def row_values(
    table: str, number: int, row: Mapping[str, Any], columns: Sequence[str]
) -> list[Any]:
    """The values of one row in the order of `columns`, which must be exactly its keys."""
    if row.keys() != set(columns):
        missing = ", ".join(sorted(set(columns) - row.keys())) or "nothing"
        surplus = ", ".join(sorted(row.keys() - set(columns))) or "nothing"
        raise StoreRefused(
            f"insert into {table}: row {number} does not have the columns of row 0:"
            f" missing {missing}, surplus {surplus}"
        )
    return [require_aware(f"insert into {table}: {column}", row[column]) for column in columns]


def parameters_for(parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """Parameters for the driver to bind; raises StoreRefused for a naive time."""
    return {
        name: require_aware(f"parameter {name}", value)
        for name, value in (parameters or {}).items()
    }


def require_aware(what: str, value: Any) -> Any:
    """`value`, in which no time may be naive: the driver would take it for local time."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise StoreRefused(f"{what}: the time {value.isoformat()} has no zone")
    elif isinstance(value, list | tuple | set):
        for item in value:
            require_aware(what, item)
    elif isinstance(value, Mapping):
        for item in value.values():
            require_aware(what, item)
    return value


def in_utc(value: Any) -> Any:
    """`value` with every time in it, however deep, in UTC."""
    if isinstance(value, datetime):
        return value if value.tzinfo is UTC else value.astimezone(UTC)
    if isinstance(value, list):
        return [in_utc(item) for item in value]
    if isinstance(value, tuple):
        return tuple(in_utc(item) for item in value)
    if isinstance(value, dict):
        return {in_utc(key): in_utc(item) for key, item in value.items()}
    return value


def insert_settings(token: str | None) -> dict[str, Any]:
    """Settings of one insert: the given deduplication token, or one that nobody else has.

    Without any the engine would take equal rows inserted twice for one insert repeated.
    """
    return {"insert_deduplication_token": token or uuid.uuid4().hex}


def frame_to_arrow(frame: pl.DataFrame) -> pa.Table:
    """A frame as the engine reads it: it knows no string views, which are how Polars holds text."""
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


def with_maps(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """`table` with some columns, lists of structs of two fields, as the maps they stand for."""
    for name in names:
        pairs = table[name].combine_chunks()
        keys, values = pairs.values.flatten()
        maps = pa.MapArray.from_arrays(pairs.offsets.cast(pa.int32()), keys, values)
        table = table.set_column(table.schema.get_field_index(name), name, maps)
    return table


def arrow_to_frame(table: pa.Table) -> pl.DataFrame:
    """A result as a frame, its times in UTC."""
    frame = pl.from_arrow(table)
    if not isinstance(frame, pl.DataFrame):
        raise StoreRefused("the store answered with something that is no table")
    elsewhere = [
        name
        for name, kind in frame.schema.items()
        if isinstance(kind, pl.Datetime) and kind.time_zone not in (None, "UTC")
    ]
    return frame.with_columns(pl.col(elsewhere).dt.convert_time_zone("UTC")) if elsewhere else frame


def external_keys(table: pa.Table) -> ExternalData:
    """The keys of a look-up as a file that travels with the request."""
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return ExternalData(
        file_name="lookup_keys", data=sink.getvalue(), fmt="Arrow", structure="key String"
    )
