"""The receiver as a process: every door, every refusal, every way to stop it."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from doors import HEALTHCARE, Door
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from collector.dead_letters import PayloadReader
from collector.service import ReceiverProcess
from suture.contracts.trace import Signal
from suture.errors import InstallationError
from suture.settings import Settings

KIB = 1024
BOMB = gzip.compress(bytes(256 * KIB + 1), mtime=0)
CUT_OFF = gzip.compress(b"{}", mtime=0)[:-5]
PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCHED = {"content-type": "application/cloudevents-batch+json"}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    opened = Door(
        tmp_path_factory.mktemp("receiver"),
        max_body_bytes=64 * KIB,
        max_decompressed_bytes=256 * KIB,
    )
    yield opened
    opened.process.stop()


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    opened = Door(tmp_path_factory.mktemp("locked"), api_key="s3cret")
    yield opened
    opened.process.stop()


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    opened = Door(tmp_path_factory.mktemp("full"), spool_max_bytes=10)
    yield opened
    opened.process.stop()


def event(n: int = 1, **change: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"e{n}",
        "source": "/erp/mercy-west",
        "type": "suture.milestone",
        "time": datetime.now(UTC).isoformat(),
        "data": {"milestone": "approved", "objects": [{"type": "requisition", "id": f"R-{n}"}]},
        **change,
    }


def traces(count: int = 1, *, bad: int = 0) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for n in range(count + bad):
        span = spans.add(name="work", start_time_unix_nano=time.time_ns())
        span.trace_id = b"" if n >= count else b"t" * 16
        span.span_id = (n + 1).to_bytes(8, "big")
    return request


# -- milestones -----------------------------------------------------------------------------------


def test_an_event_is_accepted_once_durable(door: Door) -> None:
    before = door.pending(Signal.MILESTONES)
    assert door.send(event()) == (202, {"accepted": 1})
    assert door.pending(Signal.MILESTONES) == before + 1


def test_a_batch_in_part_bad_says_which(door: Door) -> None:
    far = (datetime.now(UTC) + timedelta(minutes=11)).isoformat()
    batch = [event(1), event(2, time=far), event(3, id=None), event(4)]
    status, answer = door.send(batch, BATCHED)
    assert status == 207
    assert answer["accepted"] == 2
    assert [(r["index"], r["id"]) for r in answer["rejected"]] == [(1, "e2"), (2, "")]
    assert "more than 10 minutes in the future" in answer["rejected"][0]["reason"]
    assert answer["rejected"][1]["reason"] == "id: is required"
    letters = door.letters()
    assert [letter.reason for letter in letters] == [r["reason"] for r in answer["rejected"]]
    payload = PayloadReader(door.settings.spool_path).get(letters[0].id)
    assert payload is not None
    assert json.loads(payload.content)["id"] == "e2"


def test_a_request_with_nothing_good_is_a_400_with_the_same_body(door: Door) -> None:
    status, answer = door.send(event(type="com.unknown"))
    assert status == 400
    assert answer["accepted"] == 0
    assert "no event contract for 'com.unknown'" in answer["rejected"][0]["reason"]
    assert door.letters()[0].type == "com.unknown"


def test_a_contract_of_the_shipped_configuration_maps_an_event(door: Door) -> None:
    data = {
        "customerOrderNumber": "4500",
        "sellerOrderNumber": "S-1",
        "seller": {"displayName": "Acme", "gln": "0" * 13},
        "acknowledgement": "ACCEPTED",
    }
    status, answer = door.send(event(type="net.supplierlink.order.confirmed", data=data))
    assert status in (202, 400), answer
    if status == 400:
        assert "contract net.supplierlink.order.confirmed" in answer["rejected"][0]["reason"]
        door.letters()


def test_binary_mode(door: Door) -> None:
    given = event()
    headers = {f"ce-{k}": str(v) for k, v in given.items() if k != "data"}
    body = json.dumps(given["data"]).encode()
    assert door.post("/v1/milestones", body, {**headers, **JSON}) == (202, {"accepted": 1})


def test_an_empty_batch_is_accepted(door: Door) -> None:
    assert door.send([], BATCHED) == (202, {"accepted": 0})


def test_gzip_is_taken(door: Door) -> None:
    body = gzip.compress(json.dumps(event()).encode())
    headers = {**STRUCTURED, "content-encoding": "gzip"}
    assert door.post("/v1/milestones", body, headers) == (202, {"accepted": 1})


@pytest.mark.parametrize(
    ("body", "headers", "status", "detail"),
    [
        (b"{", STRUCTURED, 400, "not JSON"),
        (b"", STRUCTURED, 400, "the body is empty"),
        (b"{}", BATCHED, 400, "list"),
        (b"{}", {"content-type": "text/plain"}, 415, "text/plain"),
        (b"{}", {}, 415, "(none)"),
        (b"{}", {**STRUCTURED, "content-encoding": "br"}, 415, "'br'"),
        (b"x" * (64 * KIB + 1), STRUCTURED, 413, "65536 bytes"),
        (BOMB, {**STRUCTURED, "content-encoding": "gzip"}, 413,
         "decompresses to over 262144"),
        (CUT_OFF, {**STRUCTURED, "content-encoding": "gzip"}, 400, "breaks off"),
    ],
)  # fmt: skip
def test_bad_requests_are_problems(
    door: Door, body: bytes, headers: dict[str, str], status: int, detail: str
) -> None:
    answered, names, content = door.call("POST", "/v1/milestones", body, headers)
    assert answered == status
    assert names["content-type"] == "application/problem+json"
    problem = json.loads(content)
    assert problem["status"] == status
    assert problem["title"]
    assert detail in problem["detail"]
    assert problem["instance"] == "/v1/milestones"


def test_a_body_of_unknown_length_is_counted_while_it_streams(door: Door) -> None:
    chunks = iter([b"x" * 16 * KIB] * 10)
    assert door.call("POST", "/v1/milestones", chunks, STRUCTURED)[0] == 413


@pytest.mark.parametrize("is_declared", [True, False])
def test_who_sends_too_much_before_it_listens_is_told(door: Door, is_declared: bool) -> None:
    """Also where that is far more than a connection holds on its way."""
    body = b"x" * (32 * KIB * KIB)
    status, names, _ = door.call(
        "POST", "/v1/traces", body if is_declared else iter([body]), PROTOBUF
    )
    assert (status, names["connection"]) == (413, "close")


def test_who_waits_to_be_told_to_go_on_is_told_at_once(door: Door) -> None:
    host, _, port = door.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"
        head += "content-length: 99999999\r\nexpect: 100-continue\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_a_batch_of_very_many_events_has_to_be_sent_in_parts(door: Door) -> None:
    before = peak_memory(door)
    status, answer = door.post("/v1/milestones", b"[" + b"1," * 10_000 + b"1]", BATCHED)
    assert (status, answer["detail"]) == (
        413,
        "the batch holds over 10000 events; send it in parts",
    )
    assert peak_memory(door) - before < 20 * KIB


def test_a_path_is_what_it_is_and_leads_nowhere_else(door: Door) -> None:
    status, names, _ = door.call("POST", "/v1/traces/", b"", PROTOBUF)
    assert status == 404
    assert "location" not in names


def test_other_methods_are_not_allowed(door: Door) -> None:
    status, headers, content = door.call("GET", "/v1/milestones")
    assert (status, headers["allow"]) == (405, "POST")
    assert json.loads(content)["status"] == 405


def test_other_paths_are_not_found(door: Door) -> None:
    status, headers, content = door.call("POST", "/v1/elsewhere", b"")
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert "/v1/elsewhere" in json.loads(content)["detail"]


# -- traces over HTTP -----------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_spans_in_protobuf(door: Door, encoding: str) -> None:
    before = door.pending(Signal.TRACES)
    body = traces(3).SerializeToString()
    headers = {**PROTOBUF, **({"content-encoding": encoding} if encoding else {})}
    content = gzip.compress(body) if encoding else body
    status, names, answer = door.call("POST", "/v1/traces", content, headers)
    assert (status, names["content-type"]) == (200, "application/x-protobuf")
    assert not ExportTraceServiceResponse.FromString(answer).HasField("partial_success")
    assert door.pending(Signal.TRACES) == before + 3


def test_a_request_without_spans_is_a_success(door: Door) -> None:
    before = door.pending(Signal.TRACES)
    assert door.post("/v1/traces", b"", PROTOBUF) == (200, b"")
    assert door.post("/v1/traces", b"{}", JSON) == (200, {})
    assert door.pending(Signal.TRACES) == before


def test_bad_spans_are_a_partial_success(door: Door) -> None:
    before = door.pending(Signal.TRACES)
    status, answer = door.post("/v1/traces", traces(2, bad=3).SerializeToString(), PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(answer).partial_success
    assert (status, partial.rejected_spans) == (200, 3)
    assert "trace id" in partial.error_message
    assert door.pending(Signal.TRACES) == before + 2


def test_spans_in_json(door: Door) -> None:
    good = {
        "traceId": "ab" * 16,
        "spanId": "cd" * 8,
        "name": "x",
        "kind": "SPAN_KIND_SERVER",
        "startTimeUnixNano": str(time.time_ns()),
    }
    spans = [good, {**good, "spanId": "00"}]
    content = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    status, answer = door.post("/v1/traces", json.dumps(content).encode(), JSON)
    assert status == 200
    assert answer["partialSuccess"]["rejectedSpans"] == "1"
    assert "span id" in answer["partialSuccess"]["errorMessage"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (traces(2).SerializeToString()[:-3], 400),
        (b"\xff\xff\xff", 400),
        (b"x" * (64 * KIB + 1), 413),
    ],
    ids=["truncated", "no protobuf", "too large"],
)
def test_errors_are_a_status_in_the_request_s_encoding(
    door: Door, body: bytes, status: int
) -> None:
    answered, names, content = door.call("POST", "/v1/traces", body, PROTOBUF)
    assert (answered, names["content-type"]) == (status, "application/x-protobuf")
    error = Status.FromString(content)
    assert error.code == 3
    assert error.message


def test_json_errors_are_json(door: Door) -> None:
    status, answer = door.post("/v1/traces", b'{"resourceSpans": 5}', JSON)
    assert status == 400
    assert answer == {"code": 3, "message": "resourceSpans: is not a list"}


def test_a_gzip_bomb_is_refused_without_being_unpacked(door: Door) -> None:
    bomb = gzip.compress(bytes(40 * KIB * KIB))
    assert len(bomb) < 64 * KIB
    before = peak_memory(door)
    status, _ = door.post("/v1/traces", bomb, {**PROTOBUF, "content-encoding": "gzip"})
    assert status == 413
    assert peak_memory(door) - before < 20 * KIB


def peak_memory(door: Door) -> int:
    """The receiver's largest resident size so far, in KiB."""
    text = Path(f"/proc/{door.process.pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmHWM")).split()[1])


