"""The OTLP doors: every signal, over each transport, in each encoding, held against OTLP."""

import asyncio
import gzip
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import MagicMock

import grpc
import pytest
from doors import SERVICES, Door
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_pb
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb
from otlp_generator import Maker, as_json

from collector import receiver_grpc
from collector.intake import IN_FLIGHT_BYTES
from collector.receiver_grpc import OtlpDoor, bind, make_server
from suture.contracts.trace import Signal

MIB = 1024 * 1024


@dataclass(frozen=True)
class Kind:
    """A signal as its protocol describes it."""

    signal: Signal
    path: str
    request: Any
    response: Any
    rejected: str
    rejected_json: str

    def good(self, count: int = 3) -> Any:
        """A request of `count` items."""
        made, nanos = self.request(), time.time_ns()
        for n in range(count):
            self.add(made, nanos + n)
        return made

    def add(self, made: Any, nanos: int) -> None:
        """Put one item of a time into a request."""
        if self.signal is Signal.TRACES:
            span = made.resource_spans.add().scope_spans.add().spans.add(name="x")
            span.trace_id, span.span_id = b"t" * 16, b"s" * 8
            span.start_time_unix_nano = nanos
        elif self.signal is Signal.LOGS:
            made.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=nanos)
        else:
            metric = made.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
            metric.sum.data_points.add(time_unix_nano=nanos, as_int=1)


