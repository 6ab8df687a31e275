"""Processes in several versions: each instance by the one in force when its anchor was first named.

Stitching runs over what all versions declare together, so that it finds whatever an event may
touch. An instance of a process in several versions is then computed from its facts by the one
version that is in force at the earliest event that names its anchor, and by nothing of the others:
paths, milestones, completion. Which event is the earliest does not depend on the order of arrival,
so neither does the version; an older event that arrives late moves the instance to an older one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from correlator.keys import unquoted
from correlator.revise import PAIR, Memory, Recomputed, recompute
from correlator.stitch import Rules, mentions_of
from suture.definitions.process import ProcessDefinition
from suture.definitions.process_versions import effective_at

VERSION = "process_version"


@dataclass(frozen=True, kw_only=True)
class Held:
    """Instances computed from their facts; `pairs` is PAIR and the version each is held against."""

    pairs: pl.DataFrame
    result: Recomputed


class Versions:
    """The versions of all processes, and the rules of each version alone."""

    def __init__(self, processes: Mapping[str, Sequence[ProcessDefinition]]) -> None:
        """Of each process all versions in the order in which they take effect."""
        self._all = {(p.process, p.version): p for several in processes.values() for p in several}
        self._several = {name: list(several) for name, several in processes.items() if several[1:]}
        self._single = {name: several[-1].version for name, several in processes.items()}
        self._rules = {
            (name, version.version): Rules.of([version])
            for name, several in self._several.items()
            for version in several
        }
        together = Rules.of(one for several in self._several.values() for one in several)
        self._anchors = together.anchors

    def __bool__(self) -> bool:
        """Whether any process has more than one version."""
        return bool(self._several)

    def definition(self, process: str, version: int) -> ProcessDefinition:
        """One version of a process."""
        return self._all[process, version]

    def several(self, process: str) -> bool:
        """Whether a process has more than one version."""
        return process in self._several

    def of_single(self, touched: pl.DataFrame) -> pl.DataFrame:
        """`touched` (PAIR) with the versions of processes that have only one."""
        version = pl.col("process").replace_strict(self._single, return_dtype=pl.UInt32)
        return touched.with_columns(version.alias(VERSION))

    def touched(self, events: pl.DataFrame, *rows: pl.DataFrame) -> pl.DataFrame:
        """PAIR rows of instances, of processes in several versions, that a batch may touch.

        Those among `rows` (frames with PAIR), and every anchor that an event names: its milestone
        may be none of the process, and still be the earliest event.
        """
        named = mentions_of(events).join(self._anchors, left_on="type", right_on="anchor_type")
        found = pl.concat(
            [named.select("process", anchor="object"), *(frame.select(PAIR) for frame in rows)]
        )
        return found.filter(pl.col("process").is_in(list(self._several))).unique()

    def recompute(self, affected: pl.DataFrame, rules: Rules, state: Memory) -> list[Held]:
        """Compute the instances in `affected` (PAIR) from their facts, each by its version.

        `rules` are those of all versions together, which a process with one version is held to.
        """
        several = pl.col("process").is_in(list(self._several))
        single = affected.filter(~several)
        found = []
        if single.height:
            found.append(Held(pairs=self.of_single(single), result=recompute(single, rules, state)))
        versioned = affected.filter(several)
        if versioned.height:
            held = self._in_force(versioned, state)
            for (name, number), group in held.group_by("process", VERSION, maintain_order=True):
                own = self._rules[str(name), int(str(number))]
                result = recompute(group.select(PAIR), own, _Narrowed(state, own))
                found.append(Held(pairs=group, result=result))
        return found

    def _in_force(self, affected: pl.DataFrame, state: Memory) -> pl.DataFrame:
        """`affected` with the version that each instance is held against.

        An anchor that no event names any more has no instance; whatever it had is looked for by the
        first version.
        """
        about = state.events_about(affected["anchor"].unique())
        first = about.group_by(anchor="object").agg(first_at=pl.col("occurred_at").min())
        known = affected.join(first, on="anchor", how="left")
        version = pl.lit(0, pl.UInt32)
        for name, several in self._several.items():
            here = pl.col("process") == name
            version = pl.when(here).then(pl.lit(several[0].version, pl.UInt32)).otherwise(version)
            for one in several[1:]:
                since = pl.lit(effective_at(one)).cast(pl.Datetime("us", "UTC"))
                version = (
                    pl.when(here & (pl.col("first_at") >= since))
                    .then(pl.lit(one.version, pl.UInt32))
                    .otherwise(version)
                )
        return known.select(*PAIR, version.alias(VERSION)).sort(*PAIR)


class _Narrowed:
    """A memory that knows the links along the paths of one version only."""

    def __init__(self, memory: Memory, rules: Rules) -> None:
        self._memory = memory
        self._paths = rules.paths.select("process", "from_type", "to_type")

    def reaches(self, objects: pl.Series) -> pl.DataFrame:
        return self._memory.reaches(objects)

    def links_from(self, objects: pl.Series) -> pl.DataFrame:
        """The links whose two types stand on a path of the version."""
        return self._own(self._memory.links_from(objects))

    def refused_among(self, objects: pl.Series) -> pl.DataFrame:
        """The refused ones whose two types stand on a path of the version."""
        return self._own(self._memory.refused_among(objects))

    def _own(self, links: pl.DataFrame) -> pl.DataFrame:
        typed = links.with_columns(from_type=_type_of("from_object"), to_type=_type_of("to_object"))
        on = ["process", "from_type", "to_type"]
        return typed.join(self._paths, on=on, how="semi").drop("from_type", "to_type")

    def events_about(self, objects: pl.Series, *, but: pl.Series | None = None) -> pl.DataFrame:
        return self._memory.events_about(objects, but=but)

    def ever_reached(self, anchors: pl.Series) -> pl.DataFrame:
        return self._memory.ever_reached(anchors)

    def members_of(self, anchors: pl.Series) -> pl.DataFrame:
        return self._memory.members_of(anchors)


def _type_of(key: str) -> pl.Expr:
    """The object type in a column of keys."""
    return unquoted(pl.col(key).str.splitn("|", 3).struct.field("field_1"))
