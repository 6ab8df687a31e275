"""What a tick has found out on its way into the tables.

Rows of different tables are written side by side, up to where an order matters: what a later
look-up would take for known (`reaches`) follows what is derived from its being new.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import polars as pl

from correlator.facts import MEMBER_COLUMNS
from correlator.instances import MEMBER, aggregate
from correlator.keys import environment_of
from correlator.revise import PAIR, Recomputed
from correlator.side_by_side import SideBySide
from correlator.versions import VERSION, Held, Versions
from suture.store.correlation import CorrelationTables


@dataclass(frozen=True, kw_only=True)
class Made:
    """Instances that a tick has to write.

    `pairs` is PAIR and the version each is held against; `members` and `reaches` are all that these
    have and nothing else, `new_members` and `new_reaches` what of it is to be written; `lost` says
    what no longer holds: only its lost_ frames are read.
    """

    pairs: pl.DataFrame
    members: pl.DataFrame
    reaches: pl.DataFrame
    new_members: pl.DataFrame
    new_reaches: pl.DataFrame
    lost: Recomputed | None = None

    @classmethod
    def of(cls, held: Held) -> Self:
        """Instances that were computed from their facts."""
        result = held.result
        return cls(
            pairs=held.pairs,
            members=result.members,
            reaches=result.reaches,
            new_members=result.members,
            new_reaches=result.reaches,
            lost=result,
        )


class Output:
    """Writes rows of a tick."""

    def __init__(self, tables: CorrelationTables, versions: Versions, calls: SideBySide) -> None:
        """`calls` is where writes wait for each other."""
        self._tables = tables
        self._versions = versions
        self._calls = calls

    def begin(self, table: str, frame: pl.DataFrame, **constants: int) -> None:
        """Write rows side by side with whatever else was begun."""
        if frame.height:
            self._calls.begin(partial(self._tables.write, table, frame, **constants))

    def instances(self, every: Sequence[Made], *, change: int) -> int:
        """Write instances, whom they consist of and what they have lost; returns how many."""
        losses = [made.lost for made in every if made.lost]
        members = pl.concat([made.new_members.select(MEMBER_COLUMNS) for made in every])
        self.begin("members", members, version=change)
        reaches = pl.concat([made.new_reaches for made in every])
        self.begin("reached_objects", reaches, version=change)
        for lost in losses:
            self.begin("members", lost.lost_members, version=change, removed=1)
            self.begin("reached_objects", lost.lost_reaches, version=change, removed=1)
        found = self._aggregated(every)
        gone = [
            lost.lost_instances.select(environment_of("anchor").alias("environment"), *PAIR)
            for lost in losses
        ]
        for frame in found:
            self._calls.begin(partial(self._tables.write_instances, frame, change=change))
        for frame in gone:
            self.begin("instances", frame, change=change, removed=1)
        if touched := [frame.select("environment", *PAIR) for frame in (*found, *gone)]:
            self.begin("instance_changes", pl.concat(touched), change=change)
        self._calls.settle()
        for lost in losses:
            self.begin("reaches", lost.lost_reaches, version=change, removed=1)
        self.begin("reaches", reaches, version=change)
        self._calls.settle()
        return sum(frame.height for frame in touched)

    def _aggregated(self, every: Sequence[Made]) -> list[pl.DataFrame]:
        """The instances in the pairs of `every` that have members."""
        pairs = pl.concat([made.pairs for made in every])
        members = pl.concat([made.members.select(MEMBER) for made in every])
        reaches = pl.concat([made.reaches for made in every])
        found = []
        for (name, version), group in pairs.group_by("process", VERSION):
            definition = self._versions.definition(str(name), int(str(version)))
            own, reached = (rows.filter(pl.col("process") == name) for rows in (members, reaches))
            if self._versions.several(str(name)):
                own, reached = (rows.join(group, on=PAIR, how="semi") for rows in (own, reached))
            found.append(aggregate(own, reached, definition))
        return found