KINDS = (
    Kind(
        Signal.TRACES, "/v1/traces", trace_pb.ExportTraceServiceRequest,
        trace_pb.ExportTraceServiceResponse, "rejected_spans", "rejectedSpans",
    ),
    Kind(
        Signal.LOGS, "/v1/logs", logs_pb.ExportLogsServiceRequest,
        logs_pb.ExportLogsServiceResponse, "rejected_log_records", "rejectedLogRecords",
    ),
    Kind(
        Signal.METRICS, "/v1/metrics", metrics_pb.ExportMetricsServiceRequest,
        metrics_pb.ExportMetricsServiceResponse, "rejected_data_points", "rejectedDataPoints",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What came back, whatever the transport."""

    ok: bool
    rejected: int = 0
    message: str = ""
    code: int = 0
    retry_seconds: float | None = None
    media_type: str = ""


@dataclass(frozen=True)
class Transport:
    """A way to send a request."""

    name: str
    is_json: bool = False
    zipped: bool = False

    def encode(self, request: Any) -> bytes:
        return as_json(request) if self.is_json else bytes(request.SerializeToString())

    def send(self, door: Door, kind: Kind, body: bytes) -> Answer:
        if self.name == "grpc":
            return self._call(door, kind, body)
        media_type = "application/json" if self.is_json else "application/x-protobuf"
        headers = {"content-type": media_type}
        if self.zipped:
            headers["content-encoding"], body = "gzip", gzip.compress(body)
        status, names, content = door.call("POST", kind.path, body, headers)
        assert names["content-type"].split(";")[0] == media_type
        if status != 200:
            retry = names.get("retry-after")
            failure = json.loads(content) if self.is_json else Status.FromString(content)
            code = failure["code"] if self.is_json else failure.code
            message = failure["message"] if self.is_json else failure.message
            return Answer(
                ok=False, code=code, message=message, retry_seconds=float(retry) if retry else None
            )
        if self.is_json:
            partial = json.loads(content).get("partialSuccess", {})
            rejected = int(partial.get(kind.rejected_json, "0"))
            return Answer(ok=True, rejected=rejected, message=partial.get("errorMessage", ""))
        return _success(kind, content)

    def _call(self, door: Door, kind: Kind, body: bytes) -> Answer:
        how = grpc.Compression.Gzip if self.zipped else grpc.Compression.NoCompression
        try:
            return _success(kind, door.export(body, kind.signal, compression=how))
        except grpc.RpcError as error:
            return _failure(error)


def _success(kind: Kind, content: bytes) -> Answer:
    partial = kind.response.FromString(content).partial_success
    return Answer(ok=True, rejected=getattr(partial, kind.rejected), message=partial.error_message)


def _failure(error: Any) -> Answer:
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    retry = None
    if details:
        info = RetryInfo()
        assert Status.FromString(details).details[0].Unpack(info)
        retry = info.retry_delay.ToTimedelta().total_seconds()
    return Answer(
        ok=False, code=error.code().value[0], message=error.details(), retry_seconds=retry
    )


TRANSPORTS = (
    Transport("http"),
    Transport("http", zipped=True),
    Transport("http", is_json=True),
    Transport("http", is_json=True, zipped=True),
    Transport("grpc"),
    Transport("grpc", zipped=True),
)
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.signal.value)
every_way = pytest.mark.parametrize(
    "way",
    TRANSPORTS,
    ids=lambda way: f"{way.name}{'-json' * way.is_json}{'-gzip' * way.zipped}",
)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    opened = Door(tmp_path_factory.mktemp("otlp"))
    yield opened
    opened.process.stop()


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    opened = Door(tmp_path_factory.mktemp("full"), spool_max_bytes=10)
    yield opened
    opened.process.stop()


@every_kind
@every_way
def test_a_good_request_is_taken_whole(door: Door, kind: Kind, way: Transport) -> None:
    before = door.pending(kind.signal)
    assert way.send(door, kind, way.encode(kind.good(3))) == Answer(ok=True)
    assert door.pending(kind.signal) == before + 3


@every_kind
@every_way
def test_bad_items_are_a_partial_success(door: Door, kind: Kind, way: Transport) -> None:
    before = door.pending(kind.signal)
    made = kind.good(2)
    kind.add(made, 1)
    kind.add(made, 2**64 - 1)
    answer = way.send(door, kind, way.encode(made))
    assert (answer.ok, answer.rejected) == (True, 2)
    assert "before 2000 (1)" in answer.message
    assert "in the future (1)" in answer.message
    assert door.pending(kind.signal) == before + 2


@every_kind
@every_way
def test_nothing_is_a_success(door: Door, kind: Kind, way: Transport) -> None:
    before = door.pending(kind.signal)
    assert way.send(door, kind, way.encode(kind.request())) == Answer(ok=True)
    assert way.send(door, kind, way.encode(kind.good(0))) == Answer(ok=True)
    assert door.pending(kind.signal) == before


@every_kind
@every_way
def test_what_is_no_request_is_an_invalid_argument_for_good(
    door: Door, kind: Kind, way: Transport
) -> None:
    answer = way.send(door, kind, b"\xff\xff")
    assert (answer.ok, answer.code, answer.retry_seconds) == (False, 3, None)
    assert answer.message


@every_kind
@every_way
def test_a_value_nested_beyond_measure_is_cut_and_its_sender_told(
    door: Door, kind: Kind, way: Transport
) -> None:
    made = kind.good(1)
    resource = next(iter(getattr(made, made.DESCRIPTOR.fields[0].name))).resource
    value = resource.attributes.add(key="deep").value
    for _ in range(30):
        value = value.array_value.values.add()
    answer = way.send(door, kind, way.encode(made))
    assert (answer.ok, answer.rejected) == (True, 0)
    assert "nested more than 16 levels deep were cut (1)" in answer.message


@every_kind
@every_way
def test_a_full_spool_asks_its_producers_to_come_back(
    full: Door, kind: Kind, way: Transport
) -> None:
    answer = way.send(full, kind, way.encode(kind.good()))
    assert (answer.ok, answer.code) == (False, 8)
    assert answer.retry_seconds is not None
    assert answer.retry_seconds > 0
    # What holds nothing needs no room.
    assert way.send(full, kind, way.encode(kind.request())).ok


@every_kind
def test_other_methods_are_told_so_in_otlp_s_way(door: Door, kind: Kind) -> None:
    status, names, content = door.call("GET", kind.path)
    assert (status, names["allow"]) == (405, "POST")
    assert names["content-type"] == "application/x-protobuf"
    assert "GET" in Status.FromString(content).message


@every_kind
@pytest.mark.parametrize("media_type", ["text/csv", "", "application/grpc"])
def test_other_content_types_are_refused(door: Door, kind: Kind, media_type: str) -> None:
    status, names, content = door.call("POST", kind.path, b"", {"content-type": media_type})
    assert (status, names["content-type"]) == (415, "application/x-protobuf")
    assert "application/json" in Status.FromString(content).message


def test_content_types_may_have_parameters_and_any_case(door: Door) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert door.call("POST", "/v1/logs", b"{}", headers)[0] == 200


def test_a_grpc_service_of_another_name_is_unimplemented(door: Door) -> None:
    path = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export"
    with grpc.insecure_channel(door.ready.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(path)(b"", timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_grpc_message_may_be_larger_than_grpc_s_own_limit(door: Door) -> None:
    kind = KINDS[1]
    made = kind.good(1)
    record = made.resource_logs[0].scope_logs[0].log_records[0]
    record.body.string_value = "x" * (20 * MIB)
    before = door.pending(kind.signal)
    for way in (Transport("grpc"), Transport("grpc", zipped=True)):
        assert way.send(door, kind, made.SerializeToString()) == Answer(ok=True)
    assert door.pending(kind.signal) == before + 2


def test_a_grpc_message_beyond_the_limit_is_not_worth_repeating(door: Door) -> None:
    answer = Transport("grpc").send(door, KINDS[0], bytes(64 * MIB + 1))
    assert (answer.ok, answer.code, answer.retry_seconds) == (False, 8, None)


def test_random_requests_of_every_signal_are_taken(door: Door) -> None:
    maker = Maker(seed=7, nanos=time.time_ns())
    for kind, request in zip(
        KINDS, (maker.traces(5), maker.logs(5), maker.metrics(5)), strict=True
    ):
        for way in TRANSPORTS:
            assert way.send(door, kind, way.encode(request)) == Answer(ok=True)


# -- how much gRPC holds --------------------------------------------------------------------------


class _Intake:
    """As much of an intake as the door asks for before a message is there."""

    class limits:  # noqa: N801 - stands for an attribute
        max_decompressed_bytes = IN_FLIGHT_BYTES // 4
        max_header_bytes = 16 * 1024


async def _full_house(waiting: int) -> Sequence[Any]:
    """Two calls that were let in and send nothing, then `waiting` more; how the latter ended."""
    door = OtlpDoor(_Intake())  # type: ignore[arg-type]
    async with door._space(), door._space():
        return await asyncio.gather(*(_enter(door) for _ in range(waiting)), return_exceptions=True)


async def _enter(door: OtlpDoor) -> None:
    async with door._space():
        pass


def test_no_more_messages_are_fetched_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receiver_grpc, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(receiver_grpc, "MAX_WAITING", 3)
    refused = asyncio.run(_full_house(5))
    assert [str(error) for error in refused] == ["too many requests at once"] * 5


def test_a_call_that_ends_without_a_message_is_an_invalid_argument(door: Door) -> None:
    with grpc.insecure_channel(door.ready.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.stream_unary(f"/{SERVICES[Signal.LOGS]}/Export")(iter(()), timeout=30)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_message_that_does_not_arrive_may_be_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receiver_grpc, "FETCH_SECONDS", 0.05)
    answer = asyncio.run(_silent_call())
    assert (answer.code, answer.retry_seconds) == (grpc.StatusCode.UNAVAILABLE.value[0], 1.0)


async def _silent_call() -> Answer:
    server = make_server(_open_intake())
    port = bind(server, "127.0.0.1", 0)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.stream_unary(f"/{SERVICES[Signal.LOGS]}/Export")(timeout=30)
        try:
            with pytest.raises(grpc.RpcError) as caught:
                await call
        finally:
            await server.stop(0)
        return _failure(caught.value)


def _open_intake() -> Any:
    intake = MagicMock()
    intake.limits = _Intake.limits
    return intake


SILENT_CALL = """
import sys, time, grpc
call = grpc.insecure_channel(sys.argv[1]).stream_unary(sys.argv[2])
call(iter(lambda: time.sleep(60), b""))
"""


def test_who_gives_no_sign_of_life_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver_grpc, "SILENT_SECONDS", 0.3)
    assert asyncio.run(_frozen_call()) < 5


async def _frozen_call() -> float:
    """How long a call lasts whose sender stands still from its beginning on."""
    intake = _open_intake()
    request = intake.metrics.request.return_value
    server = make_server(intake)
    port = bind(server, "127.0.0.1", 0)
    await server.start()
    command = [sys.executable, "-c", SILENT_CALL, f"127.0.0.1:{port}"]
    sender = subprocess.Popen([*command, f"/{SERVICES[Signal.LOGS]}/Export"])
    try:
        async with asyncio.timeout(30):
            while not request.__enter__.called:
                await asyncio.sleep(0.01)
            sender.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            while not request.__exit__.called:
                await asyncio.sleep(0.01)
            return time.monotonic() - began
    finally:
        sender.kill()
        sender.wait()
        await server.stop(0)
