"""Stitching: from events about objects to members of instances, incrementally.

The rules, for a process P with anchor type A:

    link(x, y)    <-  an accepted piece of evidence names x and y, and P declares a path
                      type(x) -> type(y); see `acceptance`
    reaches(a, a) <-  a is an object of type A that any event names
    reaches(a, y) <-  reaches(a, x), link(x, y)
    member(a, e)  <-  reaches(a, x), about(e, x), milestone(e) in P,
                      and: if e itself names objects of type A, a is one of them

Apart from which links are accepted they only ever add facts, so the result does not depend on the
order of arrival. Evaluation is semi-naive (Bancilhon and Ramakrishnan, 1986): only what is new is
joined with what is known, and what is known is looked up for just the objects that the new events
touch.

An event that names anchors belongs to exactly those, and reaches(a, a) always holds: such events
need no join through `reaches`, which keeps a shared object (one order of a hundred items) cheap.

Frames, all text unless said otherwise:

- events: event_key, milestone, system, source, id, occurred_at, recorded_at, sequence, outcome,
  reason, trace_id, carried_names [text], carried_values [text], objects [text], types [text];
  one row for an event, objects and types run in parallel.
- members: process, anchor + the columns of events but types; MEMBERSHIP is their key.
- links: process, from_object, to_object (+ evidence); reaches: process, object, anchor.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from correlator.facts import MEMBER_COLUMNS, MEMBERSHIP
from correlator.keys import type_of
from suture.contracts.process import EvidenceKind
from suture.definitions.process import Cardinality, ProcessDefinition

REACH = ["process", "object", "anchor"]
LINK = ["process", "from_object", "to_object"]


class State(Protocol):
    """What is already known, looked up for just the objects given."""

    def reaches(self, objects: pl.Series) -> pl.DataFrame:
        """REACH rows whose object is one of `objects`."""
        ...

    def links_from(self, objects: pl.Series) -> pl.DataFrame:
        """Accepted LINK rows whose from_object is one of `objects`."""
        ...

    def refused_among(self, objects: pl.Series) -> pl.DataFrame:
        """LINK rows that evidence names and that are not accepted, from any of `objects` (lists).

        Empty without a look-up where nothing was ever refused.
        """
        ...

    def events_about(self, objects: pl.Series, *, but: pl.Series | None = None) -> pl.DataFrame:
        """Events about `objects`: the columns of events, and `object`.

        Without those whose keys are in `but`.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The declared processes as small frames to join with."""

    paths: pl.DataFrame
    anchors: pl.DataFrame
    milestones: pl.DataFrame

    @classmethod
    def of(cls, processes: Iterable[ProcessDefinition]) -> "Rules":
        """Frames of paths, (process, anchor_type), (process, milestone, anchor_type).

        A path is (process, from_type, to_type) and two truths: `to_once` where each `to` has at
        most one `from`, `from_once` where each `from` has at most one `to`. Several versions of a
        process count as one that declares what any of them does.
        """
        processes = list(processes)
        return cls(
            paths=_paths(processes),
            anchors=_text_frame(
                ("process", "anchor_type"), [(p.process, p.anchor) for p in processes]
            ),
            milestones=_text_frame(
                ("process", "milestone"),
                [(p.process, name) for p in processes for name in p.milestone_names],
            ).join(
                _text_frame(("process", "anchor_type"), [(p.process, p.anchor) for p in processes]),
                on="process",
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Delta:
    """What one batch of events adds; rows that were known already may be among it."""

    reaches: pl.DataFrame
    members: pl.DataFrame


def stitch(
    events: pl.DataFrame, links: pl.DataFrame, known: pl.DataFrame, rules: Rules, state: State
) -> Delta:
    """What `events` add to what `state` knows. `events` holds each event once.

    `links` are LINK rows that they support and that are accepted, `known` the REACH rows of the
    objects that they name.
    """
    mentions = mentions_of(events)
    seeds = (
        mentions.join(rules.anchors, left_on="type", right_on="anchor_type")
        .select("process", "object", anchor="object")
        .unique()
    )
    grown = propagate(seeds, known, links.select(LINK).unique(), rules, state)
    return Delta(
        reaches=grown,
        members=_members(events, known=known, grown=grown, rules=rules, state=state),
    )


def propagate(
    seeds: pl.DataFrame, known: pl.DataFrame, links: pl.DataFrame, rules: Rules, state: State
) -> pl.DataFrame:
    """The REACH rows that follow from new `seeds` and new `links` and are not in `known`.

    `known` must hold everything known about the ends of `links`. Cycles among objects end the walk
    by themselves, since a pair is followed once.
    """
    base = pl.concat([known.select(REACH), seeds.select(REACH)]).unique()
    stepped = _step(links, base)
    frontier = pl.concat([seeds.select(REACH), stepped]).unique().join(known, on=REACH, how="anti")
    grown = [frontier]
    seen = pl.concat([base, frontier]).unique()
    while frontier.height:
        onwards = links.select(LINK)
        if len(leading := _leading_on(frontier, rules)):
            onwards = pl.concat([onwards, state.links_from(leading).select(LINK)]).unique()
        frontier = _step(onwards, frontier).join(seen, on=REACH, how="anti")
        grown.append(frontier)
        seen = pl.concat([seen, frontier])
    return pl.concat(grown)


def belonging(
    events: pl.DataFrame, reaches: pl.DataFrame, rules: Rules, state: State
) -> pl.DataFrame:
    """MEMBERSHIP rows of `events` (with a column `object`, about which each is) without an anchor.

    An event that names both ends of a refused link is a member through the `from` object only.
    """
    about = events.select("event_key", "milestone", "objects", "types", "object")
    through = about.join(rules.milestones, on="milestone")
    through = through.filter(~pl.col("types").list.contains(pl.col("anchor_type")))
    refused = state.refused_among(through["objects"])
    if refused.height:
        named = through.select("process", "event_key", "objects").unique(["process", "event_key"])
        hidden = (
            named.with_columns(from_object="objects")
            .explode("from_object")
            .join(refused, on=["process", "from_object"])
            .filter(pl.col("objects").list.contains(pl.col("to_object")))
            .select("process", "event_key", object="to_object")
        )
        through = through.join(hidden, on=hidden.columns, how="anti")
    through = through.select("process", "object", "event_key")
    return through.join(reaches.select(REACH), on=["process", "object"]).select(MEMBERSHIP)


def naming_anchors(events: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """MEMBERSHIP rows of `events` that name their anchors themselves."""
    own = events.select("event_key", "milestone", "objects", "types")
    own = own.join(rules.milestones, on="milestone")
    own = own.filter(pl.col("types").list.contains(pl.col("anchor_type")))
    named = own.explode("objects", "types").filter(pl.col("types") == pl.col("anchor_type"))
    return named.select("process", anchor="objects", event_key="event_key")


def as_members(memberships: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Members: each of some MEMBERSHIP rows once, with what its event says."""
    return memberships.unique().join(events, on="event_key").select(MEMBER_COLUMNS)


