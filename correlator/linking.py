"""Links in a tick: what is new about them is written down, then who is accepted is decided anew.

Evidence comes from events, from traces and from people. Each kind is written before anything is
decided, so that deciding reads all of it from one place; a repeat of a killed tick writes and reads
the same. What changes for links that stood before is told as the instances it bears upon, which the
tick computes from their facts.
"""

from dataclasses import dataclass

import polars as pl

from correlator.acceptance import resolve
from correlator.decisions import Restated, decided, restated
from correlator.known import Known
from correlator.revise import EVIDENCE, PAIR
from correlator.stitch import LINK, Rules
from suture.contracts.process import EvidenceKind
from suture.store.correlation import CorrelationTables
from suture.store.linking import LinkTables

_ROW = [*EVIDENCE, "source", "id", "occurred_at"]
_ROW_AGAIN = [*_ROW, "unsure", "removed", "version"]
_DECIDED = {**dict.fromkeys(LINK, pl.String), "blocked": pl.Boolean}


@dataclass(frozen=True, kw_only=True)
class Linked:
    """What a tick knows of links before it stitches.

    `accepted` (LINK) are those that the tick's own events support; `affected` (PAIR) are instances
    that rest on links whose standing changed.
    """

    accepted: pl.DataFrame
    affected: pl.DataFrame


class Links:
    """Writes evidence, decides, and keeps `known` informed of refusals."""

    def __init__(
        self, tables: CorrelationTables, candidates: LinkTables, known: Known, rules: Rules
    ) -> None:
        """By the rules of all processes that are stitched."""
        self._tables = tables
        self._candidates = candidates
        self._known = known
        self._rules = rules

    def take(
        self,
        evidence: pl.DataFrame,
        withdrawn: pl.DataFrame,
        traced: pl.DataFrame,
        *,
        with_decisions: bool,
        change: int,
    ) -> Linked:
        """Work in a tick's news.

        `evidence` is what its events say, `withdrawn` (LINK) are pairs about which an event says
        nothing any more, `traced` (LINK) those about which traces say something else; what is
        withdrawn or traced is written already. With decisions, all of them are read.
        """
        self.write(evidence.select(*_ROW, "to_once"), version=change)
        decisions = pl.DataFrame(schema=_DECIDED)
        news = traced
        if with_decisions:
            decisions, spoken = self._decide(change)
            news = pl.concat([news, spoken])
        limited = evidence.filter(pl.col("to_once") | pl.col("from_once")).select(LINK)
        touched = pl.concat([limited, withdrawn.select(LINK), news, decisions.select(LINK)])
        if self._known.refusals:
            refused = self._known.refused_among(evidence["from_object"])
            touched = pl.concat([touched, refused.join(evidence, on=LINK, how="semi")])
        if touched.height:
            result = resolve(touched, self._rules, self._known, decided=decisions, change=change)
            self._tables.write("ambiguous_links", result.rows)
            self._known.decided(result.rows)
            news = pl.concat([news, result.changed])
        accepted = evidence.select(LINK).unique()
        refused = self._known.refused_among(accepted["from_object"])
        return Linked(
            accepted=accepted.join(refused, on=LINK, how="anti"), affected=self._reaching(news)
        )

    def write(self, rows: pl.DataFrame, **constants: int) -> None:
        """Write evidence, with `to_once` of its paths, where it is looked for."""
        self._tables.write("links", rows.drop("to_once"), **constants)
        self._tables.write("links_to", rows.filter("to_once").drop("to_once"), **constants)

    def restate(
        self, wanted: pl.DataFrame, stored: pl.DataFrame, kind: EvidenceKind, change: int
    ) -> Restated:
        """Bring evidence of a kind from what is `stored` to what is `wanted`."""
        found = restated(wanted, stored, self._rules, kind=kind, change=change)
        self.write(found.rows.select(*_ROW_AGAIN, "to_once"))
        return found

    def _decide(self, change: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        found = decided(self._candidates.decisions(), self._rules)
        stored = self._candidates.operator_evidence(found.pairs["from_object"].unique())
        changed = self.restate(found.evidence, stored, EvidenceKind.OPERATOR, change)
        return found.pairs, changed.pairs

    def _reaching(self, links: pl.DataFrame) -> pl.DataFrame:
        """PAIR of the instances that reach either end of some links."""
        if links.is_empty():
            return pl.DataFrame(schema=dict.fromkeys(PAIR, pl.String))
        ends = pl.concat(
            [links.select("process", object=end) for end in ("from_object", "to_object")]
        ).unique()
        reaches = self._known.reaches(ends["object"].unique())
        return reaches.join(ends, on=["process", "object"], how="semi").select(PAIR).unique()
