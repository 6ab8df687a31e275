"""Which loaded segments a stage has not read yet.

A stage reads every stream of segments in sequence and notes how far it is in `cursors`. What it has
read of the longest streams is passed over by the primary key: to look costs the same, however long
they grow. Of all others every segment is looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from suture.contracts.trace import Signal
from suture.store.engine import Store
from suture.store.queries import load

_SQL = load("segments")
_LONG_STREAMS = 6
"""So many of the longest streams are passed over; a collector has one of each signal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A finished segment that waits to be read."""

    stream: int
    sequence: int
    segment: int
    rows: int
    signal: str


def waiting_segments(
    store: Store, *, stage: str, signals: Sequence[Signal], limit: int
) -> list[Segment]:
    """Up to `limit` segments in reading order; of each stream only what follows without a gap."""
    rows = store.poll(_SQL["read_streams"], {"stage": stage}, of=["cursors"])
    read: dict[int, int] = {row["stream"]: row["position"] for row in rows}
    furthest = sorted(read.items(), key=lambda at: -at[1])[:_LONG_STREAMS]
    furthest += [(0, 0)] * (_LONG_STREAMS - len(furthest))
    parameters = {
        "signals": [signal.value for signal in signals],
        "streams": list(read),
        "positions": list(read.values()),
        "long": [stream for stream, _ in furthest],
        "upto": [position for _, position in furthest],
        "limit": limit,
    }
    found = []
    for row in store.poll(_SQL["unread_segments"], parameters, of=["segments"]):
        segment = Segment(**row)
        if segment.sequence == read.get(segment.stream, 0) + 1:
            read[segment.stream] = segment.sequence
            found.append(segment)
    return found
