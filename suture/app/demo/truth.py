"""The truth file: which injected fault must show up where, and as what.

The judgement here is of the simulated facts against the promised terms; it decides only what is
beyond doubt, and asks for another draw of the dice (`Unclear`) otherwise.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

from suture.app.demo.faults import Fault, Injury
from suture.app.demo.network import (
    COMPLETES_WITH,
    ENDS_WITH,
    ENVIRONMENT,
    STARTS_WITH,
    TERMS,
    Term,
)
from suture.app.demo.signals import Anchor, Fact, TruthLine
from suture.clock import rfc3339

CLEARLY_MET = 0.75
CLEARLY_BROKEN = 1.15

_CAN_BREACH = frozenset(
    {
        Fault.SLOW_ERP,
        Fault.MAPPING_ERROR,
        Fault.STUCK_QUEUE,
        Fault.REJECTED_APPROVAL,
        Fault.LOST_MESSAGE,
        Fault.SLOW_SUPPLIER,
    }
)


class Unclear(Exception):
    """A drawn case stands too close to one of its deadlines to be a fair test of anything."""


def account(
    process: str, anchor: Anchor, facts: Sequence[Fact], *, urgent: bool, injury: Injury | None
) -> list[TruthLine]:
    """The truth about one instance: one line per broken SLA, else one for the fault that did not.

    Raises Unclear where an SLA is broken without a fault that explains it, or by too little.
    """
    mine = sorted((f for f in facts if f.anchor == anchor), key=lambda fact: fact.at)
    breaches = [
        (term.sla, deadline)
        for term in TERMS
        if term.process == process
        and (deadline := _broken_at(term, mine, process=process, urgent=urgent)) is not None
    ]
    if injury is None or injury.fault not in _CAN_BREACH:
        if breaches:
            raise Unclear(f"{anchor.id}: {breaches[0][0]} is broken without a cause")
        return [] if injury is None else [unjudged(process, anchor, injury)]
    if not breaches:
        return [unjudged(process, anchor, injury)]
    return [_line(process, anchor, injury, sla, deadline) for sla, deadline in breaches]


def unjudged(process: str, anchor: Anchor, injury: Injury) -> TruthLine:
    """The line for a fault that breaks nothing."""
    return _line(process, anchor, injury, injury.sla, None)


def _line(
    process: str, anchor: Anchor, injury: Injury, sla: str | None, deadline: datetime | None
) -> TruthLine:
    return TruthLine(
        fault=injury.fault.value,
        process=process,
        anchor=anchor,
        sla=sla,
        should_breach=deadline is not None,
        expected_breach_at=deadline,
        cause=injury.cause,
        step=injury.step,
        injected_at=injury.at,
        detail=injury.detail,
    )


def _broken_at(term: Term, facts: Sequence[Fact], *, process: str, urgent: bool) -> datetime | None:
    """When `term` is broken, None where it is kept or does not apply."""
    reached = [fact for fact in facts if fact.outcome == "ok"]
    begun = _first(reached, term.start or STARTS_WITH[process])
    if begun is None:
        return None
    allowed = term.urgent if urgent and term.urgent else term.within
    stopped = _first(reached, term.stop or COMPLETES_WITH[process], since=begun)
    ended = _first(reached, ENDS_WITH[process], since=begun)
    if stopped is None and ended is not None:
        _require_clear((ended - begun) / allowed)
        return None if ended - begun < allowed else begun + allowed
    if stopped is None:
        return begun + allowed
    _require_clear((stopped - begun) / allowed)
    return begun + allowed if stopped - begun > allowed else None


def _require_clear(ratio: float) -> None:
    if CLEARLY_MET < ratio < CLEARLY_BROKEN:
        raise Unclear(f"{ratio:.0%} of an allowance is used")


def _first(
    facts: Sequence[Fact], milestone: str, *, since: datetime | None = None
) -> datetime | None:
    times = (f.at for f in facts if f.milestone == milestone and (since is None or f.at >= since))
    return min(times, default=None)


def as_json(line: TruthLine) -> str:
    """One line of the truth file."""
    return json.dumps(
        {
            "fault": line.fault,
            "process": line.process,
            "anchor": {"type": line.anchor.type, "id": line.anchor.id},
            "environment": ENVIRONMENT,
            "sla": line.sla,
            "should_breach": line.should_breach,
            "expected_breach_at": (
                rfc3339(line.expected_breach_at) if line.expected_breach_at else None
            ),
            "cause": line.cause,
            "step": list(line.step) if line.step else None,
            "injected_at": rfc3339(line.injected_at),
            "detail": line.detail,
        },
        ensure_ascii=False,
    )


class TruthFile:
    """Appends truth lines to a stream, flushed one by one; without a stream they go nowhere."""

    def __init__(self, stream: TextIO | None) -> None:
        """Write to `stream`, which the caller opens and closes."""
        self._stream = stream
        self.written = 0

    def write(self, line: TruthLine) -> None:
        """Write one line and flush it, so that a reader never waits for a buffer."""
        self.written += 1
        if self._stream is not None:
            self._stream.write(as_json(line) + "\n")
            self._stream.flush()
