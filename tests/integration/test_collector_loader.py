"""The loader on the embedded engine: from spool records to rows, exactly once, whatever fails."""

import base64
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.loader import Loader
from collector.otlp import check_request
from collector.otlp_signals import TRACES
from collector.refusals import make_refusal
from collector.segment_loading import MEMORY_ATTEMPTS, MEMORY_BYTES, MEMORY_LIMIT
from collector.spool import Entry, Spool
from suture.clock import ManualClock
from suture.contracts.milestone import Milestone, Outcome
from suture.contracts.objects import ObjectRef
from suture.contracts.trace import Signal
from suture.definitions.catalog import Catalog
from suture.definitions.event_contract import SpanContract
from suture.definitions.landscape import System
from suture.errors import MalformedInput, StoreRefused, StoreUnavailable, Unavailable
from suture.store import facts
from suture.store.engine import Store

pytestmark = pytest.mark.store

# The present, because old spans expire by themselves.
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


@pytest.fixture
def rig(store: Store, tmp_path: Path) -> Rig:
    return Rig(store, tmp_path / "spool.db")


@pytest.fixture
def any_rig(any_store: Store, tmp_path: Path) -> Rig:
    """Where engines could differ: what rows look like, how they are taken back, what is refused."""
    return Rig(any_store, tmp_path / "spool.db")


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


# -- what rows look like --------------------------------------------------------------------------


def test_a_span_becomes_a_row_with_the_exporter_s_columns(any_rig: Rig) -> None:
    made = span(
        7, text='q"uo', empty="", zero=0, no=False, yes=True, ratio=0.1, raw=b"\0\1", none=None,
        many=["a", 1, False, 1.5, None], map={"k": "v", "n": -7}, big=2**53 + 1,
    )  # fmt: skip
    made.parent_span_id = bytes(7) + b"\x09"
    made.trace_state = "a=b"
    made.status.code = 2
    made.status.message = "no"
    event = made.events.add(name="happened", time_unix_nano=NANOS + 5)
    set_attribute(event.attributes.add(), "why", "because")
    link = made.links.add(trace_id=b"l" * 16, span_id=b"m" * 8, trace_state="x=y")
    set_attribute(link.attributes.add(), "n", 1)
    any_rig.put_spans(made, environment="staging")
    any_rig.loader.run_once()
    row = any_rig.one("SELECT *, toUnixTimestamp64Nano(Timestamp) AS nanos FROM otel_traces")
    assert row["nanos"] == NANOS
    assert row["TraceId"] == f"{7:032x}"
    assert (row["SpanId"], row["ParentSpanId"]) == (f"{7:016x}", f"{9:016x}")
    assert (row["TraceState"], row["SpanName"], row["SpanKind"]) == ("a=b", "work 7", "Server")
    assert row["ServiceName"] == "api"
    assert row["ResourceAttributes"] == {
        "service.name": "api",
        "deployment.environment.name": "staging",
    }
    assert (row["ScopeName"], row["ScopeVersion"]) == ("lib", "1")
    assert row["SpanAttributes"] == {
        "text": 'q"uo',
        "empty": "",
        "zero": "0",
        "no": "false",
        "yes": "true",
        "ratio": "0.1",
        "raw": base64.b64encode(b"\0\1").decode(),
        "none": "",
        "many": '["a",1,false,1.5,null]',
        "map": '{"k":"v","n":-7}',
        "big": str(2**53 + 1),
    }
    assert row["Duration"] == 2_000_000_123
    assert (row["StatusCode"], row["StatusMessage"]) == ("Error", "no")
    assert row["Events.Name"] == ["happened"]
    assert row["Events.Attributes"] == [{"why": "because"}]
    assert row["Links.TraceId"] == [(b"l" * 16).hex()]
    assert row["Links.SpanId"] == [(b"m" * 8).hex()]
    assert row["Links.TraceState"] == ["x=y"]
    assert row["Links.Attributes"] == [{"n": "1"}]
    assert row["ReceivedAt"] == NOW
    times = any_rig.one("SELECT * FROM otel_traces_trace_id_ts")
    assert times["TraceId"] == row["TraceId"]
    assert times["Start"] <= times["End"]


