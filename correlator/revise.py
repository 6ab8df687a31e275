"""Taking back: when a fact no longer counts, what rested on it is recomputed from the rest.

Facts only ever add, with one exception: of several contents under one event identity the smallest
(occurred_at, content hash) counts, so a later arrival can displace an earlier one. Then the
mentions and the evidence of the displaced content are withdrawn, and every instance they could have
touched is computed again from its facts.
"""

from dataclasses import dataclass
from typing import Protocol

import polars as pl

from correlator.stitch import (
    LINK,
    REACH,
    Rules,
    State,
    as_members,
    belonging,
    event_links,
    mentions_of,
    naming_anchors,
    propagate,
)

PAIR = ["process", "anchor"]
MENTION = ["object", "event_key"]
EVIDENCE = [*LINK, "kind", "event_key"]


class Memory(State, Protocol):
    """A state that can also be asked from the anchors' side."""

    def ever_reached(self, anchors: pl.Series) -> pl.DataFrame:
        """REACH rows of these anchors, and what this tick took from them before it was killed."""
        ...

    def members_of(self, anchors: pl.Series) -> pl.DataFrame:
        """Members of these anchors, in every process."""
        ...


@dataclass(frozen=True, kw_only=True)
class Stale:
    """What the displaced versions said and the counting ones do not."""

    mentions: pl.DataFrame
    evidence: pl.DataFrame
    affected: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class Recomputed:
    """Instances computed from their facts alone, and what was known of them and no longer holds."""

    reaches: pl.DataFrame
    members: pl.DataFrame
    lost_reaches: pl.DataFrame
    lost_members: pl.DataFrame
    lost_instances: pl.DataFrame


def stale(versions: pl.DataFrame, counted: pl.DataFrame, rules: Rules, state: State) -> Stale:
    """Compare all `versions` of some events with the ones that count.

    `versions` has the columns of events with a `version_key` in place of a unique event_key.
    """
    every = versions.with_columns(own_key="event_key", event_key="version_key")
    owner = every.select("event_key", "own_key")
    mentions = mentions_of(every).join(owner, on="event_key")
    mentions = mentions.select("object", "type", event_key="own_key").unique()
    evidence = event_links(every, mentions_of(every), rules).join(owner, on="event_key")
    evidence = evidence.with_columns(event_key="own_key").select(*EVIDENCE, "to_once").unique()
    own = mentions_of(counted)
    anchors = mentions.join(rules.anchors, left_on="type", right_on="anchor_type")
    reached = state.reaches(mentions["object"].unique())
    return Stale(
        mentions=mentions.select(MENTION).join(own.select(MENTION), on=MENTION, how="anti"),
        evidence=evidence.join(
            event_links(counted, own, rules).select(EVIDENCE), on=EVIDENCE, how="anti"
        ),
        affected=pl.concat(
            [reached.select(PAIR), anchors.select("process", anchor="object")]
        ).unique(),
    )


def recompute(affected: pl.DataFrame, rules: Rules, state: Memory) -> Recomputed:
    """Compute the instances in `affected` (PAIR) from their facts.

    What no longer holds must be withdrawn from `state` before. An anchor that no event names any
    more has no instance.
    """
    anchors = affected["anchor"].unique()
    named = state.events_about(anchors).select(anchor="object").unique()
    seeds = affected.join(named, on="anchor").select("process", "anchor", object="anchor")
    nothing = seeds.clear().select(REACH)
    no_links = pl.DataFrame(schema=dict.fromkeys(LINK, pl.String))
    reaches = propagate(seeds.select(REACH), nothing, no_links, rules, state)
    about = state.events_about(reaches["object"].unique())
    events = about.drop("object").unique("event_key")
    memberships = [naming_anchors(events, rules), belonging(about, reaches, rules, state)]
    members = as_members(pl.concat(memberships), events).join(seeds, on=PAIR, how="semi")
    stored = state.members_of(anchors).join(affected, on=PAIR, how="semi")
    known = state.ever_reached(anchors).join(affected, on=PAIR, how="semi")
    key = [*PAIR, "event_key"]
    return Recomputed(
        reaches=reaches,
        members=members,
        lost_reaches=known.select(REACH).join(reaches, on=REACH, how="anti"),
        lost_members=stored.select(key).join(members, on=key, how="anti"),
        lost_instances=affected.join(members.select(PAIR).unique(), on=PAIR, how="anti"),
    )