def test_an_unknown_content_type_is_named(door: Door) -> None:
    status, content = door.post("/v1/traces", b"", {"content-type": "text/csv"})
    assert status == 415
    assert "text/csv" in Status.FromString(content).message


# -- traces over gRPC -----------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_spans_over_grpc(door: Door, compression: grpc.Compression) -> None:
    before = door.pending(Signal.TRACES)
    answer = door.export(traces(2, bad=1).SerializeToString(), compression=compression)
    partial = ExportTraceServiceResponse.FromString(answer).partial_success
    assert partial.rejected_spans == 1
    assert door.pending(Signal.TRACES) == before + 2


def refused(door: Door, body: bytes, **options: Any) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        door.export(body, **options)
    return caught.value


def test_what_is_no_request_is_an_invalid_argument(door: Door) -> None:
    assert refused(door, b"\xff\xff").code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_over_the_limit_is_refused(door: Door, compression: grpc.Compression) -> None:
    error = refused(door, bytes(257 * KIB), compression=compression)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


# -- the key --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/milestones", "/v1/traces", "/v1/logs", "/metrics"])
@pytest.mark.parametrize("given", [None, "Bearer wrong", "Basic s3cret", "s3cret", "Bearer "])
def test_without_the_key_no_door_opens(locked: Door, path: str, given: str | None) -> None:
    headers = {"authorization": given} if given else {}
    method = "GET" if path == "/metrics" else "POST"
    status, names, _ = locked.call(method, path, b"", headers)
    assert (status, names["www-authenticate"]) == (401, "Bearer")


