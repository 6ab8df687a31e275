"""What is stitched already, as stitching and revising ask for it."""

from collections.abc import Mapping, Sequence

import polars as pl

from correlator.facts import EVENT_COLUMNS, as_events, winners
from correlator.stitch import LINK
from suture.definitions.process import ObjectType
from suture.store.correlation import CorrelationTables
from suture.store.linking import LinkTables, Standing

FEW_REFUSALS = 20_000
"""Up to so many rows about refused pairs are read as a whole, once a tick, which asks often."""

_AMBIGUOUS = pl.Schema(
    [*((name, pl.String()) for name in [*LINK, "state"]), ("version", pl.UInt64())]
)


class Known:
    """The `Memory` behind a tick: rows of the store, and facts read as events."""

    def __init__(
        self,
        tables: CorrelationTables,
        candidates: LinkTables,
        types: Mapping[str, ObjectType],
        scopes: Sequence[str],
    ) -> None:
        """`types` and `scopes` are those that the rows were written with."""
        self._tables = tables
        self._candidates = candidates
        self._types = types
        self._scopes = scopes
        self._refusals = 0
        self._last_change = 0
        self._every_ambiguous: pl.DataFrame | None = None
        self._facts = pl.DataFrame()

    @property
    def refusals(self) -> bool:
        """Whether any pair of objects was ever refused."""
        return self._refusals > 0

    def begin(self, standing: Standing, facts: pl.DataFrame) -> None:
        """Be told how things stand when a tick begins, and all facts of the segments it reads."""
        self._facts = facts
        self._last_change = standing.change
        self._refusals = standing.refusals
        self._every_ambiguous = None

    def end(self) -> None:
        """Let go of the facts of a tick."""
        self._facts = self._facts.clear()

    def decided(self, rows: pl.DataFrame) -> None:
        """Be told what the tick has written about pairs: LINK + state, version."""
        self._refusals += rows.height
        if self._every_ambiguous is not None:
            told = pl.concat([self._every_ambiguous, rows.select(self._every_ambiguous.columns)])
            self._every_ambiguous = told.sort("version").unique(LINK, keep="last")

    def reaches(self, objects: pl.Series) -> pl.DataFrame:
        """REACH rows whose object is one of `objects`."""
        return self._tables.reaches(objects)

    def links_from(self, objects: pl.Series) -> pl.DataFrame:
        """Accepted LINK rows whose from_object is one of `objects`."""
        links = self._tables.links_from(objects)
        if not self.refusals or links.is_empty():
            return links
        return links.join(self._refused(links["from_object"]), on=LINK, how="anti")

    def refused_among(self, objects: pl.Series) -> pl.DataFrame:
        """LINK rows that evidence names and that are not accepted, from any of `objects`."""
        if not self.refusals:
            return pl.DataFrame(schema=dict.fromkeys(LINK, pl.String))
        return self._refused(objects.explode())

    def candidates_from(self, objects: pl.Series) -> pl.DataFrame:
        """CANDIDATE rows that begin at `objects`."""
        return self._candidates.candidates_from(objects)

    def candidates_to(self, objects: pl.Series) -> pl.DataFrame:
        """CANDIDATE rows that lead to `objects`, on paths that may lead there only once."""
        return self._candidates.candidates_to(objects)

    def ambiguous_from(self, objects: pl.Series) -> pl.DataFrame:
        """LINK + state, version of the pairs that begin at `objects` and were ever refused."""
        if not self._refusals:
            return pl.DataFrame(schema=_AMBIGUOUS)
        if self._refusals > FEW_REFUSALS:
            return self._candidates.ambiguous_from(objects)
        if self._every_ambiguous is None:
            self._every_ambiguous = self._candidates.every_ambiguous()
        return self._every_ambiguous.filter(pl.col("from_object").is_in(objects.implode()))

    def _refused(self, objects: pl.Series) -> pl.DataFrame:
        ambiguous = self.ambiguous_from(objects.unique())
        return ambiguous.filter(pl.col("state") != "").select(LINK)

    def events_about(self, objects: pl.Series, *, but: pl.Series | None = None) -> pl.DataFrame:
        """Events about `objects`: EVENT_COLUMNS, and `object`; without those with keys in `but`."""
        found = self._tables.facts_about(objects, but=but, at_hand=self._facts)
        about = found.select("object", "event_key").unique()
        events = as_events(winners(found.drop("object")), self._types, self._scopes)
        return events.select(EVENT_COLUMNS).join(about, on="event_key")

    def ever_reached(self, anchors: pl.Series) -> pl.DataFrame:
        """REACH rows of these anchors, and what this tick took from them before it was killed.

        A number that was left out, when one worker took over from another, is the killed tick's.
        """
        return self._tables.reaches_of_anchors(anchors, lost_since=self._last_change)

    def members_of(self, anchors: pl.Series) -> pl.DataFrame:
        """Members of these anchors, in every process."""
        return self._tables.members_of(anchors)
