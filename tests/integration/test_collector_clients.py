"""Clients that are not ours, as processes of their own; and senders that break off or dawdle."""

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from doors import Door
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from required import require

from collector import receiver_http
from collector.intake import IntakeLimits
from collector.loader import Loader
from suture.access import http_server
from suture.app.web_server import WebServer
from suture.clock import SystemClock
from suture.contracts.trace import Signal
from suture.definitions.catalog import Catalog
from suture.store.engine import Store

NODE_CLIENT = Path(__file__).parents[1] / "clients" / "node"
INSTALL_SECONDS = 240
MIB = 1024 * 1024


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    opened = Door(tmp_path / "data")
    yield opened
    opened.process.stop()


@pytest.fixture(scope="module")
def node_client(pytestconfig: pytest.Config) -> Path:
    """The client with its packages, installed once and kept beside pytest's own cache."""
    require("node", "npm")
    folder = Path(pytestconfig.rootpath) / ".pytest_cache" / "node-client"
    wanted = (NODE_CLIENT / "package.json").read_text()
    installed = folder / "installed.json"
    if not installed.exists() or installed.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(wanted)
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"]
        done = subprocess.run(
            [*command, "--ignore-scripts"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        installed.write_text(wanted)
    shutil.copy(NODE_CLIENT / "client.cjs", folder)
    return folder / "client.cjs"


def load(store: Store, door: Door) -> None:
    Loader(
        store, door.settings.spool_path, Catalog(), SystemClock(), lambda *parts: parts[-1]
    ).run_once()


# -- the OpenTelemetry SDK for Node.js ------------------------------------------------------------


@pytest.mark.store
def test_what_the_node_sdk_exports_is_in_the_store(
    store: Store, door: Door, node_client: Path
) -> None:
    command = ["node", node_client.name, door.ready.http, door.ready.grpc]
    done = subprocess.run(
        command, cwd=node_client.parent, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    sent = json.loads(done.stdout)
    load(store, door)
    spans = {row["SpanName"]: row for row in store.rows("SELECT * FROM otel_traces")}
    assert set(spans) == set(sent) == {"proto", "json", "grpc"}
    for name, context in sent.items():
        assert_node_span(spans[name], context)
    (log,) = store.rows("SELECT * FROM otel_logs")
    assert (log["Body"], log["SeverityNumber"]) == ("it failed", 17)
    assert (log["ServiceName"], log["LogAttributes"]) == ("node-sdk", {"step": "3"})
    (point,) = store.rows("SELECT * FROM otel_metrics_sum")
    assert (point["MetricName"], point["Value"]) == ("orders", 3.0)
    assert (point["ServiceName"], point["Attributes"]) == ("node-sdk", {"site": "west"})


def assert_node_span(span: dict[str, Any], context: dict[str, Any]) -> None:
    """A span is stored as client.cjs made it."""
    ids = (span["TraceId"], span["SpanId"], span["ParentSpanId"])
    assert ids == (context["traceId"], context["spanId"], context["parent"])
    assert (span["ServiceName"], span["ScopeName"], span["ScopeVersion"]) == (
        "node-sdk", "client", "1.2",
    )  # fmt: skip
    assert (span["SpanKind"], span["StatusCode"], span["StatusMessage"]) == (
        "Client", "Error", "no answer",
    )  # fmt: skip
    assert span["SpanAttributes"] == {
        "text": "grün 漢字",
        "count": "7",
        "ratio": "0.5",
        "flag": "true",
        "list": '["a","b"]',
    }
    assert span["ResourceAttributes"] == {"service.name": "node-sdk"}
    assert span["Events.Name"] == ["retried"]
    assert span["Events.Attributes"] == [{"attempt": "2"}]


# -- curl -----------------------------------------------------------------------------------------


def traces(count: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for n in range(count):
        span = spans.add(name="work", start_time_unix_nano=time.time_ns())
        span.trace_id, span.span_id = b"t" * 16, (n + 1).to_bytes(8, "big")
    return request


def event() -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "e1",
        "source": "/erp/mercy-west",
        "type": "suture.milestone",
        "time": "2026-11-20T11:00:00Z",
        "data": {"milestone": "approved", "objects": [{"type": "requisition", "id": "R-1"}]},
    }


SPAN_IN_JSON = {
    "traceId": "ab" * 16,
    "spanId": "cd" * 8,
    "name": "x",
    "startTimeUnixNano": "1763636400000000000",
}
PROTOBUF_TRACES = traces(3).SerializeToString()
JSON_TRACES = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [SPAN_IN_JSON]}]}]}).encode()
ZIP, CHUNKED = "content-encoding: gzip", "transfer-encoding: chunked"