def mentions_of(events: pl.DataFrame) -> pl.DataFrame:
    """event_key, object, type: one row for each object an event names."""
    listed = events.select("event_key", object="objects", type="types")
    return listed.explode("object", "type")


def event_links(events: pl.DataFrame, mentions: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """LINK rows with their evidence: pairs of objects that one event names, along a path.

    Beside them, how often the path lets their ends be linked: `to_once`, `from_once`.
    """
    pairs = (
        mentions.join(rules.paths, left_on="type", right_on="from_type")
        .rename({"object": "from_object"})
        .join(
            mentions.rename({"object": "to_object"}),
            left_on=["event_key", "to_type"],
            right_on=["event_key", "type"],
        )
        .filter(pl.col("from_object") != pl.col("to_object"))
        .select("event_key", *LINK, "to_once", "from_once")
        .unique()
    )
    evidence = events.select("event_key", "source", "id", "occurred_at")
    return pairs.join(evidence, on="event_key").with_columns(kind=pl.lit(EvidenceKind.EVENT.value))


def _leading_on(reaches: pl.DataFrame, rules: Rules) -> pl.Series:
    """Those objects of `reaches` from whose type a path leads on."""
    origins = rules.paths["from_type"].unique()
    leading = type_of("object").is_in(origins.to_list())
    return reaches.select("object").unique().filter(leading)["object"]


def _step(links: pl.DataFrame, reaches: pl.DataFrame) -> pl.DataFrame:
    return (
        links.join(reaches, left_on=["process", "from_object"], right_on=["process", "object"])
        .select("process", "anchor", object="to_object")
        .select(REACH)
        .unique()
    )


def _members(
    events: pl.DataFrame, *, known: pl.DataFrame, grown: pl.DataFrame, rules: Rules, state: State
) -> pl.DataFrame:
    about = events.with_columns(object="objects").explode("object")
    reaches = pl.concat([known.select(REACH), grown.select(REACH)])
    memberships = [naming_anchors(events, rules), belonging(about, reaches, rules, state)]
    # Earlier events are wanted for what is newly reached. An anchor itself brings none: events that
    # name it found it when they came.
    beyond = grown.filter(pl.col("object") != pl.col("anchor"))
    if beyond.height:
        earlier = state.events_about(beyond["object"].unique(), but=events["event_key"])
        memberships.append(belonging(earlier, beyond, rules, state))
        events = pl.concat([events, earlier.drop("object").unique("event_key")])
    return as_members(pl.concat(memberships), events)


def _paths(processes: Iterable[ProcessDefinition]) -> pl.DataFrame:
    to_once = (Cardinality.ONE_TO_MANY, Cardinality.ONE_TO_ONE)
    from_once = (Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_ONE)
    rows = [
        (
            p.process,
            path.from_type,
            path.to_type,
            path.cardinality in to_once,
            path.cardinality in from_once,
        )
        for p in processes
        for path in p.paths
    ]
    schema: dict[str, type[pl.DataType]] = {
        "process": pl.String,
        "from_type": pl.String,
        "to_type": pl.String,
        "to_once": pl.Boolean,
        "from_once": pl.Boolean,
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    path = ["process", "from_type", "to_type"]
    return frame.group_by(path, maintain_order=True).agg(pl.col("to_once", "from_once").any())


def _text_frame(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    return frame.unique(maintain_order=True)