def test_a_span_that_ends_before_it_starts_lasts_no_time(rig: Rig) -> None:
    made = span()
    made.end_time_unix_nano = NANOS - 1
    made.kind = 77  # type: ignore[assignment]
    rig.put_spans(made)
    rig.loader.run_once()
    row = rig.one("SELECT Duration, SpanKind FROM otel_traces")
    assert row == {"Duration": 0, "SpanKind": "77"}


def test_milestones_become_rows(any_rig: Rig) -> None:
    given = milestone(
        1,
        occurred_at=datetime(1948, 1, 26, 22, 59, 0, 123, tzinfo=UTC),
        objects=(ObjectRef(type="order", id="P-1"), ObjectRef(type="requisition", id="R-1")),
        environment="staging",
        system="erp",
        attributes={"facility": "west"},
        outcome=Outcome.REJECTED,
        reason="too dear",
        sequence=4,
        trace_id="t",
        span_id="s",
        extensions={"bampid": "b"},
        contract="c",
        contract_version="2",
    )
    any_rig.put_milestones(given)
    any_rig.loader.run_once()
    row = any_rig.one("SELECT * FROM milestones")
    event_key, content_hash = row.pop("event_key"), row.pop("content_hash")
    segment = row.pop("segment")
    assert len(event_key) == len(content_hash) == 32
    assert row == {
        "environment": "staging",
        "source": "/erp",
        "id": "e1",
        "milestone": "approved",
        "system": "erp",
        "occurred_at": given.occurred_at,
        "recorded_at": NOW,
        "sequence": 4,
        "object_types": ["order", "requisition"],
        "object_ids": ["P-1", "R-1"],
        "attributes": {"facility": "west"},
        "outcome": "rejected",
        "reason": "too dear",
        "trace_id": "t",
        "span_id": "s",
        "extensions": {"bampid": "b"},
        "contract": "c",
        "contract_version": "2",
    }
    finished = any_rig.one("SELECT segment, signal, rows FROM segments FINAL")
    assert finished == {"segment": segment, "signal": "milestones", "rows": 1}


def test_dead_letters_become_rows(any_rig: Rig) -> None:
    refusal = make_refusal(
        b'{"a": 1}', reason="no", received_at=NOW, door="milestones", content_type="x",
        environment="e", source="/s", event_id="i", type_="t", owner="o",
    )  # fmt: skip
    spool = Spool(any_rig.path)
    spool.append([], [refusal, refusal])
    spool.close()
    any_rig.loader.run_once()
    rows = any_rig.rows("SELECT * FROM dead_letters")
    assert len(rows) == 2
    segment = rows[0].pop("segment")
    assert segment == any_rig.one("SELECT segment FROM segments FINAL")["segment"]
    assert rows[0] == {
        "id": refusal.letter.id,
        "received_at": NOW,
        "action": "refused",
        "actor": "",
        "comment": "",
        "environment": "e",
        "door": "milestones",
        "source": "/s",
        "event_id": "i",
        "type": "t",
        "reason": "no",
        "owner": "o",
        "payload_sha256": refusal.letter.payload_sha256,
        "payload_bytes": 8,
        "preview": '{"a": 1}',
    }