def test_with_the_key_they_do(locked: Door) -> None:
    key = {"authorization": "Bearer s3cret"}
    assert locked.send(event(), {**STRUCTURED, **key})[0] == 202
    assert locked.post("/v1/traces", b"", {**PROTOBUF, **key})[0] == 200
    assert locked.call("GET", "/metrics", None, key)[0] == 200
    assert locked.export(b"", metadata=[("authorization", "bearer s3cret")]) == b""


def test_health_needs_no_key(locked: Door) -> None:
    assert locked.call("GET", "/healthz")[0] == 200
    assert locked.call("HEAD", "/healthz")[0] == 200
    assert locked.call("GET", "/readyz")[0] == 200


@pytest.mark.parametrize("metadata", [[], [("authorization", "Bearer wrong")]])
def test_grpc_without_the_key(locked: Door, metadata: list[tuple[str, str]]) -> None:
    error = refused(locked, b"", metadata=metadata)
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


# -- a full spool ---------------------------------------------------------------------------------


def test_a_full_spool_asks_http_producers_to_wait(full: Door) -> None:
    status, names, content = full.call(
        "POST", "/v1/milestones", json.dumps(event()).encode(), STRUCTURED
    )
    assert (status, names["retry-after"]) == (429, "5")
    assert json.loads(content)["status"] == 429
    status, names, _ = full.call("POST", "/v1/traces", traces().SerializeToString(), PROTOBUF)
    assert (status, names["retry-after"]) == (429, "5")


