"""Spans and traces. A span is (trace id, span id): one that was sent again is read once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from suture.clock import EPOCH, to_micros
from suture.contracts.objects import ObjectKey, quote_part
from suture.store.engine import Store
from suture.store.queries import load

MAX_SPANS = 5000
"""Spans read of one trace or instance; whoever shows them says when there are more."""

MOST_TRACES = 200
"""Traces of one instance that are shown."""

LINK_STEPS = 3
"""How far span links are followed from one trace to the next."""

_NANOS = 1000
_LAST_SECOND = 2**32 - 1
_FAR_PAST, _FAR_FUTURE = -(2**63), 2**63 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class SpanEvent:
    """Something that happened within a span."""

    name: str
    at_nanos: int
    attributes: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One span. Times are nanoseconds since 1970, durations nanoseconds.

    `attributes`, `resource`, `scope` and `events` are empty where only the shape was asked for.
    """

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: str
    service: str
    started_nanos: int
    duration_nanos: int
    status: str
    status_message: str
    links: tuple[tuple[str, str], ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    resource: Mapping[str, str] = field(default_factory=dict)
    scope: str = ""
    events: tuple[SpanEvent, ...] = ()

    @property
    def started_at(self) -> datetime:
        """When it began, to the microsecond."""
        return from_nanos(self.started_nanos)

    @property
    def ended_nanos(self) -> int:
        """When it ended."""
        return self.started_nanos + self.duration_nanos


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceRow:
    """One line of a list of traces; the root is the earliest span without a parent."""

    trace_id: str
    name: str
    service: str
    services: tuple[str, ...]
    started_nanos: int
    duration_nanos: int
    spans_count: int
    errors_count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceFilter:
    """Which traces are asked for; `started_from` / `started_to` are half-open."""

    environment: str
    service: str | None = None
    object_type: str | None = None
    object_id: str = ""
    min_duration: timedelta = timedelta(0)
    failed: bool = False
    started_from: datetime | None = None
    started_to: datetime | None = None


class TraceReader:
    """Reads of spans; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        """Read from `store`."""
        self._store = store
        self._sql = load("reading_traces")

    def spans(
        self, trace_ids: Sequence[str], *, attributes: bool = False, limit: int = MAX_SPANS
    ) -> list[Span]:
        """The spans of some traces, oldest first; with `attributes` all they say."""
        if not trace_ids:
            return []
        more = self._sql["attribute_columns"].split("\n", 1)[1] if attributes else ""
        sql = self._sql["spans"].replace("{{more}}", more)
        rows = self._store.rows(sql, {"trace_ids": list(trace_ids), "limit": limit})
        return [_span(row) for row in rows]

    def page(
        self, wanted: TraceFilter, *, limit: int, after: tuple[int, str] | None = None
    ) -> list[TraceRow]:
        """At most `limit` traces, newest first, behind `after` (start in nanoseconds, trace id)."""
        filters = []
        parameters: dict[str, Any] = {
            "environment": wanted.environment,
            "min_duration": wanted.min_duration // timedelta(microseconds=1) * _NANOS,
            "started_from": _nanos(wanted.started_from, _FAR_PAST),
            "started_to": _nanos(wanted.started_to, _FAR_FUTURE),
            "after_started": after[0] if after else _FAR_FUTURE,
            "after_trace": after[1] if after else "",
            "limit": limit,
        }
        if wanted.started_from or wanted.started_to:
            filters.append(self._sql["filter_started"])
            parameters["from_second"] = _second(wanted.started_from, 0)
            parameters["to_second"] = _second(wanted.started_to, _LAST_SECOND)
        if wanted.service:
            filters.append(self._sql["filter_service"])
            parameters["service"] = wanted.service
        if wanted.object_type is not None:
            filters.append(self._sql["filter_object"])
            environment, type_ = quote_part(wanted.environment), quote_part(wanted.object_type)
            parameters["object_prefix"] = f"{environment}|{type_}|"
            parameters["object_id"] = wanted.object_id
        if wanted.failed:
            filters.append(self._sql["filter_failed"])
        rows = self._store.rows(
            self._sql["page"].replace("{{filters}}", "\n".join(filters)), parameters
        )
        return [_trace(row) for row in rows]

    def of_instance(
        self, *, events: Sequence[str], objects: Sequence[str], types: Iterable[str]
    ) -> list[str]:
        """The traces of one instance, by their ids.

        They are those that its `events` bear, those in which a span carries one of its `objects`
        (keys), and those that span links tie to these, unless they name objects of the process's
        `types` and none of the instance's. At most MOST_TRACES, those of events first.
        """
        given = {"objects": list(objects), "types": [quote_part(type_) for type_ in types]}
        own = [*sorted(events), *self._ids("traces_of_objects", given)]
        found = dict.fromkeys(own[:MOST_TRACES])
        new = list(found)
        for _ in range(LINK_STEPS):
            if not new:
                break
            tied = self._ids("traces_tied_to", given | {"trace_ids": new})
            new = [id_ for id_ in tied if id_ not in found][: MOST_TRACES - len(found)]
            found |= dict.fromkeys(new)
        return sorted(found)

    def _ids(self, block: str, parameters: Mapping[str, Any]) -> list[str]:
        rows = self._store.rows(self._sql[block], {**parameters, "limit": MOST_TRACES})
        return [row["trace_id"] for row in rows]

    def instances_of(self, trace_id: str, *, environment: str) -> list[tuple[str, ObjectKey]]:
        """(process, anchor) of the instances a trace belongs to; at most 100."""
        parameters = {"environment": environment, "trace_id": trace_id}
        rows = self._store.rows(self._sql["instances_of_trace"], parameters)
        return [(row["process"], ObjectKey.decode(row["anchor"])) for row in rows]


def from_nanos(nanos: int) -> datetime:
    """The instant `nanos` nanoseconds after 1970-01-01 UTC, to the microsecond below."""
    return (EPOCH + timedelta(microseconds=nanos // _NANOS)).astimezone(UTC)


def _nanos(instant: datetime | None, missing: int) -> int:
    return to_micros(instant) * _NANOS if instant else missing


def _second(instant: datetime | None, missing: int) -> int:
    return min(max(0, to_micros(instant) // 1_000_000), _LAST_SECOND) if instant else missing


def _span(row: Mapping[str, Any]) -> Span:
    events = zip(
        row.get("event_names", ()),
        row.get("event_nanos", ()),
        row.get("event_attributes", ()),
        strict=True,
    )
    return Span(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"],
        name=row["name"],
        kind=row["kind"],
        service=row["service"],
        started_nanos=row["started_nanos"],
        duration_nanos=row["duration_nanos"],
        status=row["status"],
        status_message=row["status_message"],
        links=tuple(zip(row["link_traces"], row["link_spans"], strict=True)),
        attributes=dict(row.get("attributes", {})),
        resource=dict(row.get("resource", {})),
        scope=row.get("scope", ""),
        events=tuple(
            SpanEvent(name=name, at_nanos=at, attributes=dict(attributes))
            for name, at, attributes in events
        ),
    )


def _trace(row: Mapping[str, Any]) -> TraceRow:
    name, service = row["root"]
    return TraceRow(
        trace_id=row["trace_id"],
        name=name,
        service=service,
        services=tuple(row["services"]),
        started_nanos=row["started_nanos"],
        duration_nanos=row["duration_nanos"],
        spans_count=row["spans_count"],
        errors_count=row["errors_count"],
    )
