"""A spool to fill and a loader to run, and what goes into it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.loader import Loader
from collector.spool import Entry, Spool
from suture.clock import ManualClock
from suture.contracts.milestone import Milestone
from suture.contracts.objects import ObjectRef
from suture.contracts.trace import Signal
from suture.definitions.catalog import Catalog
from suture.definitions.event_contract import SpanContract
from suture.definitions.landscape import System
from suture.store import facts
from suture.store.engine import Store

NOW = datetime.now(UTC).replace(microsecond=0)
NANOS = int(NOW.timestamp()) * 10**9
CATALOG = Catalog(
    systems={"erp": System.model_validate({"role": "system_of_record", "services": ["api"]})},
    span_contracts={
        "legacy": SpanContract.model_validate(
            {
                "span_contract": "legacy",
                "owner": "team",
                "system": "old",
                "match": {"service": "mainframe", "span_name": "POST"},
                "milestone": "posted",
                "objects": {"receipt": "doc"},
            }
        )
    },
)


def object_key(environment: str, type_: str, attributes: Mapping[str, str], id_: str) -> str:
    return f"{environment}/{type_}/{attributes.get('facility', '')}/{id_}"


class Rig:
    """A spool to fill and a loader to run; `again` is the loader after a restart."""

    def __init__(self, store: Store, path: Path) -> None:
        self.store = store
        self.path = path
        self.clock = ManualClock(NOW)
        self.loader = self.again()

    def again(self) -> Loader:
        return Loader(self.store, self.path, CATALOG, self.clock, object_key)

    def put(self, signal: Signal, payload: bytes, items: int = 1, at: datetime = NOW) -> None:
        spool = Spool(self.path)
        spool.append([Entry(signal=signal, received_at=at, items=items, payload=payload)])
        spool.close()

    def put_spans(self, *spans: Span, service: str = "api", environment: str = "") -> None:
        made = trace_request(*spans, service=service, environment=environment)
        self.put(Signal.TRACES, made.SerializeToString(), len(spans))

    def put_milestones(self, *milestones: Milestone) -> None:
        self.put(Signal.MILESTONES, msgspec.msgpack.encode(list(milestones)), len(milestones))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return self.store.rows(sql)

    def one(self, sql: str) -> dict[str, Any]:
        (row,) = self.store.rows(sql)
        return row

    def pending(self) -> int:
        return sum(waiting.records for waiting in self.loader.pending().values())


def trace_request(
    *spans: Span, service: str = "api", environment: str = ""
) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    resource_spans = made.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = service
    if environment:
        attribute = resource_spans.resource.attributes.add(key="deployment.environment.name")
        attribute.value.string_value = environment
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "lib"
    scope_spans.scope.version = "1"
    scope_spans.spans.extend(spans)
    return made


def span(n: int = 1, **attributes: Any) -> Span:
    made = Span(
        trace_id=n.to_bytes(16, "big"),
        span_id=n.to_bytes(8, "big"),
        name=f"work {n}",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=NANOS,
        end_time_unix_nano=NANOS + 2_000_000_123,
    )
    for key, value in attributes.items():
        set_attribute(made.attributes.add(), key.replace("__", "."), value)
    return made


def set_attribute(attribute: KeyValue, key: str, value: Any) -> None:
    attribute.key = key
    if isinstance(value, bool):
        attribute.value.bool_value = value
    elif isinstance(value, int):
        attribute.value.int_value = value
    elif isinstance(value, float):
        attribute.value.double_value = value
    elif isinstance(value, bytes):
        attribute.value.bytes_value = value
    elif isinstance(value, list):
        attribute.value.array_value.SetInParent()
        for item in value:
            pair = KeyValue()
            set_attribute(pair, "", item)
            attribute.value.array_value.values.add().CopyFrom(pair.value)
    elif isinstance(value, dict):
        attribute.value.kvlist_value.SetInParent()
        for name, item in value.items():
            set_attribute(attribute.value.kvlist_value.values.add(), name, item)
    elif value is not None:
        attribute.value.string_value = value


def milestone(n: int = 1, **change: Any) -> Milestone:
    fields: dict[str, Any] = {
        "source": "/erp",
        "id": f"e{n}",
        "milestone": "approved",
        "occurred_at": NOW - timedelta(hours=1),
        "objects": (ObjectRef(type="order", id=f"P-{n}"),),
    }
    return Milestone(**{**fields, **change})


class Killed(BaseException):
    """Stands for a process that is no more: nothing of ours may catch it."""


Step = tuple[Any, str]

STEPS: Sequence[Step] = (
    (facts, "insert_spans"),
    (facts, "insert_milestones"),
    (facts, "insert_dead_letters"),
    (facts, "insert_trace_objects"),
    (facts, "finish_segment"),
    (Spool, "finish"),
    (Spool, "new_attempt"),
)


def die_at(monkeypatch: pytest.MonkeyPatch, step: Step, *, after: bool) -> None:
    """Kill the loader just before or just after one of its steps, the first time."""
    owner, name = step
    real: Callable[..., Any] = getattr(owner, name)
    calls = iter(range(1000))

    def dying(*args: Any, **kwargs: Any) -> Any:
        first = next(calls) == 0
        if first and not after:
            raise Killed
        result = real(*args, **kwargs)
        if first:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, dying)


def fill(rig: Rig) -> None:
    rig.put_spans(
        span(1, business__milestone="sent", business__object__order="P-1"),
        span(2, business__milestone="no object"),
        span(3),
    )
    rig.put_spans(span(4))
    rig.put_milestones(milestone(1), milestone(2))


def assert_exactly_once(rig: Rig) -> None:
    assert rig.pending() == 0
    spans = rig.rows("SELECT SpanId FROM otel_traces ORDER BY SpanId")
    assert [row["SpanId"] for row in spans] == [f"{n:016x}" for n in (1, 2, 3, 4)]
    ids = [row["id"] for row in rig.rows("SELECT id FROM milestones ORDER BY id")]
    assert ids == [f"{1:032x}:{1:016x}", "e1", "e2"]
    assert len(rig.rows("SELECT id FROM dead_letters")) == 1
    assert len(rig.rows("SELECT object FROM trace_objects FINAL")) == 1
    assert rig.one("SELECT uniq(TraceId) AS n FROM otel_traces_trace_id_ts") == {"n": 4}
    signals = rig.rows("SELECT DISTINCT signal FROM segments ORDER BY signal")
    assert [row["signal"] for row in signals] == ["dead_letters", "milestones", "traces"]