def test_spans_become_milestones_objects_and_dead_letters(any_rig: Rig) -> None:
    marked = span(1, business__milestone="sent", business__object__order=["P-1", "P-2"],
                  business__attr__facility="west")  # fmt: skip
    event = marked.events.add(name="plain")
    event = marked.events.add(name="marked", time_unix_nano=NANOS + 1_500_000_999)
    set_attribute(event.attributes.add(), "business.milestone", "checked")
    silent = span(2, business__object__order="P-3")
    broken = span(3, business__milestone="sent")
    any_rig.put_spans(marked, silent, broken, span(4), environment="staging")
    posting = span(5, doc="G-1")
    posting.name = "POST"
    any_rig.put_spans(posting, span(6), service="mainframe")
    any_rig.loader.run_once()
    rows = any_rig.rows("SELECT * FROM milestones ORDER BY trace_id, milestone")
    shown = [(r["source"], r["id"], r["milestone"], r["system"], r["object_ids"]) for r in rows]
    assert shown == [
        ("otel:api", f"{1:032x}:{1:016x}:1", "checked", "erp", ["P-1", "P-2"]),
        ("otel:api", f"{1:032x}:{1:016x}", "sent", "erp", ["P-1", "P-2"]),
        ("otel:mainframe", f"{5:032x}:{5:016x}", "posted", "old", ["G-1"]),
    ]
    assert [r["environment"] for r in rows] == ["staging", "staging", "production"]
    assert rows[0]["occurred_at"] == NOW + timedelta(microseconds=1_500_000)
    assert rows[1]["occurred_at"] == NOW + timedelta(microseconds=2_000_000)
    assert rows[2]["contract"] == "legacy"
    objects = any_rig.rows("SELECT object, span_id FROM trace_objects FINAL ORDER BY object")
    assert objects == [
        {"object": "staging/order//P-3", "span_id": f"{2:016x}"},
        {"object": "staging/order/west/P-1", "span_id": f"{1:016x}"},
        {"object": "staging/order/west/P-2", "span_id": f"{1:016x}"},
    ]
    letter = any_rig.one("SELECT * FROM dead_letters")
    assert "a milestone needs at least one object" in letter["reason"]
    counts = any_rig.rows(
        "SELECT signal, sum(rows) AS n FROM segments FINAL GROUP BY signal ORDER BY signal"
    )
    assert counts == [{"signal": "dead_letters", "n": 1}, {"signal": "traces", "n": 3}]


def test_segments_take_their_limits_from_the_loader(rig: Rig) -> None:
    for n in range(5):
        rig.put_milestones(milestone(2 * n), milestone(2 * n + 1))
    small = Loader(rig.store, rig.path, CATALOG, rig.clock, object_key, max_milestones=4)
    assert [loaded.items for loaded in small.run_once()] == [4, 4, 2]


# -- exactly once ---------------------------------------------------------------------------------


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


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS[:6], ids=lambda step: step[1])
def test_a_loader_that_dies_at_any_step_loses_and_doubles_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, step: Step, after: bool
) -> None:
    fill(rig)
    die_at(monkeypatch, step, after=after)
    with pytest.raises(Killed):
        rig.loader.run_once()
    rig.again().run_once()
    assert_exactly_once(rig)