def test_a_full_spool_asks_grpc_producers_to_wait(full: Door) -> None:
    error = refused(full, traces().SerializeToString())
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    status = Status.FromString(details)
    retry = RetryInfo()
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 5


# -- observing, starting, stopping ----------------------------------------------------------------


def test_metrics_count_what_came(door: Door) -> None:
    door.send(event())
    text = door.call("GET", "/metrics")[2].decode()
    assert 'suture_ingest_requests_total{door="milestones",outcome="accepted"}' in text
    assert 'suture_spool_pending_items{signal="milestones"}' in text


def test_the_receiver_never_loads_the_store() -> None:
    code = (
        "import sys, collector.receiver;"
        "bad = [m for m in ('chdb', 'clickhouse_connect', 'pyarrow', 'polars', 'numpy')"
        " if m in sys.modules]; sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_many_producers_at_once_are_all_acknowledged(door: Door) -> None:
    before = door.pending(Signal.MILESTONES)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: door.send(event(n))[0], range(200)))
    assert answers == [202] * 200
    assert door.pending(Signal.MILESTONES) == before + 200


def test_a_port_in_use_is_said_clearly(
    tmp_path: Path, door: Door, capfd: pytest.CaptureFixture[str]
) -> None:
    port = int(door.address.rpartition(":")[2])
    second = ReceiverProcess(Settings(data=tmp_path, ingest_port=port, grpc_port=0), HEALTHCARE)
    with pytest.raises(InstallationError, match="did not start"):
        second.start()
    assert f"cannot listen on 127.0.0.1:{port} for OTLP/HTTP" in capfd.readouterr().err
    grpc_port = int(door.ready.grpc.rpartition(":")[2])
    third = ReceiverProcess(Settings(data=tmp_path, ingest_port=0, grpc_port=grpc_port), HEALTHCARE)
    with pytest.raises(InstallationError, match="did not start"):
        third.start()


def test_killed_it_comes_back_at_the_same_doors_and_forgets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is started where a file of that name lies, which is not the one that is meant.
    (tmp_path / "collector.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    door = Door(tmp_path)
    assert door.send(event(1))[0] == 202
    first = door.process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if door.process.pid != first and door.send(event(2))[0] == 202:
                break
        except OSError:
            time.sleep(0.1)
    assert door.process.restarts == 1
    assert door.pending(Signal.MILESTONES) == 2
    door.process.stop()
    assert not door.process.alive


def test_told_to_stop_it_answers_what_is_under_way(tmp_path: Path) -> None:
    door = Door(tmp_path)
    body = json.dumps(event()).encode()
    host, _, port = door.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = (
            f"POST /v1/milestones HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
            "content-type: application/cloudevents+json\r\n\r\n"
        )
        connection.sendall(head.encode() + body[:10])
        time.sleep(0.2)
        pid = door.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGTERM)
        time.sleep(0.2)
        connection.sendall(body[10:])
        answer = connection.recv(4096)
    assert b"202 Accepted" in answer
    door.process.stop()
    assert door.pending(Signal.MILESTONES) == 1


def test_it_stops_when_its_parent_is_gone(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from suture.settings import Settings;"
        "from collector.service import ReceiverProcess;"
        f"r = ReceiverProcess(Settings(data=Path({str(tmp_path)!r}), ingest_port=0, grpc_port=0),"
        f" Path({str(HEALTHCARE)!r})); r.start(); print(r.pid, flush=True); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    pid = int(done.stdout)
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
