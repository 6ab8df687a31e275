"""Every signal of OTLP, from a request as it is sent to the rows in the store."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import otlp_oracle as oracle
import pytest
from otlp_generator import Maker, as_json

from collector.loader import Loader
from collector.otlp import check_request
from collector.otlp_signals import LOGS, METRICS, TRACES, OtlpSignal
from collector.spool import Entry, Spool
from suture.clock import ManualClock, from_micros, to_micros
from suture.contracts.trace import Signal
from suture.definitions.catalog import Catalog
from suture.errors import MalformedInput, StoreUnavailable
from suture.store import facts
from suture.store.engine import Store

pytestmark = pytest.mark.store

# The present, because old telemetry expires by itself.
NOW = datetime.now(UTC).replace(microsecond=123_456)
NANOS = to_micros(NOW) * 1000
POINTS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


class Rig:
    """A spool, a loader, and what lies in the store."""

    def __init__(self, store: Store, path: Path) -> None:
        self.store = store
        self.path = path
        self.clock = ManualClock(NOW)
        self.loader = self.again()

    def again(self) -> Loader:
        return Loader(
            self.store, self.path, Catalog(), self.clock, lambda *parts: "/".join(parts[::3])
        )

    def put(self, signal: Signal, payload: bytes, items: int, at: datetime = NOW) -> None:
        spool = Spool(self.path)
        spool.append([Entry(signal=signal, received_at=at, items=items, payload=payload)])
        spool.close()

    def send(
        self, kind: OtlpSignal, body: bytes, *, is_json: bool = False, at: datetime = NOW
    ) -> Any:
        checked = check_request(kind, body, now=NOW, is_json=is_json)
        if checked.items:
            self.put(kind.signal, checked.payload, checked.items, at)
        return checked

    def load(self) -> None:
        self.loader.run_once()

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Rows of a table, as the exporter's columns have them; times are nanoseconds."""
        columns = self.store.rows(f"DESCRIBE TABLE {table}")
        found = self.store.rows(
            f"SELECT {', '.join(map(_selected, columns))} FROM {table} ORDER BY ALL"
        )
        return [{name: row[name] for name in row} for row in found]


def _selected(column: Mapping[str, Any]) -> str:
    name, kind = f"`{column['name']}`", column["type"]
    if kind.startswith("Array(DateTime64"):
        return f"arrayMap(t -> toUnixTimestamp64Nano(t), {name}) AS {name}"
    if kind.startswith("DateTime64(9"):
        return f"toUnixTimestamp64Nano({name}) AS {name}"
    if kind == "DateTime":
        return f"toUnixTimestamp({name}) AS {name}"
    return name


@pytest.fixture
def rig(store: Store, tmp_path: Path) -> Rig:
    return Rig(store, tmp_path / "spool.db")


@pytest.fixture
def any_rig(any_store: Store, tmp_path: Path) -> Rig:
    return Rig(any_store, tmp_path / "spool.db")


def assert_same(found: list[dict[str, Any]], expected: Iterator[dict[str, Any]]) -> None:
    """The same rows in any order; ours have two columns more."""
    wanted = list(expected)
    for row in found:
        assert row.pop("WalSegment") > 0
        assert row.pop("ReceivedAt") == NOW
        place = next((n for n, other in enumerate(wanted) if oracle.same(row, other)), None)
        if place is None:
            closest = max(
                wanted, key=lambda other: sum(row[k] == other[k] for k in row), default={}
            )
            assert row == closest
        else:
            del wanted[place]
    assert not wanted


# -- every field ----------------------------------------------------------------------------------


@pytest.mark.parametrize("is_json", [False, True], ids=["protobuf", "json"])
def test_every_field_of_every_signal_reaches_its_column(any_rig: Rig, is_json: bool) -> None:
    maker = Maker(seed=4711, nanos=NANOS)
    traces, logs, metrics = maker.traces(12), maker.logs(20), maker.metrics(30)
    for kind, request in ((TRACES, traces), (LOGS, logs), (METRICS, metrics)):
        body = as_json(request) if is_json else request.SerializeToString()
        checked = any_rig.send(kind, body, is_json=is_json)
        assert (checked.rejected, checked.message) == (0, "")
    any_rig.load()
    assert_same(any_rig.rows("otel_traces"), oracle.spans(traces))
    assert_same(any_rig.rows("otel_logs"), oracle.log_records(logs, NANOS))
    for kind in POINTS:
        assert_same(any_rig.rows(f"otel_metrics_{kind}"), oracle.points(metrics, kind, NANOS))


# -- ids and times that make no sense -------------------------------------------------------------


