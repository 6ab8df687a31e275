"""Collects what one case produces while a workflow tells it: spans, events, facts and the fault."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from random import Random
from typing import Any

from suture.app.demo.faults import Fault, Injury, Plan
from suture.app.demo.incidents import Incidents
from suture.app.demo.network import ENVIRONMENT, SERVICES, Facility
from suture.app.demo.signals import (
    Anchor,
    AttributeValue,
    Case,
    Delivery,
    EventOut,
    Fact,
    SpanOut,
)
from suture.app.demo.spans import Trace, milliseconds
from suture.app.demo.truth import account
from suture.clock import rfc3339

Objects = Sequence[tuple[str, str]]

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_RUNS = len(_ALPHABET) ** 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What identifies one run of the demo; its code stands in every document number.

    Two runs over the same store therefore do not speak of each other's documents.
    """

    seed: int
    start: datetime

    @property
    def number(self) -> int:
        """A number below 32768 derived from seed and start."""
        text = f"{self.seed}|{rfc3339(self.start)}".encode()
        return int.from_bytes(blake2b(text, digest_size=4).digest()) % _RUNS

    @property
    def code(self) -> str:
        """The number as three letters or digits."""
        high, low = divmod(self.number, 32)
        return _ALPHABET[high // 32] + _ALPHABET[high % 32] + _ALPHABET[low]

    def rng(self, *parts: object) -> Random:
        """A source of chance of its own for whatever `parts` name."""
        name = "|".join(map(str, (self.seed, rfc3339(self.start), *parts)))
        return Random(name)  # noqa: S311 - chance in a simulation, no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Everything a workflow is given: when, which number, what goes wrong."""

    run: Run
    rng: Random
    number: int
    start: datetime
    plan: Plan = field(default_factory=Plan)
    incidents: Incidents = field(default_factory=Incidents)


class Story:
    """The case in the making."""

    def __init__(self, setup: Setup, process: str, facility: Facility) -> None:
        """Begin an empty case at one hospital."""
        self.setup = setup
        self.rng = setup.rng
        self.process = process
        self.facility = facility
        self.injury: Injury | None = None
        self._spans: list[SpanOut] = []
        self._events: list[EventOut] = []
        self._facts: list[Fact] = []

    def trace(self) -> Trace:
        """A new trace of this case."""
        return Trace(self.rng, self._spans)

    def between(self, low: float, high: float, *, unit: float = 1) -> timedelta:
        """A random time of `low` to `high` units (of seconds by default), to the millisecond.

        Shorter times are likelier than longer ones; the bounds are never passed.
        """
        mode = low + (high - low) * 0.3
        return milliseconds(self.rng.triangular(low, high, mode) * unit * 1000)

    def minutes(self, low: float, high: float) -> timedelta:
        """A random time of so many minutes."""
        return self.between(low, high, unit=60)

    def hours(self, low: float, high: float) -> timedelta:
        """A random time of so many hours."""
        return self.between(low, high, unit=3600)

    def unique_id(self) -> str:
        """A random UUID."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def facility_attribute(self) -> dict[str, AttributeValue]:
        """The hospital, as an attribute of a span."""
        return {"business.attr.facility": self.facility.name}

    def native(
        self,
        at: datetime,
        milestone: str,
        system: str,
        objects: Objects,
        attributes: Mapping[str, Any],
        *,
        span: SpanOut | None = None,
        outcome: str = "ok",
        reason: str = "",
    ) -> None:
        """Send a milestone in the platform's own form."""
        data = {
            "milestone": milestone,
            "objects": [{"type": type_, "id": id_} for type_, id_ in objects],
            "attributes": {"facility": self.facility.name, **attributes},
            "outcome": outcome,
            "reason": reason,
        }
        self._send(at, "suture.milestone", system, data, span, {})

    def foreign(
        self,
        at: datetime,
        type_: str,
        version: int,
        system: str,
        data: Mapping[str, Any],
        *,
        span: SpanOut | None = None,
        valid: bool = True,
    ) -> None:
        """Send a milestone in its producer's own form; an event contract maps a valid one."""
        self._send(at, type_, system, data, span, {"version": str(version)}, valid=valid)

    def _send(
        self,
        at: datetime,
        type_: str,
        system: str,
        data: Mapping[str, Any],
        span: SpanOut | None,
        extensions: Mapping[str, str],
        *,
        valid: bool = True,
    ) -> None:
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": self.unique_id(),
            "source": f"/{system}/{self.facility.name}",
            "type": type_,
            "time": rfc3339(at),
            "datacontenttype": "application/json",
            "deploymentenvironment": ENVIRONMENT,
            **extensions,
            "data": data,
        }
        if span is not None:
            event["traceparent"] = span.traceparent
        self._events.append(EventOut(system=system, at=at, event=event, valid=valid))

    def note(
        self, anchors: Iterable[Anchor], milestone: str, at: datetime, outcome: str = "ok"
    ) -> None:
        """Remember that a milestone happened to these instances."""
        self._facts += [
            Fact(anchor=anchor, milestone=milestone, at=at, outcome=outcome) for anchor in anchors
        ]

    def suffer(
        self,
        fault: Fault,
        at: datetime,
        detail: str,
        *,
        sla: str | None = None,
        cause: str | None = None,
        step: tuple[str, str] | None = None,
    ) -> None:
        """Note the fault of this case; a case has at most one."""
        self.injury = Injury(fault=fault, at=at, sla=sla, cause=cause, step=step, detail=detail)

    def finish(self, anchors: Sequence[Anchor], *, urgent: bool) -> Case:
        """The finished case with its truth; raises Unclear for one that proves nothing."""
        deliveries = [Delivery(at=span.end, item=span) for span in self._spans]
        deliveries += [Delivery(at=event.at, item=event) for event in self._events]
        if self.setup.plan.fault is Fault.DUPLICATE:
            deliveries += self._repetitions()
        for anchor in anchors:
            lines = account(self.process, anchor, self._facts, urgent=urgent, injury=self.injury)
            deliveries += [Delivery(at=line.injected_at, item=line) for line in lines]
        deliveries.sort(key=lambda delivery: delivery.at)
        return Case(
            process=self.process,
            start=self.setup.start,
            anchors=tuple(anchors),
            deliveries=tuple(deliveries),
            facts=tuple(self._facts),
        )

    def _repetitions(self) -> list[Delivery]:
        """One event sent twice and one span delivered twice, by senders that missed the answer."""
        event = self.rng.choice(self._events)
        span = self.rng.choice(self._spans)
        later = self.between(20, 90)
        self.suffer(
            Fault.DUPLICATE,
            event.at,
            f"event {event.event['source']} {event.event['id']} is sent twice, "
            f"span {span.span_id:016x} of {span.service} is delivered twice",
        )
        return [
            Delivery(at=event.at + later, item=event, again=True),
            Delivery(at=span.end + later, item=span, again=True),
        ]


def system_of(item: SpanOut | EventOut) -> str:
    """The system an item comes from."""
    return item.system if isinstance(item, EventOut) else SERVICES[item.service].system