def test_dying_twice_is_no_worse(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(rig)
    for step in ((facts, "insert_spans"), (Spool, "new_attempt"), (facts, "insert_milestones")):
        die_at(monkeypatch, step, after=True)
        with pytest.raises(Killed):
            rig.again().run_once()
    rig.again().run_once()
    assert_exactly_once(rig)


def test_a_half_inserted_segment_is_inserted_anew(
    any_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(any_rig)
    die_at(monkeypatch, (facts, "insert_spans"), after=True)
    with pytest.raises(Killed):
        any_rig.loader.run_once()
    any_rig.store.execute("DELETE FROM otel_traces WHERE SpanId = '0000000000000003'")
    any_rig.again().run_once()
    assert_exactly_once(any_rig)


def test_trace_times_missing_beside_their_spans_are_written_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(rig)
    die_at(monkeypatch, (facts, "insert_spans"), after=True)
    with pytest.raises(Killed):
        rig.loader.run_once()
    rig.store.execute("TRUNCATE TABLE otel_traces_trace_id_ts")
    rig.again().run_once()
    assert_exactly_once(rig)


@pytest.mark.parametrize("done", [False, True], ids=["not done", "done"])
def test_an_insert_of_unknown_fate_is_repeated_and_counts_once(
    any_rig: Rig, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    fill(any_rig)
    for name in ("insert_spans", "insert_milestones", "insert_dead_letters"):
        real = getattr(facts, name)
        calls = iter(range(100))

        def unanswered(*args: Any, real: Any = real, calls: Any = calls, **kwargs: Any) -> None:
            first = next(calls) == 0
            if first and not done:
                raise StoreUnavailable("no answer")
            real(*args, **kwargs)
            if first:
                raise StoreUnavailable("no answer")

        monkeypatch.setattr(facts, name, unanswered)
    any_rig.loader.run_once()
    assert_exactly_once(any_rig)


def test_an_outage_of_the_store_is_waited_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(rig)
    real = facts.count_of_segment
    answers = iter([StoreUnavailable("gone")] * 3)

    def flaky(*args: Any) -> int:
        if error := next(answers, None):
            raise error
        return real(*args)

    monkeypatch.setattr(facts, "finish_segment", _failing_once(facts.finish_segment))
    monkeypatch.setattr(facts, "count_of_segment", flaky)
    rig.loader.start()
    assert rig.loader.drain(timeout_seconds=30)
    rig.loader.stop()
    assert_exactly_once(rig)
    assert rig.loader.errors == {}


def _failing_once(real: Callable[..., Any]) -> Callable[..., Any]:
    calls = iter(range(1000))

    def once(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == 0:
            raise StoreUnavailable("gone")
        return real(*args, **kwargs)

    return once


def test_a_segment_too_large_for_the_store_s_memory_is_halved(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(1, 9):
        rig.put_milestones(milestone(n))
    real = facts.insert_milestones

    def little_memory(store: Store, table: pa.Table, *, token: str) -> None:
        if table.num_rows > 3:
            raise StoreUnavailable("no memory", code=MEMORY_LIMIT)
        real(store, table, token=token)

    monkeypatch.setattr(facts, "insert_milestones", little_memory)
    monkeypatch.setattr("collector.loader.FIRST_WAIT_SECONDS", 0.001)
    rig.loader.run_once()
    assert rig.one("SELECT count() AS n, uniq(id) AS ids FROM milestones") == {"n": 8, "ids": 8}
    assert rig.one("SELECT count() AS n FROM dead_letters") == {"n": 0}
    assert rig.pending() == 0


@pytest.mark.parametrize(("size", "letters"), [(10, 0), (MEMORY_BYTES, 1)], ids=["small", "large"])
def test_only_a_large_record_is_given_up_for_want_of_memory(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, size: int, letters: int
) -> None:
    rig.put_milestones(milestone(1, reason="x" * size))
    real = facts.insert_milestones

    def no_memory(*args: Any, **kwargs: Any) -> None:
        raise StoreUnavailable("no memory", code=MEMORY_LIMIT)

    monkeypatch.setattr(facts, "insert_milestones", no_memory)
    monkeypatch.setattr("collector.loader.FIRST_WAIT_SECONDS", 0.0)
    for _ in range(MEMORY_ATTEMPTS + 1):
        with suppress(StoreUnavailable):
            rig.again().run_once()
    assert rig.one("SELECT count() AS n FROM dead_letters") == {"n": letters}
    monkeypatch.setattr(facts, "insert_milestones", real)
    rig.again().run_once()
    assert rig.one("SELECT count() AS n FROM milestones") == {"n": 1 - letters}


def test_milestones_on_spans_are_settled_by_counting_when_the_answer_was_lost(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(rig)
    real = facts.insert_milestones
    tokens: list[str] = []

    def lost(store: Store, table: pa.Table, *, token: str) -> None:
        tokens.append(token)
        if len(tokens) == 1:
            raise StoreUnavailable("the server is gone, and has noted the token")
        if tokens.count(token) == 1:
            real(store, table, token=token)

    monkeypatch.setattr(facts, "insert_milestones", lost)
    rig.loader.run_once()
    assert_exactly_once(rig)


def test_an_insert_that_still_runs_on_the_server_is_waited_for(http_double: Any) -> None:
    with Store(f"{http_double.url}/running") as store:
        store.execute("CREATE TABLE slow (n UInt8) ENGINE = Memory")
        sql = (
            "INSERT INTO slow SELECT sleepEachRow(0.2) FROM numbers(15)"
            " SETTINGS max_block_size = 1, insert_deduplication_token = '77:1'"
        )
        running = threading.Thread(target=store.execute, args=(sql,))
        running.start()
        refusals = 0
        while running.is_alive():
            facts.require_no_insert(store, 7)
            try:
                facts.require_no_insert(store, 77)
            except StoreUnavailable:
                refusals += 1
        running.join()
        facts.require_no_insert(store, 77)
        store.execute("DROP DATABASE running")
    assert refusals > 0


def test_a_spool_that_does_not_open_at_first_ends_no_thread(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(rig)
    failures = iter([Unavailable("locked")] * 4)

    def hard_to_open(path: Path) -> Spool:
        if error := next(failures, None):
            raise error
        return Spool(path)

    monkeypatch.setattr("collector.loader.Spool", hard_to_open)
    monkeypatch.setattr(Spool, "expire_payloads", _unavailable)
    rig.loader.start()
    assert rig.loader.drain(timeout_seconds=30)
    rig.loader.stop()
    assert_exactly_once(rig)


def _unavailable(*args: Any) -> None:
    raise Unavailable("its disk is full")


# -- bad records ----------------------------------------------------------------------------------


def test_a_record_the_store_refuses_is_found_and_kept_as_a_dead_letter(any_rig: Rig) -> None:
    for n in range(1, 8):
        any_rig.put_spans(span(n))
        if n in (2, 5):
            any_rig.put(Signal.TRACES, b"\xff\xff not protobuf \xff", 3)
    any_rig.loader.run_once()
    assert any_rig.one("SELECT count() AS n FROM otel_traces") == {"n": 7}
    letters = any_rig.rows("SELECT door, type, payload_bytes FROM dead_letters")
    assert letters == [{"door": "loader", "type": "traces", "payload_bytes": 17}] * 2
    assert any_rig.pending() == 0


def test_a_segment_of_nothing_but_bad_records_ends(rig: Rig) -> None:
    rig.put(Signal.TRACES, b"\xff\xff\xff", 3)
    rig.loader.run_once()
    assert rig.one("SELECT count() AS n FROM otel_traces") == {"n": 0}
    assert rig.one("SELECT count() AS n FROM segments FINAL WHERE signal = 'traces'") == {"n": 1}
    assert rig.pending() == 0


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_dying_while_bad_records_are_set_aside(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    rig.put_spans(span(1))
    rig.put(Signal.TRACES, b"\xff\xff\xff", 3)
    rig.put_spans(span(2))
    die_at(monkeypatch, (Spool, "refuse"), after=after)
    with pytest.raises(Killed):
        rig.loader.run_once()
    rig.again().run_once()
    assert rig.one("SELECT count() AS n FROM otel_traces") == {"n": 2}
    assert rig.one("SELECT count() AS n FROM dead_letters") == {"n": 1}


def test_milestones_that_cannot_be_read_back_are_dead_letters(rig: Rig) -> None:
    rig.put_milestones(milestone(1))
    rig.put(Signal.MILESTONES, b"\xc1 no msgpack", 2)
    rig.put_milestones(milestone(2))
    rig.loader.run_once()
    assert rig.one("SELECT count() AS n FROM milestones") == {"n": 2}
    assert rig.one("SELECT type, door FROM dead_letters") == {
        "type": "milestones",
        "door": "loader",
    }


def test_a_damaged_record_is_a_dead_letter(rig: Rig) -> None:
    rig.put_spans(span(1))
    rig.put_spans(span(2))
    spool = Spool(rig.path)
    spool._db.execute("UPDATE records SET checksum = checksum + 1 WHERE id = 1")
    spool.close()
    rig.loader.run_once()
    assert rig.one("SELECT SpanId FROM otel_traces") == {"SpanId": f"{2:016x}"}
    assert "checksum" in rig.one("SELECT reason FROM dead_letters")["reason"]


def test_a_store_that_refuses_for_reasons_of_its_own_makes_no_dead_letters(any_rig: Rig) -> None:
    any_rig.put_spans(span(1))
    any_rig.store.execute("RENAME TABLE otlp_traces_in TO hidden")
    with pytest.raises(StoreRefused):
        any_rig.loader.run_once()
    any_rig.store.execute("RENAME TABLE hidden TO otlp_traces_in")
    any_rig.again().run_once()
    assert any_rig.one("SELECT count() AS n FROM otel_traces") == {"n": 1}
    assert any_rig.one("SELECT count() AS n FROM dead_letters") == {"n": 0}


def mutated(body: bytes, random: Random) -> bytes:
    """A request as a careless or hostile encoder could write it."""
    changed = bytearray(body)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(changed))
        kind = random.randrange(5)
        if kind == 0:
            changed[place] = random.randrange(256)
        elif kind == 1:
            del changed[place : place + random.randint(1, 6)]
        elif kind == 2:
            changed[place:place] = random.randbytes(random.randint(1, 6))
        elif kind == 3:
            changed += UNKNOWN_GROUP
        else:
            changed = changed[: max(1, place)]
        if not changed:
            return b""
    return bytes(changed)


UNKNOWN_GROUP = b"\xfb\x07\x08\x01\xfc\x07"


def test_what_the_door_takes_the_store_takes(rig: Rig) -> None:
    random = Random(7)
    plain = span(
        1, text="t", flag=True, number=-3, ratio=0.5, raw=b"\0", many=["a", 1, True], map={"k": 1}
    )
    plain.events.add(name="e", time_unix_nano=NANOS).attributes.add(key="k").value.bool_value = True
    body = trace_request(plain, span(2), span(3)).SerializeToString()
    taken = 0
    for _ in range(1500):
        try:
            checked = check_request(TRACES, mutated(body, random), now=NOW)
        except MalformedInput:
            continue
        if checked.items:
            rig.put(Signal.TRACES, checked.payload, checked.items)
            taken += checked.items
    assert taken > 300
    rig.loader.run_once()
    assert rig.one("SELECT count() AS n FROM dead_letters") == {"n": 0}
    assert rig.one("SELECT count() AS n FROM otel_traces") == {"n": taken}


# -- threads --------------------------------------------------------------------------------------


def test_threads_load_what_arrives_and_stop_when_told(rig: Rig) -> None:
    rig.loader.start()
    fill(rig)
    assert rig.loader.drain(timeout_seconds=30)
    assert_exactly_once(rig)
    rig.loader.stop()


def test_stopping_without_draining_leaves_the_rest_in_the_spool(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: Any, **kwargs: Any) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(facts, "insert_spans", never)
        patched.setattr(facts, "insert_milestones", never)
        rig.loader.start()
        fill(rig)
        rig.loader.stop(drain=False)
    assert rig.pending() == 3
    rig.again().run_once()
    assert_exactly_once(rig)


def test_spans_older_than_the_retention_are_kept_from_their_arrival(rig: Rig) -> None:
    old = span(1, business__milestone="sent", business__object__order="P-1")
    old.start_time_unix_nano = NANOS - 400 * 86_400 * 10**9
    old.end_time_unix_nano = old.start_time_unix_nano + 1
    rig.put_spans(old)
    rig.loader.run_once()
    rig.store.execute("OPTIMIZE TABLE otel_traces FINAL")
    rig.store.execute("OPTIMIZE TABLE otel_traces_trace_id_ts FINAL")
    assert rig.one("SELECT count() AS n FROM otel_traces") == {"n": 1}
    assert rig.one("SELECT count() AS n FROM otel_traces_trace_id_ts") == {"n": 1}
    assert rig.one("SELECT count() AS n FROM milestones") == {"n": 1}


def test_many_days_in_one_segment_load(any_rig: Rig) -> None:
    days = []
    for n in range(150):
        made = span(n + 1)
        made.start_time_unix_nano = NANOS - n * 86_400 * 10**9
        made.end_time_unix_nano = made.start_time_unix_nano
        days.append(made)
    any_rig.put_spans(*days)
    any_rig.loader.run_once()
    assert any_rig.one("SELECT uniq(toDate(Timestamp)) AS n FROM otel_traces")["n"] == 150


def test_a_preview_is_json_when_the_payload_is(rig: Rig) -> None:
    rig.put_spans(span(3, business__milestone="x"))
    rig.loader.run_once()
    letter = rig.one("SELECT preview FROM dead_letters")
    assert json.loads(letter["preview"])["milestone"] == "x"