@pytest.mark.parametrize("is_json", [False, True], ids=["protobuf", "json"])
def test_what_decides_nothing_is_brought_into_range(rig: Rig, is_json: bool) -> None:
    traces, logs, metrics = (kind.request() for kind in (TRACES, LOGS, METRICS))
    span = traces.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.start_time_unix_nano = b"t" * 16, b"s" * 8, NANOS
    span.parent_span_id = bytes(8)
    span.events.add(time_unix_nano=2**64 - 1)
    span.events.add(time_unix_nano=0)
    span.links.add(trace_id=b"short", span_id=bytes(8))
    record = logs.resource_logs.add().scope_logs.add().log_records.add()
    record.trace_id, record.span_id, record.flags = bytes(16), b"long" * 9, 2**32 - 1
    record.severity_number = 300
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add()
    point = metric.gauge.data_points.add(start_time_unix_nano=2**64 - 1)
    point.exemplars.add(trace_id=b"x", span_id=b"y", time_unix_nano=2**63)
    for kind, request in ((TRACES, traces), (LOGS, logs), (METRICS, metrics)):
        body = as_json(request) if is_json else request.SerializeToString()
        assert rig.send(kind, body, is_json=is_json).rejected == 0
    rig.load()
    (row,) = rig.rows("otel_traces")
    assert row["ParentSpanId"] == ""
    assert row["Events.Timestamp"] == [2**63 - 1, 0]
    assert (row["Links.TraceId"], row["Links.SpanId"]) == ([""], [""])
    (row,) = rig.rows("otel_logs")
    assert (row["TraceId"], row["SpanId"], row["TraceFlags"]) == ("", "", 255)
    assert (row["SeverityNumber"], row["Timestamp"]) == (255, NANOS)
    (row,) = rig.rows("otel_metrics_gauge")
    assert (row["StartTimeUnix"], row["TimeUnix"]) == (2**63 - 1, NANOS)
    assert (row["Exemplars.TimeUnix"], row["Exemplars.TraceId"]) == ([2**63 - 1], [""])


def test_a_deep_value_is_json_text_and_what_is_deeper_still_is_cut(rig: Rig) -> None:
    request = LOGS.request()
    body = request.resource_logs.add().scope_logs.add().log_records.add().body
    for _ in range(2):
        body = body.kvlist_value.values.add(key="k").value
    body.int_value = 1
    deep = request.resource_logs[0].resource.attributes.add(key="deep").value
    for _ in range(40):
        deep = deep.array_value.values.add()
    assert rig.send(LOGS, request.SerializeToString()).message
    rig.load()
    (row,) = rig.rows("otel_logs")
    assert row["Body"] == '{"k":{"k":1}}'
    assert row["ResourceAttributes"]["deep"] == "[" * 17 + '"[nested too deeply]"' + "]" * 17


# -- exactly once over five tables ----------------------------------------------------------------


class Killed(BaseException):
    """Stands for the death of the process: nothing catches it."""


def five_kinds() -> Any:
    made = METRICS.request()
    for outer in range(2):
        metrics = made.resource_metrics.add().scope_metrics.add().metrics
        for kind in POINTS:
            for n in range(outer + POINTS.index(kind) + 1):
                points = getattr(metrics.add(name=kind), kind).data_points
                points.add(time_unix_nano=NANOS - n)
    return made


def assert_once(rig: Rig, times: int = 1) -> None:
    for place, kind in enumerate(POINTS):
        assert len(rig.rows(f"otel_metrics_{kind}")) == times * (2 * place + 3), kind
    (finished,) = rig.store.rows("SELECT count() AS found FROM segments WHERE signal = 'metrics'")
    assert finished["found"] == 1
    assert not any(waiting.records for waiting in rig.loader.pending().values())


@pytest.mark.parametrize("gone", ["gauge", "sum", "summary"])
def test_a_kind_that_is_missing_after_a_crash_is_not_made_up_for_by_another(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    for _ in range(2):
        rig.send(METRICS, five_kinds().SerializeToString())
    real = facts.insert_points

    def half(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        rig.store.execute(f"DELETE FROM otel_metrics_{gone} WHERE 1")
        # As many rows too many elsewhere as there are too few here.
        other = "sum" if gone == "gauge" else "gauge"
        count = 2 * (2 * POINTS.index(gone) + 3)
        rig.store.execute(
            f"INSERT INTO otel_metrics_{other} (WalSegment)"
            f" SELECT max(WalSegment) FROM otel_metrics_{other} AS o, numbers({count}) AS n"
            " GROUP BY number"
        )
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(facts, "insert_points", half)
        with pytest.raises(Killed):
            rig.load()
    rig.loader = rig.again()
    rig.load()
    assert_once(rig, times=2)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    "step", [(facts, "insert_points"), (facts, "finish_segment"), (Spool, "finish")]
)
def test_a_loader_that_dies_at_any_step_of_metrics_counts_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, step: tuple[Any, str], after: bool
) -> None:
    rig.send(METRICS, five_kinds().SerializeToString())
    real = getattr(*step)

    def dying(*args: Any, **kwargs: Any) -> Any:
        if after:
            real(*args, **kwargs)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(*step, dying)
        with pytest.raises(Killed):
            rig.load()
    rig.loader = rig.again()
    rig.load()
    assert_once(rig)


