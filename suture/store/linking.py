"""What supports links, which pairs are refused, and what people decided: the correlator's side."""

from dataclasses import dataclass

import polars as pl

from suture.store.engine import Store
from suture.store.queries import load

DECIDED = "correlator-decisions"
"""Cursor stage: how many decisions about links are worked in (stream 0)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What a tick has to know before it looks anything up.

    `decisions` is how many there are, `worked_in` how many of them a finished tick has seen;
    `refusals` says whether any pair of objects was ever refused.
    """

    decisions: int
    worked_in: int
    refusals: bool


class LinkTables:
    """Reads about candidates for links; CANDIDATE rows are one for a pair of objects."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store
        self._sql = load("linking")

    def standing(self) -> Standing:
        """How things stand before a tick."""
        row = self._store.rows(self._sql["standing"], {"stage": DECIDED})[0]
        return Standing(
            decisions=int(row["decisions"]),
            worked_in=int(row["worked_in"]),
            refusals=bool(row["refusals"]),
        )

    def candidates_from(self, objects: pl.Series) -> pl.DataFrame:
        """CANDIDATE rows whose from_object is one of `objects`."""
        return self._store.lookup(self._sql["candidates_from_objects"], objects).drop("best")

    def candidates_to(self, objects: pl.Series) -> pl.DataFrame:
        """CANDIDATE rows whose to_object is one of `objects`, on paths that lead there once."""
        return self._store.lookup(self._sql["candidates_to_objects"], objects).drop("best")

    def ambiguous_from(self, objects: pl.Series) -> pl.DataFrame:
        """(process, from_object, to_object, state, version) of pairs that were ever refused."""
        return self._store.lookup(self._sql["ambiguous_from_objects"], objects)

    def decisions(self) -> pl.DataFrame:
        """All decisions, by (at, id): id, at, actor, action, process, from_objects, …, undoes."""
        return self._store.frame(self._sql["decisions"])

    def operator_evidence(self, objects: pl.Series) -> pl.DataFrame:
        """LINK + event_key, removed, unsure, version of decisions on pairs from `objects`."""
        return self._store.lookup(self._sql["operator_evidence"], objects)
