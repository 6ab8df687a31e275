"""Rows of tables that replace, the last of each key told apart here instead of by the engine.

To plan it (`FINAL`, `argMax`) takes the engine longer than to read all rows that a tick asks for.
"""

from collections.abc import Sequence

import polars as pl


def last_of(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """The last row of each key, as the engine leaves it when it merges, in its own time."""
    return rows.sort("version").unique(key, keep="last")


def holding(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """The last rows that say that something holds, without what says so."""
    return last_of(rows, key).filter(pl.col("removed") == 0).drop("removed", "version")
