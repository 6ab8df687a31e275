"""Where the time of one instance went, as pages, API and command line tell it.

Pure. The segments of the timeline are the frame; what was attributed is cut to them, so that their
parts add up whatever has changed since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from dashboards.timeline import Segment
from dashboards.wording import humanized
from suture.clock import to_micros
from suture.contracts.attribution import (
    Attribution,
    Cause,
    Part,
    Piece,
    parts_between,
    pieces_between,
)
from suture.definitions.values import format_duration

CAUSE_NAMES: Mapping[Cause, str] = {
    Cause.TRANSPORT: "transport",
    Cause.TRANSFORMATION: "transformation",
    Cause.DOWNSTREAM: "downstream systems",
    Cause.BUSINESS_RULE: "business rules and people",
    Cause.PLANNED_WAIT: "planned waiting",
    Cause.EXTERNAL: "partners",
    Cause.UNOBSERVED: "nothing observed",
}
"""How each cause is called in a sentence."""


_ALMOST_ALL = 0.99


def cause_title(cause: Cause) -> str:
    """How a cause is called where it stands alone."""
    return CAUSE_NAMES[cause][:1].upper() + CAUSE_NAMES[cause][1:]


def step_title(begun: str, ended: str | None, titles: Mapping[str, str]) -> str:
    """A step by the titles of its two milestones; the one that still runs by its first."""
    first = titles.get(begun, humanized(begun))
    return f"{first} → {titles.get(ended, humanized(ended))}" if ended else f"Since {first}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One segment with its parts, largest first; they add up to its length."""

    segment: Segment
    parts: Sequence[Part]

    @property
    def largest(self) -> Part | None:
        """What took most of it; None where it took no time."""
        return self.parts[0] if self.parts else None


def explain(attribution: Attribution | None, segments: Sequence[Segment]) -> list[Explained]:
    """The segments with their parts; without any where nothing was attributed yet."""
    found = []
    for segment in segments:
        start, end = _bounds(segment)
        parts = parts_between(attribution, start, end) if attribution else []
        found.append(Explained(segment=segment, parts=parts))
    return found


def pieces(attribution: Attribution, segments: Sequence[Segment]) -> list[Piece]:
    """The pieces within some segments, in the order of time."""
    return [
        piece for segment in segments for piece in pieces_between(attribution, *_bounds(segment))
    ]


def totals(explained: Sequence[Explained]) -> dict[Cause, int]:
    """Microseconds by cause over all segments, largest first."""
    found: dict[Cause, int] = {}
    for one in explained:
        for part in one.parts:
            found[part.cause] = found.get(part.cause, 0) + part.micros
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def segment_sentence(one: Explained) -> str:
    """What took most of a segment; empty where it took no time or nothing was attributed yet."""
    part = one.largest
    if part is None:
        return ""
    whole = one.segment.elapsed_micros
    share = f"{_long(part.micros)} of {_long(whole)}"
    if part.micros == whole:
        share = "All of it"
    elif part.micros >= whole * _ALMOST_ALL:
        share = "Almost all of it"
    return f"{share} {_went(part)}."


def instance_sentence(explained: Sequence[Explained], titles: Mapping[str, str]) -> str:
    """The step and cause with the largest part; empty where nothing was attributed yet."""
    ranked = [(part.micros, one) for one in explained for part in one.parts[:1]]
    if not ranked:
        return ""
    micros, one = max(ranked, key=lambda item: (item[0], -to_micros(item[1].segment.started_at)))
    whole = sum(some.segment.elapsed_micros for some in explained)
    part, segment = one.parts[0], one.segment
    begun = titles.get(segment.from_milestone, segment.from_milestone)
    if segment.to_milestone is None:
        step = f"since {begun}"
    else:
        step = f"from {begun} to {titles.get(segment.to_milestone, segment.to_milestone)}"
    return f"Of {_long(whole)} the largest part, {_long(micros)} {step}, {_went(part)}."


def _bounds(segment: Segment) -> tuple[int, int]:
    start = to_micros(segment.started_at)
    return start, start + segment.elapsed_micros


def _went(part: Part) -> str:
    if part.cause is Cause.UNOBSERVED:
        return f"was not observed: {part.why}"
    where = f" ({part.system})" if part.system else ""
    return f"went to {CAUSE_NAMES[part.cause]}{where}: {part.why}"


def _long(micros: int) -> str:
    return format_duration(timedelta(microseconds=micros))