def test_an_insert_of_points_of_unknown_fate_counts_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.send(METRICS, five_kinds().SerializeToString())
    real = facts.insert_points
    failures = iter([True])

    def failing(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        if next(failures, False):
            raise StoreUnavailable

    monkeypatch.setattr(facts, "insert_points", failing)
    rig.load()
    assert_once(rig)


@pytest.mark.parametrize("kind", [LOGS, METRICS], ids=lambda kind: kind.signal.value)
def test_a_request_the_store_refuses_is_set_aside_alone(any_rig: Rig, kind: OtlpSignal) -> None:
    maker = Maker(seed=1, nanos=NANOS)
    good = (maker.logs if kind is LOGS else maker.metrics)(5)
    items = any_rig.send(kind, good.SerializeToString()).items
    any_rig.put(kind.signal, b"\xff\xff no protobuf \xff", 3)
    any_rig.send(kind, good.SerializeToString())
    any_rig.load()
    tables = ["otel_logs"] if kind is LOGS else [f"otel_metrics_{k}" for k in POINTS]
    assert sum(len(any_rig.rows(table)) for table in tables) == 2 * items
    (letter,) = any_rig.store.rows("SELECT type, payload_bytes FROM dead_letters")
    assert letter["type"] == kind.signal.value


# -- milestones on log records --------------------------------------------------------------------


def business_record(**change: Any) -> Any:
    fields = {
        "business.milestone": "approved",
        "business.object.order": "P-1",
        "business.attr.facility": "west",
        **change,
    }
    request = LOGS.request()
    outer = request.resource_logs.add()
    outer.resource.attributes.add(key="service.name").value.string_value = "api"
    outer.resource.attributes.add(key="deployment.environment").value.string_value = "staging"
    record = outer.scope_logs.add().log_records.add(time_unix_nano=NANOS - 789)
    record.trace_id, record.span_id = b"t" * 16, b"s" * 8
    record.body.string_value = "it was approved"
    for key, value in fields.items():
        record.attributes.add(key=key).value.string_value = value
    return request


def test_a_log_record_that_carries_a_milestone_becomes_one(any_rig: Rig) -> None:
    any_rig.send(LOGS, business_record().SerializeToString())
    any_rig.send(LOGS, business_record(**{"business.object.order": ""}).SerializeToString())
    any_rig.send(LOGS, LOGS.request(resource_logs=[]).SerializeToString())
    any_rig.load()
    any_rig.load()
    (row,) = any_rig.store.rows("SELECT * FROM milestones")
    assert (row["source"], row["milestone"], row["environment"]) == (
        "otel:api", "approved", "staging",
    )  # fmt: skip
    assert row["occurred_at"] == from_micros((NANOS - 789) // 1000)
    assert (row["object_types"], row["object_ids"]) == (["order"], ["P-1"])
    assert row["attributes"] == {"facility": "west"}
    assert (row["trace_id"], row["span_id"]) == ((b"t" * 16).hex(), (b"s" * 8).hex())
    (letter,) = any_rig.store.rows("SELECT door, reason, source FROM dead_letters")
    assert (letter["door"], letter["source"]) == ("logs", "otel:api")
    assert "at least one object" in letter["reason"]
    (segment,) = any_rig.store.rows("SELECT rows FROM segments WHERE signal = 'logs'")
    assert segment["rows"] == 1


def ids_of(rig: Rig) -> set[str]:
    rig.load()
    return {row["id"] for row in rig.store.rows("SELECT id FROM milestones")}


def test_a_record_sent_again_has_the_same_identity(rig: Rig) -> None:
    timeless = business_record()
    timeless.resource_logs[0].scope_logs[0].log_records[0].time_unix_nano = 0
    for request in (business_record(), timeless):
        rig.send(LOGS, request.SerializeToString())
        rig.load()
    first = ids_of(rig)
    rig.clock.advance(seconds=60)
    for request in (business_record(), timeless):
        pairs = request.resource_logs[0].scope_logs[0].log_records[0].attributes
        again = list(pairs)[::-1]
        del pairs[:]
        pairs.extend(again)
        rig.send(LOGS, request.SerializeToString(), at=rig.clock.now())
    assert ids_of(rig) == first
    assert len(first) == 2


@pytest.mark.parametrize(
    "field", ["time_unix_nano", "trace_id", "severity_text", "event_name", "body", "attribute"]
)
def test_a_record_that_differs_has_another_identity(rig: Rig, field: str) -> None:
    rig.send(LOGS, business_record().SerializeToString())
    other = business_record()
    record = other.resource_logs[0].scope_logs[0].log_records[0]
    if field == "body":
        record.body.string_value = "otherwise"
    elif field == "attribute":
        record.attributes.add(key="more").value.int_value = 1
    elif field == "time_unix_nano":
        record.time_unix_nano += 1
    elif field == "trace_id":
        record.trace_id = b"u" * 16
    else:
        setattr(record, field, "other")
    rig.send(LOGS, other.SerializeToString())
    assert len(ids_of(rig)) == 2


def test_a_declared_identity_goes_before_the_record_s_own(rig: Rig) -> None:
    declared = {"business.event.source": "/erp", "business.event.id": "e1"}
    rig.send(LOGS, business_record(**declared).SerializeToString())
    assert ids_of(rig) == {"e1"}


# -- rows of others -------------------------------------------------------------------------------


def test_rows_that_another_collector_wrote_change_nothing(any_rig: Rig) -> None:
    tables = ["otel_traces", "otel_logs", *(f"otel_metrics_{kind}" for kind in POINTS)]
    for table in tables:
        time = "TimeUnix" if "metrics" in table else "Timestamp"
        any_rig.store.execute(f"INSERT INTO {table} ({time}) VALUES (now64(9))")
    any_rig.store.execute(
        "INSERT INTO otel_logs (Timestamp, ServiceName, LogAttributes) VALUES"
        " (now64(9), 'api', map('business.milestone', 'foreign', 'business.object.order', 'P'))"
    )
    any_rig.send(LOGS, business_record().SerializeToString())
    any_rig.send(METRICS, five_kinds().SerializeToString())
    any_rig.load()
    (row,) = any_rig.store.rows("SELECT milestone FROM milestones")
    assert row["milestone"] == "approved"
    counts = {table: len(any_rig.rows(table)) for table in tables}
    assert counts["otel_traces"] == 1
    assert counts["otel_logs"] == 3
    assert counts["otel_metrics_gauge"] == 4
    (row,) = any_rig.store.rows("SELECT count() AS found FROM otel_logs WHERE WalSegment = 0")
    assert row["found"] == 2


# -- what careless and hostile encoders write -----------------------------------------------------

UNKNOWN_GROUP = b"\xfb\x07\x08\x01\xfc\x07"


def mutated(body: bytes, random: Random) -> bytes:
    """A request with bytes changed, removed, added, or cut off."""
    changed = bytearray(body)
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(changed) + 1)
        match random.randrange(5):
            case 0:
                changed[place : place + 1] = random.randbytes(1)
            case 1:
                del changed[place : place + random.randint(1, 6)]
            case 2:
                changed[place:place] = random.randbytes(random.randint(1, 6))
            case 3:
                changed += UNKNOWN_GROUP
            case _:
                changed = changed[:place]
    return bytes(changed)


@pytest.mark.parametrize("kind", [LOGS, METRICS], ids=lambda kind: kind.signal.value)
def test_what_the_door_takes_the_store_takes(rig: Rig, kind: OtlpSignal) -> None:
    random, taken = Random(7), 0
    spool = Spool(rig.path)
    for seed in range(600):
        made = getattr(Maker(seed, NANOS), kind.signal.value)(1)
        with suppress(MalformedInput):
            checked = check_request(kind, mutated(made.SerializeToString(), random), now=NOW)
            if checked.items:
                taken += checked.items
                entry = Entry(
                    signal=kind.signal,
                    received_at=NOW,
                    items=checked.items,
                    payload=checked.payload,
                )
                spool.append([entry])
    spool.close()
    assert taken > 300
    rig.load()
    tables = ["otel_logs"] if kind is LOGS else [f"otel_metrics_{k}" for k in POINTS]
    (row,) = rig.store.rows("SELECT count() AS found, any(reason) AS reason FROM dead_letters")
    assert row["found"] == 0, row["reason"]
    counts = [rig.store.rows(f"SELECT count() AS found FROM {t}")[0]["found"] for t in tables]
    assert sum(counts) == taken