@pytest.mark.parametrize(
    ("kind", "path", "content", "headers", "status", "items"),
    [
        (Signal.TRACES, "traces", PROTOBUF_TRACES, ["application/x-protobuf"], 200, 3),
        (Signal.TRACES, "traces", PROTOBUF_TRACES, ["application/x-protobuf", ZIP], 200, 3),
        (Signal.TRACES, "traces", PROTOBUF_TRACES, ["application/x-protobuf", CHUNKED], 200, 3),
        (Signal.TRACES, "traces", JSON_TRACES, ["application/json", CHUNKED, ZIP], 200, 1),
        (Signal.MILESTONES, "milestones", json.dumps(event()).encode(),
         ["application/cloudevents+json", ZIP], 202, 1),
        (Signal.MILESTONES, "milestones", json.dumps([event()] * 2).encode(),
         ["application/cloudevents-batch+json", CHUNKED], 202, 2),
    ],
    ids=["protobuf", "gzip", "chunked", "json", "event", "batch"],
)  # fmt: skip
def test_curl(
    curl_door: Door,
    tmp_path: Path,
    kind: Signal,
    path: str,
    content: bytes,
    headers: list[str],
    status: int,
    items: int,
) -> None:
    body = tmp_path / "body"
    body.write_bytes(gzip.compress(content) if ZIP in headers else content)
    before = curl_door.pending(kind)
    given = [f"content-type: {headers[0]}", *headers[1:]]
    options = [word for header in given for word in ("-H", header)]
    url = f"{curl_door.ready.http}/v1/{path}"
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "30", "-o", str(tmp_path / "answer"), "-w", "%{http_code}",
         *options, "--data-binary", f"@{body}", url],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (str(status), "")
    assert curl_door.pending(kind) == before + items


@pytest.fixture(scope="module")
def curl_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    require("curl")
    opened = Door(tmp_path_factory.mktemp("curl"))
    yield opened
    opened.process.stop()


# -- senders that break off, or dawdle ------------------------------------------------------------

HALF_A_REQUEST = """
import socket, sys, time
host, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
connection = socket.create_connection((host, port))
connection.sendall(
    b"POST /v1/traces HTTP/1.1\\r\\nhost: x\\r\\ncontent-type: application/x-protobuf\\r\\n"
    + b"content-length: %d\\r\\n\\r\\n" % (2 * size)
)
connection.sendall(bytes(size))
print("half", flush=True)
time.sleep(60)
"""


def test_a_sender_killed_in_the_middle_of_a_request_leaves_nothing(door: Door) -> None:
    host, _, port = door.address.rpartition(":")
    before = resident(door)
    for _ in range(5):
        command = [sys.executable, "-c", HALF_A_REQUEST, host, port, str(7 * MIB)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
            assert sender.stdout is not None
            assert sender.stdout.readline() == "half\n"
            assert door.export(b"") == b""
            os.kill(sender.pid, signal.SIGKILL)
    assert door.post(
        "/v1/traces", traces(1).SerializeToString(), {"content-type": "application/x-protobuf"}
    ) == (200, b"")
    assert door.pending(Signal.TRACES) == 1
    assert door.process.restarts == 0
    deadline = time.monotonic() + 10
    while resident(door) - before > 15 * MIB and time.monotonic() < deadline:
        time.sleep(0.1)
    assert resident(door) - before <= 15 * MIB


def resident(door: Door) -> int:
    """What the receiver holds in memory, in bytes."""
    text = Path(f"/proc/{door.process.pid}/status").read_text()
    return (
        int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1]) << 10
    )


def test_many_senders_that_dribble_keep_nobody_else_waiting(door: Door) -> None:
    host, _, port = door.address.rpartition(":")
    head = b"POST /v1/milestones HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n"
    dawdlers = [socket.create_connection((host, int(port)), timeout=30) for _ in range(200)]
    try:
        for n, dawdler in enumerate(dawdlers):
            dawdler.sendall(head[: n % len(head)] if n % 2 else head + b"\r\n")
        for dawdler in dawdlers[::2]:
            dawdler.sendall(b"{")
        assert door.send(event()) == (202, {"accepted": 1})
        assert door.export(traces(1).SerializeToString()) == b""
    finally:
        for dawdler in dawdlers:
            dawdler.close()
    assert door.pending(Signal.MILESTONES) == 1


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """Doors that wait for a fraction of a second, with nobody behind them."""
    monkeypatch.setattr(http_server, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(receiver_http, "BODY_SECONDS", 0.3)
    intake = MagicMock()
    intake.limits = IntakeLimits(max_body_bytes=1000, max_decompressed_bytes=1000)
    intake.require_key.return_value.rates.bytes = None
    app = receiver_http.build_app(intake, lambda: True)
    server = WebServer(app, host="127.0.0.1", port=0, max_header_bytes=10_000, tls=None)
    host, _, port = server.start().removeprefix("http://").rpartition(":")
    yield host, int(port)
    server.stop()


@pytest.mark.parametrize("head", [b"", b"P", b"POST /v1/traces HTTP/1.1\r\nhost: x\r\n"])
def test_a_head_that_does_not_come_ends_the_connection(
    impatient: tuple[str, int], head: bytes
) -> None:
    with socket.create_connection(impatient, timeout=30) as dawdler:
        dawdler.sendall(head)
        assert dawdler.recv(1000) == b""


def test_a_body_that_does_not_come_is_answered(impatient: tuple[str, int]) -> None:
    with socket.create_connection(impatient, timeout=30) as dawdler:
        dawdler.sendall(b"POST /v1/milestones HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{")
        answer = b"".join(iter(lambda: dawdler.recv(1000), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in head
    assert b"did not arrive within 0.3 seconds" in body
