"""What supports links, which pairs are refused, and what people decided: the correlator's side."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from suture.contracts.process import EvidenceKind
from suture.store.engine import Store
from suture.store.queries import load
from suture.store.replacing import holding

CHANGES = "correlator-change"
"""Cursor stage: the last complete tick (stream 0)."""

DECIDED = "correlator-decisions"
"""Cursor stage: how many decisions about links are worked in (stream 0)."""

SPANS_OF_A_TRACE = 5_000
"""Spans of a trace whose places are known; what others carry counts for the whole trace."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What a tick has to know before it looks anything up.

    `change` is the number of the last complete tick, 0 before the first. `decisions` is how many
    there are, `worked_in` how many of them a finished tick has seen; `refusals` is how many
    rows there are about pairs that were ever refused, `traced` says whether a trace ever bridged a
    pair, `tied` whether any trace has a span that is linked to another.
    """

    change: int = 0
    decisions: int = 0
    worked_in: int = 0
    refusals: int = 0
    traced: bool = False
    tied: bool = False


class LinkTables:
    """Reads about candidates for links; CANDIDATE rows are one for a pair of objects."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store
        self._sql = load("linking")

    def standing(self) -> Standing:
        """How things stand before a tick."""
        rows = self._store.rows(self._sql["standing"], {"stages": [CHANGES, DECIDED]})
        numbers = {row["what"]: int(row["number"]) for row in rows}
        return Standing(
            change=numbers.get(CHANGES, 0),
            decisions=numbers["decisions"],
            worked_in=numbers.get(DECIDED, 0),
            refusals=numbers["refusals"],
            traced=numbers["traced"] > 0,
            tied=numbers["tied"] > 0,
        )

    def decision_rows(self) -> int:
        """A number that changes with every decision, for little."""
        rows = self._store.poll(self._sql["decision_rows"], of=["link_decisions"])
        return int(rows[0]["rows"])

    def candidates_from(self, objects: pl.Series) -> pl.DataFrame:
        """CANDIDATE rows whose from_object is one of `objects`."""
        return _candidates(self._store.lookup(self._sql["evidence_from_objects"], objects))

    def candidates_to(self, objects: pl.Series) -> pl.DataFrame:
        """CANDIDATE rows whose to_object is one of `objects`, on paths that lead there once."""
        return _candidates(self._store.lookup(self._sql["evidence_to_objects"], objects))

    def ambiguous_from(self, objects: pl.Series) -> pl.DataFrame:
        """(process, from_object, to_object, state, version) of pairs that were ever refused."""
        return self._store.lookup(self._sql["ambiguous_from_objects"], objects)

    def every_ambiguous(self) -> pl.DataFrame:
        """The same of all pairs that were ever refused."""
        return self._store.frame(self._sql["every_ambiguous"])

    def decisions(self) -> pl.DataFrame:
        """All decisions, by (at, id): id, at, actor, action, process, from_objects, …, undoes."""
        return self._store.frame(self._sql["decisions"])

    def operator_evidence(self, objects: pl.Series) -> pl.DataFrame:
        """LINK + event_key, removed, unsure, version of decisions on pairs from `objects`."""
        return self._store.lookup(self._sql["operator_evidence"], objects).drop("last_row")

    def span_objects(self, segments: Sequence[int], types: Sequence[str]) -> pl.DataFrame:
        """(trace_id, span_id, object, occurred_at): what spans of some segments carry."""
        parameters = {"segments": list(segments), "types": list(types)}
        return self._store.frame(self._sql["span_objects"], parameters)

    def traces_of_segments(self, segments: Sequence[int]) -> pl.Series:
        """The traces that some segments have spans of."""
        parameters = {"segments": list(segments)}
        return self._store.frame(self._sql["traces_of_segments"], parameters)["trace_id"]

    def note_linked_traces(self, segments: Sequence[int]) -> None:
        """Remember which traces the spans of some segments tie together."""
        self._store.execute(self._sql["note_linked_traces"], {"segments": list(segments)})

    def linked_traces(self, traces: pl.Series) -> pl.DataFrame:
        """(trace_id, other): what some traces are tied to."""
        return self._store.lookup(self._sql["linked_traces"], traces)

    def carriers(self, traces: pl.Series) -> pl.DataFrame:
        """CARRIER rows of some traces."""
        return self._store.lookup(self._sql["carriers_of_traces"], traces)

    def pairs_of_traces(self, traces: pl.Series) -> pl.DataFrame:
        """LINK + event_key, removed, unsure, occurred_at, version: what traces ever bridged."""
        return self._store.lookup(self._sql["pairs_of_traces"], traces).drop("last_row")

    def spans(self, traces: pl.Series) -> pl.DataFrame:
        """(trace_id, span_id, parent_id, link_traces, link_spans) of some traces, by their ids."""
        limit = {"limit": SPANS_OF_A_TRACE}
        return self._store.lookup(self._sql["spans_of_traces"], traces, limit)


LINK = ["process", "from_object", "to_object"]
_STRENGTH = {
    EvidenceKind.OPERATOR.value: 1,
    EvidenceKind.EVENT.value: 2,
    EvidenceKind.TRACE.value: 3,
}
"""Evidence of less strength stands back behind that of more, however early."""


def _candidates(evidence: pl.DataFrame) -> pl.DataFrame:
    """Pairs with their first-ranked evidence, sure before unsure."""
    rows = holding(evidence, [*LINK, "kind", "event_key"])
    strength = pl.col("kind").replace_strict(_STRENGTH, return_dtype=pl.UInt8)
    ranked = rows.with_columns(strength=strength, sure=pl.col("unsure") == 0)
    ranked = ranked.sort("unsure", "strength", "occurred_at", "source", "id")
    best = ranked.unique(LINK, keep="first")
    return best.select(*LINK, "sure", "strength", "occurred_at", "source", "id")
