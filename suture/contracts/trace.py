"""Telemetry: the signals, and the attribute names by which business rides on them."""

from enum import StrEnum


class Signal(StrEnum):
    """The streams a spool carries; each has its own segments."""

    MILESTONES = "milestones"
    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"
    DEAD_LETTERS = "dead_letters"


MILESTONE_ATTRIBUTE = "business.milestone"
OBJECT_PREFIX = "business.object."
FACET_PREFIX = "business.attr."
OUTCOME_ATTRIBUTE = "business.outcome"
REASON_ATTRIBUTE = "business.reason"
EVENT_SOURCE_ATTRIBUTE = "business.event.source"
EVENT_ID_ATTRIBUTE = "business.event.id"

SEQUENCE_BITS = 32
"""A segment number is the random number of its stream, then a sequence of this many bits."""


def segment_number(stream: int, sequence: int) -> int:
    """The segment number of the `sequence`-th segment (from 1) of a stream (a random UInt32)."""
    return stream << SEQUENCE_BITS | sequence


def split_segment(segment: int) -> tuple[int, int]:
    """(stream, sequence) of a segment number."""
    return segment >> SEQUENCE_BITS, segment & (1 << SEQUENCE_BITS) - 1
