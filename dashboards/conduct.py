"""How an instance went about its process: repeats, skips, order, attempts, and the evidence.

Pure. A function of the instance's members and links, and of the version of the process that it is
held against. Only milestones that a whole run passes are held against the declared order: optional
ones, other ends and what is declared behind the completing one may come at any time or never, and
of several that can start a run one is enough. The completing one may come again where several are
awaited. An outcome other than `ok` is an attempt and reaches nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from suture.contracts.process import EvidenceKind
from suture.definitions.process import ProcessDefinition

OK = "ok"


class Happening(Protocol):
    """An event of an instance."""

    @property
    def milestone(self) -> str:
        """What happened."""
        ...

    @property
    def occurred_at(self) -> datetime:
        """When."""
        ...

    @property
    def outcome(self) -> str:
        """`ok`, or why it counts as an attempt."""
        ...

    @property
    def reason(self) -> str:
        """What the producer said about the outcome."""
        ...

    @property
    def trace_id(self) -> str:
        """The trace it belongs to, or empty."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Repeat:
    """A milestone that was reached `count` times, more than once.

    `rework` counts the times it came again although one declared after it had been reached since
    the time before: the run went back.
    """

    milestone: str
    count: int
    rework: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OutOfOrder:
    """A milestone first reached after `after`, which is declared behind it."""

    milestone: str
    after: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """Attempts at a milestone with one outcome and reason; was it reached after the last?"""

    milestone: str
    outcome: str
    reason: str
    count: int
    last_at: datetime
    reached_after: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Completeness:
    """How complete the evidence is.

    Of the milestones up to the furthest reached, how many were heard of; of the events, how many
    carry a trace; of the links, how many rest on an event or an operator and not on a trace alone.
    """

    expected: int
    reached: int
    events: int
    traced: int
    links: int
    firm: int

    @property
    def ratio(self) -> float | None:
        """The mean of the three shares, of those that have something to count; None of none."""
        pairs = ((self.reached, self.expected), (self.traced, self.events), (self.firm, self.links))
        shares = [part / whole for part, whole in pairs if whole]
        return sum(shares) / len(shares) if shares else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Conduct:
    """All of it; milestones in declared order."""

    repeats: tuple[Repeat, ...]
    skipped: tuple[str, ...]
    out_of_order: tuple[OutOfOrder, ...]
    attempts: tuple[Attempt, ...]
    evidence: Completeness


def conduct(
    members: Sequence[Happening], link_kinds: Iterable[str], definition: ProcessDefinition
) -> Conduct:
    """What `members` (in the order of the instance) say; `link_kinds` is one for each link."""
    reached = [m for m in members if m.outcome == OK]
    first: dict[str, datetime] = {}
    for member in reached:
        first.setdefault(member.milestone, member.occurred_at)
    skipped = _skipped(first, definition)
    passed = [name for name in definition.expected_milestones if name in first]
    kinds = list(link_kinds)
    return Conduct(
        repeats=_repeats(reached, definition),
        skipped=skipped,
        out_of_order=_out_of_order(first, definition),
        attempts=_attempts(members, definition),
        evidence=Completeness(
            expected=len(passed) + len(skipped),
            reached=len(passed),
            events=len(members),
            traced=sum(bool(m.trace_id) for m in members),
            links=len(kinds),
            firm=sum(kind != EvidenceKind.TRACE.value for kind in kinds),
        ),
    )


def _skipped(first: Mapping[str, datetime], definition: ProcessDefinition) -> tuple[str, ...]:
    """Expected milestones before the furthest reached that were not reached themselves."""
    expected = definition.expected_milestones
    furthest = max((n for n, name in enumerate(expected) if name in first), default=0)
    begun = any(name in first for name in definition.starts_with)
    return tuple(
        name
        for name in expected[:furthest]
        if name not in first and not (begun and name in definition.starts_with)
    )


def _out_of_order(
    first: Mapping[str, datetime], definition: ProcessDefinition
) -> tuple[OutOfOrder, ...]:
    """By first occurrences; equal times are in order, and so are several starts."""
    expected = [name for name in definition.expected_milestones if name in first]
    found = []
    for place, name in enumerate(expected):
        sooner = [
            later
            for later in expected[place + 1 :]
            if first[later] < first[name] and not {name, later} <= set(definition.starts_with)
        ]
        if sooner:
            after = min(sooner, key=lambda later: (first[later], expected.index(later)))
            found.append(OutOfOrder(milestone=name, after=after))
    return tuple(found)


def _repeats(reached: Sequence[Happening], definition: ProcessDefinition) -> tuple[Repeat, ...]:
    counts = Counter(member.milestone for member in reached)
    place = {name: n for n, name in enumerate(definition.expected_milestones)}
    rework: Counter[str] = Counter()
    furthest_since: dict[str, int] = {}
    for member in reached:
        here = place.get(member.milestone)
        if here is None:
            continue
        if furthest_since.get(member.milestone, -1) > here:
            rework[member.milestone] += 1
        furthest_since = {name: max(n, here) for name, n in furthest_since.items()}
        furthest_since[member.milestone] = here
    done = definition.completes_with
    awaited = done.milestone if done.occurrence == "last" else ""
    return tuple(
        Repeat(milestone=name, count=counts[name], rework=rework[name])
        for name in definition.milestone_names
        if counts[name] > 1 and (name != awaited or rework[name])
    )


def _attempts(members: Sequence[Happening], definition: ProcessDefinition) -> tuple[Attempt, ...]:
    groups: dict[tuple[str, str, str], list[int]] = {}
    last_reached: dict[str, int] = {}
    for index, member in enumerate(members):
        if member.outcome == OK:
            last_reached[member.milestone] = index
        else:
            key = (member.milestone, member.outcome, member.reason)
            groups.setdefault(key, []).append(index)
    found = [
        Attempt(
            milestone=milestone,
            outcome=outcome,
            reason=reason,
            count=len(indexes),
            last_at=members[indexes[-1]].occurred_at,
            reached_after=last_reached.get(milestone, -1) > indexes[-1],
        )
        for (milestone, outcome, reason), indexes in groups.items()
    ]
    order = {name: n for n, name in enumerate(definition.milestone_names)}
    return tuple(sorted(found, key=lambda a: (order.get(a.milestone, len(order)), a.last_at)))
