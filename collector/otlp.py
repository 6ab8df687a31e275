"""OTLP requests: checked and brought into the one form that the spool holds. Pure.

A request is parsed once, to validate it and to write it out again without unknown fields, some of
which protobuf tolerates and the store's reader does not. Attributes are left alone, with one
exception: values nested more deeply than the store's reader follows become JSON text (see
`otlp_values`). JSON becomes protobuf first, so both encodings meet the same fate.

What is refused, item by item, while the rest of the request is taken:

- a span whose trace id is not 16 bytes or all zero, or whose span id is not 8 bytes or all zero;
- any item whose time is before the year 2000 or more than a day ahead of the platform's clock, for
  each day is a partition of the store. The time is a span's start and end, a point's time, a log
  record's time or, where it has none, the time it was observed.

A missing time is no fault where OTLP permits it: a log record or a point without any happened when
it arrived. A span that has only an end starts there. All other times and ids are brought into range
by the view that stores them: they decide nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from google.protobuf.message import DecodeError

from collector.otlp_json import read_json
from collector.otlp_signals import OTLP_SIGNALS, OtlpSignal
from collector.otlp_types import counted, raw, shallow
from collector.otlp_values import MAX_DEPTH, flatten_deep_values
from suture.clock import to_micros
from suture.contracts.trace import Signal
from suture.errors import MalformedInput, TooLarge

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_AHEAD = timedelta(days=1)

MAX_ITEMS = 1_000_000
"""Items in a request, with the groups they stand in. In 64 MiB there is room for so many that are
good, and for 30 times as many empty ones, which would take gigabytes once they are read."""
COUNTED_BYTES = 1024 * 1024
"""What is smaller is read without being counted: it cannot hold too many."""

_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)
_TOO_EARLY = f"the time is missing or before {EARLIEST.year}"
_TOO_LATE = "the time is more than a day in the future"

_shallow_types = {kind.signal: shallow(kind.request) for kind in OTLP_SIGNALS}
_raw_types = {kind.signal: raw(kind.request) for kind in OTLP_SIGNALS}
_counted_types = {kind.signal: counted(kind.request) for kind in OTLP_SIGNALS}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRequest:
    """A request ready for the spool: `items` of it are in `payload`, `rejected` are not.

    `message` says why some were rejected, or what else its sender should know; it is mostly empty.
    """

    payload: bytes
    items: int
    rejected: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """The times that are taken, in nanoseconds since 1970, both ends included."""

    earliest: int
    latest: int


def check_request(
    kind: OtlpSignal, body: bytes, *, now: datetime, is_json: bool = False
) -> CheckedRequest:
    """Check a request as it came, protobuf or JSON; raises MalformedInput if it is none.

    Raises TooLarge where it holds very many items.
    """
    if is_json:
        body = read_json(kind.request, body).SerializeToString()
    try:
        if len(body) > COUNTED_BYTES:
            _require_countable(kind.signal, body)
        request, payload, cuts = _normalised(kind.signal, body)
    except (DecodeError, UnicodeDecodeError) as error:
        name = kind.request.DESCRIPTOR.name
        raise MalformedInput(f"the body is not an OTLP {name}") from error
    allowed = _Range(
        earliest=to_micros(EARLIEST) * 1000, latest=to_micros(now + LATEST_AHEAD) * 1000
    )
    items, reasons, changed = _Check(allowed).run(kind.signal, request)
    rejected = reasons.total()
    return CheckedRequest(
        payload=request.SerializeToString() if changed else payload,
        items=items - rejected,
        rejected=rejected,
        message=_message(kind, reasons, cuts),
    )


def points_by_kind(payload: bytes) -> Counter[str]:
    """How many points of each kind (gauge, sum, …) a checked metrics request holds."""
    found: Counter[str] = Counter()
    for metric in _metrics(_shallow_types[Signal.METRICS].FromString(payload)):
        if of_kind := metric.WhichOneof("data"):
            found[of_kind] += len(getattr(metric, of_kind).data_points)
    return found


def _normalised(signal: Signal, body: bytes) -> tuple[Any, bytes, int]:
    """The request without unknown fields and deep values, its bytes, and how many values were cut.

    Raises DecodeError.
    """
    request = _shallow_types[signal].FromString(body)
    request.DiscardUnknownFields()
    payload: bytes = request.SerializeToString()
    if payload == body or len(payload) == _shallow_types[signal].FromString(body).ByteSize():
        # The first is the rule; the second is so where its sender wrote it in other words.
        return request, payload, 0
    # Something was dropped: fields of a newer OTLP, or values nested too deeply.
    whole = _raw_types[signal].FromString(body)
    whole.DiscardUnknownFields()
    if whole.ByteSize() == len(payload):
        return request, payload, 0
    cuts = flatten_deep_values(signal, whole)
    return whole, whole.SerializeToString(), cuts


def _require_countable(signal: Signal, body: bytes) -> None:
    count = 0
    for items in _LISTS[signal](_counted_types[signal].FromString(body)):
        count += 1 + len(items)
        if count > MAX_ITEMS:
            raise TooLarge(f"the request holds over {MAX_ITEMS} items; send it in parts")


def _message(kind: OtlpSignal, reasons: Counter[str], cuts: int) -> str:
    parts = []
    if reasons:
        why = ", ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))
        parts.append(f"{reasons.total()} {kind.items} rejected: {why}")
    if cuts:
        parts.append(f"attribute values nested more than {MAX_DEPTH} levels deep were cut ({cuts})")
    return "; ".join(parts)


# -- items ----------------------------------------------------------------------------------------

_of_span = attrgetter("trace_id", "span_id", "start_time_unix_nano", "end_time_unix_nano")
_of_record = attrgetter("time_unix_nano", "observed_time_unix_nano")
_of_point = attrgetter("time_unix_nano")


class _Check:
    """Goes through a request's items, and takes out what is refused."""

    def __init__(self, allowed: _Range) -> None:
        self._allowed = allowed
        self._reasons: Counter[str] = Counter()
        self._changed = False

    def run(self, signal: Signal, request: Any) -> tuple[int, Counter[str], bool]:
        """How many items there were, why some were taken out, whether anything was changed."""
        suspicious, fault = {
            Signal.TRACES: (self._suspicious_spans, self._span_fault),
            Signal.LOGS: (self._suspicious_records, self._record_fault),
            Signal.METRICS: (self._suspicious_points, self._point_fault),
        }[signal]
        count = 0
        for items in _LISTS[signal](request):
            count += len(items)
            if places := suspicious(items):
                self._take_out(items, places, fault)
        return count, self._reasons, self._changed

    def _take_out(self, items: Any, places: Iterable[int], fault: Callable[[Any], str]) -> None:
        self._changed = True
        for place in sorted(places, reverse=True):
            if reason := fault(items[place]):
                self._reasons[reason] += 1
                del items[place]

    def _suspicious_spans(self, spans: Any) -> list[int]:
        earliest, latest = self._allowed.earliest, self._allowed.latest
        return [
            place
            for place, (trace_id, span_id, start, end) in enumerate(map(_of_span, spans))
            if len(trace_id) != 16
            or len(span_id) != 8
            or not earliest <= start <= latest
            or end > latest
            or span_id == _NO_SPAN
            or trace_id == _NO_TRACE
        ]

    def _span_fault(self, span: Any) -> str:
        if not span.start_time_unix_nano:
            span.start_time_unix_nano = span.end_time_unix_nano
        if len(span.trace_id) != 16 or span.trace_id == _NO_TRACE:
            return "the trace id is not 16 bytes, or all zero"
        if len(span.span_id) != 8 or span.span_id == _NO_SPAN:
            return "the span id is not 8 bytes, or all zero"
        late = max(span.start_time_unix_nano, span.end_time_unix_nano) > self._allowed.latest
        return _TOO_LATE if late else self._time_fault(span.start_time_unix_nano)

    def _suspicious_records(self, records: Any) -> list[int]:
        earliest, latest = self._allowed.earliest, self._allowed.latest
        return [
            place
            for place, (time, observed) in enumerate(map(_of_record, records))
            if not earliest <= time <= latest
            and (time or (observed and not earliest <= observed <= latest))
        ]

    def _record_fault(self, record: Any) -> str:
        return self._time_fault(record.time_unix_nano or record.observed_time_unix_nano)

    def _suspicious_points(self, points: Any) -> list[int]:
        earliest, latest = self._allowed.earliest, self._allowed.latest
        return [
            place
            for place, time in enumerate(map(_of_point, points))
            if time and not earliest <= time <= latest
        ]

    def _point_fault(self, point: Any) -> str:
        return self._time_fault(point.time_unix_nano)

    def _time_fault(self, time: int) -> str:
        if time < self._allowed.earliest:
            return _TOO_EARLY
        return _TOO_LATE if time > self._allowed.latest else ""


def _span_lists(request: Any) -> Iterator[Any]:
    for resource_spans in request.resource_spans:
        yield ()
        for scope_spans in resource_spans.scope_spans:
            yield scope_spans.spans


def _record_lists(request: Any) -> Iterator[Any]:
    for resource_logs in request.resource_logs:
        yield ()
        for scope_logs in resource_logs.scope_logs:
            yield scope_logs.log_records


def _point_lists(request: Any) -> Iterator[Any]:
    for resource_metrics in request.resource_metrics:
        yield ()
        for scope_metrics in resource_metrics.scope_metrics:
            yield ()
            for metric in scope_metrics.metrics:
                kind = metric.WhichOneof("data")
                yield getattr(metric, kind).data_points if kind else ()


def _metrics(request: Any) -> Iterator[Any]:
    for resource_metrics in request.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            yield from scope_metrics.metrics


_LISTS: dict[Signal, Callable[[Any], Iterator[Any]]] = {
    Signal.TRACES: _span_lists,
    Signal.LOGS: _record_lists,
    Signal.METRICS: _point_lists,
}
"""The lists of items in a request; empty ones stand for groups that hold none."""
