"""Delay attribution: where the time of an instance went, to the microsecond.

An attribution is a gapless row of pieces from the instance's start on, each with one cause. It does
not depend on now: what an open instance waits for behind its last piece is its tail, which whoever
reads extends to the instant asked about. Times are integer microseconds since 1970.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

EVIDENCE_LIMIT = 20
"""Ids kept for one part: those that explain most of it."""


class Cause(StrEnum):
    """What a stretch of time was spent on; every microsecond belongs to exactly one.

    `transport`: on the way between systems, in queues, in retries and timeouts. `transformation`:
    middleware at work. `downstream`: inside a system of record or an application. `business_rule`:
    a decision, a person, a rejection. `planned_wait`: closed by plan. `external`: a partner's own
    work. `unobserved`: nobody sent telemetry of it.
    """

    TRANSPORT = "transport"
    TRANSFORMATION = "transformation"
    DOWNSTREAM = "downstream"
    BUSINESS_RULE = "business_rule"
    PLANNED_WAIT = "planned_wait"
    EXTERNAL = "external"
    UNOBSERVED = "unobserved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch [start, end) of one step with one cause.

    `to_milestone` is None in the step that still runs. `system` is None where none is to blame.
    `why` says what happened, for a person; `evidence` holds span and event ids, most telling first.
    """

    start: int
    end: int
    from_milestone: str
    to_milestone: str | None
    cause: Cause
    system: str | None
    why: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """What an open instance waits for from `since` on; `planned` are known stretches within it."""

    since: int
    rest: Piece
    planned: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """All pieces of one instance in the order of time; `tail` is None once it is over."""

    pieces: tuple[Piece, ...]
    tail: Tail | None = None
    error_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The share of a stretch that one cause has at one system."""

    cause: Cause
    micros: int
    system: str | None
    why: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LargestPart:
    """What most of a stretch was spent on: a cause at a system, in one step of the instance.

    `micros` is how long, `whole` how long the stretch is.
    """

    from_milestone: str
    to_milestone: str | None
    cause: Cause
    system: str | None
    micros: int
    whole: int

    @property
    def step(self) -> str:
        """The step by its milestones; of the one that still runs the second is missing."""
        return f"{self.from_milestone} -> {self.to_milestone or ''}".rstrip()


def largest_part(attribution: Attribution, start: int, end: int) -> LargestPart | None:
    """The largest part of [start, end), pieces cut to it; None where nothing is attributed there.

    Of equals the first.
    """
    found: dict[tuple[str, str | None, Cause, str | None], int] = {}
    for piece in pieces_between(attribution, start, end):
        key = (piece.from_milestone, piece.to_milestone, piece.cause, piece.system)
        found[key] = found.get(key, 0) + piece.end - piece.start
    if not found:
        return None
    (begun, ended, cause, system), micros = max(found.items(), key=lambda item: item[1])
    return LargestPart(
        from_milestone=begun,
        to_milestone=ended,
        cause=cause,
        system=system,
        micros=micros,
        whole=end - start,
    )


def pieces_between(attribution: Attribution, start: int, end: int) -> list[Piece]:
    """The pieces within [start, end), cut to it, the tail extended as far as needed."""
    found = [cut for piece in attribution.pieces if (cut := _cut(piece, start, end))]
    tail = attribution.tail
    if tail is not None and tail.since < end:
        at = max(start, tail.since)
        for planned in tail.planned:
            wait = _cut(planned, at, end)
            if wait is None:
                continue
            if wait.start > at:
                found.append(replace(tail.rest, start=at, end=wait.start))
            found.append(wait)
            at = wait.end
        if at < end:
            found.append(replace(tail.rest, start=at, end=end))
    return found


def parts_between(attribution: Attribution, start: int, end: int) -> list[Part]:
    """The parts of [start, end), largest first; they sum to its length exactly.

    What no piece covers (the instance has moved on since it was attributed) is unobserved.
    """
    found = pieces_between(attribution, start, end)
    parts = parts_of(found)
    missing = max(0, end - start) - sum(piece.end - piece.start for piece in found)
    if missing:
        lacking = _lacking(missing)
        parts = _sorted([*parts, lacking])
    return parts


def parts_of(pieces: Iterable[Piece]) -> list[Part]:
    """Pieces added up by cause and system, largest first."""
    groups: dict[tuple[Cause, str | None], list[Piece]] = {}
    for piece in pieces:
        groups.setdefault((piece.cause, piece.system), []).append(piece)
    return _sorted(_part(cause, system, some) for (cause, system), some in groups.items())


def _part(cause: Cause, system: str | None, pieces: Sequence[Piece]) -> Part:
    ranked = sorted(pieces, key=lambda piece: (piece.start - piece.end, piece.start))
    reasons: dict[str, int] = {}
    for piece in ranked:
        reasons[piece.why] = reasons.get(piece.why, 0) + piece.end - piece.start
    evidence = dict.fromkeys(id_ for piece in ranked for id_ in piece.evidence)
    return Part(
        cause=cause,
        micros=sum(piece.end - piece.start for piece in pieces),
        system=system,
        why=max(reasons, key=lambda why: (reasons[why], why)),
        evidence=tuple(evidence)[:EVIDENCE_LIMIT],
    )


def _sorted(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: (-part.micros, part.cause, part.system or ""))


def _lacking(micros: int) -> Part:
    why = "not attributed yet"
    return Part(cause=Cause.UNOBSERVED, micros=micros, system=None, why=why, evidence=())


def _cut(piece: Piece, start: int, end: int) -> Piece | None:
    start, end = max(start, piece.start), min(end, piece.end)
    if start >= end:
        return None
    if start == piece.start and end == piece.end:
        return piece
    return replace(piece, start=start, end=end)
