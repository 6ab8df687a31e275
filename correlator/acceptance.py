"""Which candidates for links are accepted: a function of all of them, never of their arrival.

A candidate is a pair of objects that some sure evidence names and that no operator blocked. Pairs
rank by their best evidence: operator before event before trace, then event time, source, id. Where
a path lets an object have only one partner, a candidate is accepted if it ranks first for that
object among all candidates, refused ones included; candidates that rank alike are both refused,
since nothing tells them apart.

Decisions are made for the pairs that something new bears upon, and for their rivals: the pairs that
share an object with them on a side where only one may be. Nothing beyond these can change.

Frames: CANDIDATE is LINK + sure, strength, occurred_at, source, id (of the best sure evidence).
"""

from dataclasses import dataclass
from typing import Protocol

import polars as pl

from correlator.keys import type_of
from correlator.stitch import LINK, Rules
from suture.contracts.links import LinkState

_RANK = ["strength", "occurred_at", "source", "id"]
_TICK_BITS = 20


class Candidates(Protocol):
    """What is known of candidates, looked up for just the objects given."""

    def candidates_from(self, objects: pl.Series) -> pl.DataFrame:
        """CANDIDATE rows that begin at `objects`."""
        ...

    def candidates_to(self, objects: pl.Series) -> pl.DataFrame:
        """CANDIDATE rows that lead to `objects`, on paths that may lead there only once."""
        ...

    def ambiguous_from(self, objects: pl.Series) -> pl.DataFrame:
        """LINK + state, version of the pairs that begin at `objects` and were ever refused."""
        ...


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """What was decided: rows for `ambiguous_links`, and the pairs whose standing changed.

    A pair that this tick changed before it was killed counts as changed again.
    """

    rows: pl.DataFrame
    changed: pl.DataFrame


def resolve(
    touched: pl.DataFrame,
    rules: Rules,
    known: Candidates,
    *,
    decided: pl.DataFrame,
    change: int,
) -> Resolution:
    """Decide about `touched` (LINK) and their rivals.

    `decided` (LINK + blocked) are pairs that people spoke about; it outweighs what is stored.
    """
    touched = on_paths(touched.select(LINK).unique(), rules)
    near = _rivals(touched, rules, known)
    # Rivals have rivals of their own on their other side, where both sides are limited.
    both = near.filter(pl.col("to_once") & pl.col("from_once"))
    found = near
    if both.height:
        found = pl.concat([near, _rivals(both, rules, known)]).unique(LINK)
    bearing = pl.concat([touched.select(LINK), near.select(LINK)]).unique()
    stored = known.ambiguous_from(
        pl.concat([found["from_object"], touched["from_object"]]).unique()
    )
    every = (
        pl.concat([found, touched.join(found, on=LINK, how="anti")], how="diagonal")
        .join(stored, on=LINK, how="left")
        .join(decided, on=LINK, how="left")
        .with_columns(pl.col("state").fill_null(""), pl.col("version").fill_null(0))
        .with_columns(
            blocked=pl.coalesce("blocked", pl.col("state") == LinkState.BLOCKED.value),
            before=pl.col("state"),
        )
    )
    judged = _judged(every).join(bearing, on=LINK, how="semi")
    told = judged.filter(
        (pl.col("state") != pl.col("before")) | ((pl.col("version") // 2**_TICK_BITS) == change)
    )
    rows = told.filter(pl.col("state") != pl.col("before")).select(
        *LINK,
        "state",
        version=pl.max_horizontal(
            pl.col("version") + 1, pl.lit(change << _TICK_BITS, pl.UInt64)
        ).cast(pl.UInt64),
    )
    return Resolution(rows=rows, changed=told.select(LINK))


def version_in(change: int) -> int:
    """The first version that rows of a tick bear where a repeat of it may write others."""
    return change << _TICK_BITS


def on_paths(links: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """`links` that lie on a declared path, with its columns from `rules.paths`."""
    typed = links.with_columns(from_type=type_of("from_object"), to_type=type_of("to_object"))
    return typed.join(rules.paths, on=["process", "from_type", "to_type"])


def _rivals(pairs: pl.DataFrame, rules: Rules, known: Candidates) -> pl.DataFrame:
    """Candidates among `pairs`, and those that share an object with them where only one may be."""
    to = pairs.filter("to_once")["to_object"].unique()
    # A pair without any limit is found from where it begins.
    origins = pairs.filter(pl.col("from_once") | ~pl.col("to_once"))["from_object"].unique()
    parts = [known.candidates_to(to)] if len(to) else []
    if len(origins) or not parts:
        parts.append(known.candidates_from(origins))
    rows = on_paths(pl.concat(parts).unique(LINK), rules)
    side = ["process", "to_object", "from_type"]
    other = ["process", "from_object", "to_type"]
    return pl.concat(
        [
            rows.join(pairs.select(LINK), on=LINK, how="semi"),
            rows.filter("to_once").join(pairs.filter("to_once"), on=side, how="semi"),
            rows.filter("from_once").join(pairs.filter("from_once"), on=other, how="semi"),
        ]
    ).unique(LINK)


def _judged(every: pl.DataFrame) -> pl.DataFrame:
    """Add `state`: why a pair is no link, empty where it is one or nothing names it."""
    may = pl.col("sure").fill_null(value=False) & ~pl.col("blocked")
    place = pl.when(may).then(pl.struct(_RANK).rle_id())
    ranked = every.sort(_RANK).with_columns(place=place)
    for once, group in (
        ("to_once", ["process", "to_object", "from_type"]),
        ("from_once", ["process", "from_object", "to_type"]),
    ):
        least = pl.col("place").min().over(group)
        alone = (pl.col("place") == least).sum().over(group) == 1
        first = (pl.col("place") == least) & alone
        ranked = ranked.with_columns((~pl.col(once) | first).alias(f"{once}_first"))
    state = (
        pl.when("blocked")
        .then(pl.lit(LinkState.BLOCKED.value))
        .when(pl.col("sure").is_null())
        .then(pl.lit(""))
        .when(~pl.col("sure"))
        .then(pl.lit(LinkState.UNSURE.value))
        .when(pl.col("to_once_first") & pl.col("from_once_first"))
        .then(pl.lit(""))
        .otherwise(pl.lit(LinkState.REFUSED.value))
    )
    return ranked.with_columns(state=state)
