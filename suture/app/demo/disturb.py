"""Faults of the reporting, not of the business: wrong clocks and silent sources.

They change what the platform is told and when; no instance is really later for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from suture.app.demo.faults import Fault, Injury
from suture.app.demo.incidents import Incident, Incidents
from suture.app.demo.signals import Case, Delivery, EventOut, SpanOut, TruthLine
from suture.app.demo.story import system_of
from suture.app.demo.truth import unjudged

_CATCH_UP = 60
"""A source that comes back sends what it kept this much faster than it arose."""


def disturb(case: Case, incidents: Incidents) -> Case:
    """The case as the platform gets to hear of it, with truth lines for what was disturbed."""
    told = _Told(case=case)
    for delivery in case.deliveries:
        item = delivery.item
        if isinstance(item, TruthLine):
            told.deliveries.append(delivery)
            continue
        silence = incidents.find(Fault.SILENT_SOURCE, system_of(item), delivery.at)
        if silence is not None:
            told.silenced(delivery, item, silence)
            continue
        skew = None
        if isinstance(item, SpanOut):
            skew = incidents.find(Fault.SKEWED_CLOCK, item.service, item.start)
        if isinstance(item, SpanOut) and skew is not None:
            told.skewed(delivery, item, skew)
            continue
        told.deliveries.append(delivery)
    if not told.changed:
        return case
    in_order = sorted(told.deliveries, key=lambda delivery: delivery.at)
    return replace(case, deliveries=tuple(in_order))


@dataclass(slots=True, kw_only=True)
class _Told:
    case: Case
    deliveries: list[Delivery] = field(default_factory=list)
    noted: set[Fault] = field(default_factory=set)
    changed: bool = False

    def silenced(self, delivery: Delivery, item: SpanOut | EventOut, silence: Incident) -> None:
        """Events are kept by the source and sent when it comes back; telemetry is lost."""
        self.changed = True
        if isinstance(item, EventOut):
            later = silence.end + (delivery.at - silence.start) / _CATCH_UP
            self.deliveries.append(replace(delivery, at=later))
        until = silence.end.strftime("%H:%M:%SZ")
        self._note(silence, delivery, f"{silence.target} is silent until {until}; events come late")

    def skewed(self, delivery: Delivery, item: SpanOut, skew: Incident) -> None:
        """The span bears the times of a clock that is ahead."""
        self.changed = True
        self.deliveries.append(replace(delivery, item=_shifted(item, skew.offset)))
        seconds = skew.offset.total_seconds()
        self._note(skew, delivery, f"the clock of {skew.target} is {seconds:g} s ahead")

    def _note(self, incident: Incident, delivery: Delivery, detail: str) -> None:
        if incident.fault in self.noted:
            return
        self.noted.add(incident.fault)
        self.deliveries += [
            Delivery(at=delivery.at, item=line)
            for line in self._lines(
                Injury(
                    fault=incident.fault,
                    at=delivery.at,
                    sla=None,
                    cause=None,
                    step=None,
                    detail=detail,
                )
            )
        ]

    def _lines(self, injury: Injury) -> Iterator[TruthLine]:
        for anchor in self.case.anchors:
            yield unjudged(self.case.process, anchor, injury)


def _shifted(span: SpanOut, offset: timedelta) -> SpanOut:
    return replace(
        span,
        start=span.start + offset,
        end=span.end + offset,
        points=tuple(replace(point, at=point.at + offset) for point in span.points),
    )
