"""Gaps that spans tell of without covering them: between attempts, and in queues."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from correlator.attribution import conventions
from correlator.attribution.model import Span, SpanId


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """[start, end) between a failed attempt and the next, or a producer and its consumer."""

    start: int
    end: int
    before: Span
    after: Span

    @property
    def rank(self) -> tuple[int, int, SpanId, SpanId]:
        """Of overlapping gaps the one that began last counts, then the shorter one."""
        return -self.start, self.end, self.before.id, self.after.id


def retry_gaps(spans: Sequence[Span], roots: Container[SpanId] = ()) -> list[Gap]:
    """The gaps between a failed attempt and the next: of a call, or at the same message.

    Attempts at a call are siblings with the same service, name and target. Attempts at a message
    are its consumer spans within one service. Attempts that overlap are one. `roots` have no
    parent, whatever they say.
    """
    groups: dict[tuple[str, ...], list[Span]] = {}
    for span in spans:
        for key in _attempts_at(span, roots):
            groups.setdefault(key, []).append(span)
    found: dict[tuple[SpanId, SpanId], Gap] = {}
    for key, group in groups.items():
        for attempts in _with_one_target(group) if key[0] == "call" else (group,):
            for gap in _between_attempts(attempts):
                found.setdefault((gap.before.id, gap.after.id), gap)
    return sorted(found.values(), key=lambda gap: gap.rank)


def message_gaps(spans: Mapping[SpanId, Span]) -> list[Gap]:
    """The gaps between the end of a producer's span and the first consumption by each service.

    A consumer belongs to the producer that it is linked to, that is its parent, or whose message
    has the same id.
    """
    by_message: dict[tuple[str, ...], list[Span]] = {}
    consumers = []
    for span in spans.values():
        if conventions.is_consumer(span):
            consumers.append(span)
        elif conventions.is_producer(span) and (key := _message(span)):
            by_message.setdefault(key, []).append(span)
    earliest: dict[tuple[SpanId, str], Gap] = {}
    for span in consumers:
        for producer in _producers(span, spans, by_message):
            if producer.end >= span.start:
                continue
            gap = Gap(start=producer.end, end=span.start, before=producer, after=span)
            route = (producer.id, span.service)
            known = earliest.get(route)
            if known is None or (gap.end, gap.after.id) < (known.end, known.after.id):
                earliest[route] = gap
    return sorted(earliest.values(), key=lambda gap: gap.rank)


def _attempts_at(span: Span, roots: Container[SpanId]) -> Iterator[tuple[str, ...]]:
    if conventions.is_consumer(span):
        for link in span.links:
            yield "link", *link, span.service
        if key := _message(span):
            yield *key, span.service
    elif span.parent_id and span.id not in roots:
        yield "call", span.trace_id, span.parent_id, span.service, span.kind, span.name


def _with_one_target(siblings: Sequence[Span]) -> Iterable[Sequence[Span]]:
    if len(siblings) == 1:
        return ()
    targets: dict[str, list[Span]] = {}
    for span in siblings:
        targets.setdefault(conventions.target(span), []).append(span)
    return targets.values()


def _message(span: Span) -> tuple[str, ...]:
    id_ = conventions.first(span, conventions.MESSAGE_ID)
    return ("message", conventions.first(span, conventions.MESSAGING_SYSTEM), id_) if id_ else ()


def _between_attempts(group: Sequence[Span]) -> Iterator[Gap]:
    if len(group) == 1:
        return
    ordered = sorted(group, key=lambda span: (span.start, span.end, span.id))
    attempts: list[list[Span]] = []
    until = 0
    for span in ordered:
        if attempts and span.start < until:
            attempts[-1].append(span)
            until = max(until, span.end)
        else:
            attempts.append([span])
            until = span.end
    for one, following in pairwise(attempts):
        end = max(span.end for span in one)
        failed = [span for span in one if conventions.has_failed(span)]
        if not failed and any(conventions.is_repeated(span) for span in following):
            failed = one
        if failed and end < following[0].start:
            before = max(failed, key=lambda span: (span.end, span.start, span.id))
            yield Gap(start=end, end=following[0].start, before=before, after=following[0])


def _producers(
    consumer: Span,
    spans: Mapping[SpanId, Span],
    by_message: Mapping[tuple[str, ...], Sequence[Span]],
) -> Iterator[Span]:
    linked = (*consumer.links, SpanId(consumer.trace_id, consumer.parent_id))
    for id_ in linked:
        origin = spans.get(id_)
        if origin is not None and conventions.is_producer(origin):
            yield origin
    if key := _message(consumer):
        yield from by_message.get(key, ())
