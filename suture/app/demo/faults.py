"""Faults that befall single pieces of business, and how often."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from random import Random


class Fault(StrEnum):
    """What can be injected; the values are those of the truth file."""

    SLOW_ERP = "slow_erp"
    MAPPING_ERROR = "mapping_error"
    STUCK_QUEUE = "stuck_queue"
    REJECTED_APPROVAL = "rejected_approval"
    SILENT_SOURCE = "silent_source"
    LOST_MESSAGE = "lost_message"
    SLOW_SUPPLIER = "slow_supplier"
    DUPLICATE = "duplicate"
    MALFORMED_EVENT = "malformed_event"
    SKEWED_CLOCK = "skewed_clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The fault a case is to suffer. `minor` ones delay it and break no SLA."""

    fault: Fault | None = None
    minor: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Injury:
    """A fault as it happened to one case.

    `sla` is the promise it bears on, None where it delays nothing. `cause` is the class that
    delay attribution should come to, `step` the two milestones between which the time went.
    """

    fault: Fault
    at: datetime
    sla: str | None
    cause: str | None
    step: tuple[str, str] | None
    detail: str


_SUPPLY_RATES = (
    (Fault.REJECTED_APPROVAL, 0.025),
    (Fault.MAPPING_ERROR, 0.010),
    (Fault.LOST_MESSAGE, 0.004),
    (Fault.SLOW_ERP, 0.004),
    (Fault.DUPLICATE, 0.020),
    (Fault.SLOW_SUPPLIER, 0.006),
    (Fault.MALFORMED_EVENT, 0.010),
)
_STAFFING_RATES = (
    (Fault.REJECTED_APPROVAL, 0.015),
    (Fault.MAPPING_ERROR, 0.010),
    (Fault.STUCK_QUEUE, 0.010),
    (Fault.LOST_MESSAGE, 0.005),
    (Fault.DUPLICATE, 0.020),
)


def draw_supply_plan(rng: Random) -> Plan:
    """Mostly nothing; four in ten rejections are put right quickly."""
    return _draw(rng, _SUPPLY_RATES)


def draw_staffing_plan(rng: Random) -> Plan:
    """Mostly nothing."""
    return _draw(rng, _STAFFING_RATES)


def _draw(rng: Random, rates: tuple[tuple[Fault, float], ...]) -> Plan:
    mark = rng.random()
    quick = rng.random() < 0.4
    for fault, rate in rates:
        if mark < rate:
            return Plan(fault=fault, minor=quick and fault is Fault.REJECTED_APPROVAL)
        mark -= rate
    return Plan()
