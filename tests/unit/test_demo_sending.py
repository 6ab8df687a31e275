"""The demo network against a recording platform: all of it arrives, whatever happens first."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from suture.app.demo.drive import Driver
from suture.app.demo.emit import Emitter, retry_after
from suture.app.demo.lanes import Lane, Later, Request, Taken
from suture.app.demo.network import SERVICES
from suture.app.demo.signals import EventOut, SpanOut
from suture.app.demo.simulate import Simulation, Volume
from suture.app.demo.story import Run
from suture.app.demo.truth import TruthFile
from suture.clock import ManualClock

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


class Platform:
    """Records what is sent through both doors; `trouble` answers come before the good ones."""

    def __init__(
        self,
        trouble: list[tuple[int, str | None]] | None = None,
        http_port: int = 0,
        grpc_port: int = 0,
    ) -> None:
        self.lock = threading.Lock()
        self.http_trouble = list(trouble or [])
        self.grpc_trouble = 1 if trouble else 0
        self.traces: list[ExportTraceServiceRequest] = []
        self.trace_doors: list[str] = []
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.keys: set[str] = set()
        self.arrivals: list[tuple[float, str, int]] = []
        self.encodings: Counter[str] = Counter()
        self._http = ThreadingHTTPServer(("127.0.0.1", http_port), _handler(self))
        self._http.daemon_threads = True
        self._grpc = grpc.server(futures.ThreadPoolExecutor(4))
        add_TraceServiceServicer_to_server(_Servicer(self), self._grpc)
        self.grpc = f"127.0.0.1:{self._grpc.add_insecure_port(f'127.0.0.1:{grpc_port}')}"
        self.ingest = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "Platform":
        self._thread.start()
        self._grpc.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._grpc.stop(None).wait()

    @property
    def spans(self) -> list[tuple[dict[str, Any], Any]]:
        """(resource attributes, span) of everything recorded."""
        with self.lock:
            return [
                ({a.key: a.value.string_value for a in rs.resource.attributes}, span)
                for request in self.traces
                for rs in request.resource_spans
                for ss in rs.scope_spans
                for span in ss.spans
            ]

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """(content mode, event) of everything recorded."""
        with self.lock:
            return [pair for headers, body in self.posts for pair in _events(headers, body)]


def _events(headers: dict[str, str], body: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = headers["content-type"]
    if kind == "application/cloudevents-batch+json":
        for event in json.loads(body):
            yield "batch", event
    elif kind == "application/cloudevents+json":
        yield "structured", json.loads(body)
    else:
        attributes = {k[3:]: v for k, v in headers.items() if k.startswith("ce-")}
        yield "binary", {**attributes, "datacontenttype": kind, "data": json.loads(body)}


def _handler(platform: Platform) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with platform.lock:
                trouble = platform.http_trouble.pop(0) if platform.http_trouble else None
                status = trouble[0] if trouble else 0
                platform.arrivals.append((time.monotonic(), self.path, status))
                platform.keys.add(self.headers.get("authorization", ""))
            if trouble is not None:
                self._answer(trouble[0], b"{}", {"retry-after": trouble[1]} if trouble[1] else {})
            elif self.path == "/v1/traces":
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                    platform.encodings["gzip"] += 1
                request = ExportTraceServiceRequest.FromString(body)
                with platform.lock:
                    platform.traces.append(request)
                    platform.trace_doors.append("http")
                answer = ExportTraceServiceResponse().SerializeToString()
                self._answer(200, answer, {"content-type": "application/x-protobuf"})
            elif self.path == "/v1/milestones":
                headers = {k.lower(): v for k, v in self.headers.items()}
                with platform.lock:
                    platform.posts.append((headers, body))
                accepted = len(list(_events(headers, body)))
                self._answer(202, json.dumps({"accepted": accepted}).encode(), {})
            else:
                self._answer(404, b"", {})

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


class _Servicer(TraceServiceServicer):
    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def Export(self, request: Any, context: Any) -> ExportTraceServiceResponse:  # noqa: N802
        platform = self.platform
        with platform.lock:
            platform.keys.add(dict(context.invocation_metadata()).get("authorization", ""))
            trouble = platform.grpc_trouble > 0
            platform.grpc_trouble -= trouble
        if trouble:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        with platform.lock:
            platform.traces.append(request)
            platform.trace_doors.append("grpc")
        return ExportTraceServiceResponse()


BUSY = Volume(requisitions_per_day=700)
SMALL = Simulation(run=Run(seed=3, start=START), history=timedelta(hours=8), volume=BUSY)


def _expected(simulation: Simulation, until: datetime) -> tuple[Counter[Any], Counter[Any]]:
    spans: Counter[Any] = Counter()
    events: Counter[Any] = Counter()
    for case in simulation.cases():
        if case.start > until:
            return spans, events
        for delivery in case.deliveries:
            if delivery.at > until:
                continue
            if isinstance(delivery.item, SpanOut):
                spans[delivery.item.trace_id, delivery.item.span_id] += 1
            elif isinstance(delivery.item, EventOut):
                events[delivery.item.event["source"], delivery.item.event["id"]] += 1
    raise AssertionError("the stream ended")


def _got(platform: Platform) -> tuple[Counter[Any], Counter[Any]]:
    spans = Counter(
        (int.from_bytes(span.trace_id), int.from_bytes(span.span_id)) for _, span in platform.spans
    )
    return spans, Counter((event["source"], event["id"]) for _, event in platform.events)


class Feed:
    """A driver on a recording platform."""

    def __init__(self, platform: Any, clock: Any = None, api_key: str | None = None) -> None:
        self.stop = threading.Event()
        self.clock = clock or ManualClock(START)
        self.emitter = Emitter(
            ingest=platform.ingest, grpc=platform.grpc, api_key=api_key, stop=self.stop
        )
        self.driver = Driver(
            SMALL, emitter=self.emitter, truth=TruthFile(None), clock=self.clock, stop=self.stop
        )

    def __enter__(self) -> "Feed":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.emitter.close(grace_seconds=1)


def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def filled() -> Iterator[Platform]:
    """A platform that took a back-fill after some trouble."""
    trouble = [(503, "0.1"), (429, "0.3"), (503, "0.1"), (502, "0.05")]
    with Platform(trouble) as platform, Feed(platform, api_key="k1") as feed:
        assert feed.driver.backfill()
        yield platform


def test_a_backfill_arrives_whole_and_once_in_spite_of_trouble(filled: Platform) -> None:
    assert filled.http_trouble == []
    assert filled.grpc_trouble == 0
    assert _got(filled) == _expected(SMALL, START)


def test_both_doors_are_used_with_the_key(filled: Platform) -> None:
    assert set(filled.trace_doors) == {"grpc", "http"}
    assert filled.encodings["gzip"] > 0
    assert filled.keys == {"Bearer k1"}


def test_resources_say_who_speaks(filled: Platform) -> None:
    resources = {r["service.name"]: r for r, _ in filled.spans}
    assert set(resources) == set(SERVICES)
    for name, resource in resources.items():
        assert resource["service.namespace"] == f"mercy-health.{SERVICES[name].system}"
        assert resource["deployment.environment"] == "production"


def test_spans_keep_their_simulated_times_and_content(filled: Platform) -> None:
    planned = {
        (d.item.trace_id, d.item.span_id): d.item
        for case in _first_cases(150)
        for d in case.deliveries
        if isinstance(d.item, SpanOut)
    }
    compared = 0
    for resource, span in filled.spans:
        plan = planned.get((int.from_bytes(span.trace_id), int.from_bytes(span.span_id)))
        if plan is None:
            continue
        compared += 1
        assert resource["service.name"] == plan.service
        assert (span.name, span.kind) == (plan.name, _KINDS[plan.kind])
        assert span.start_time_unix_nano == _nanos(plan.start)
        assert span.end_time_unix_nano == _nanos(plan.end)
        assert int.from_bytes(span.parent_span_id) == plan.parent_id
        assert {a.key for a in span.attributes} == set(plan.attributes)
        assert [e.name for e in span.events] == [p.name for p in plan.points]
        assert [e.time_unix_nano for e in span.events] == [_nanos(p.at) for p in plan.points]
        assert [int.from_bytes(k.span_id) for k in span.links] == [i for _, i in plan.links]
        assert span.status.message == plan.error
    assert compared > 300


_KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}


def _nanos(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def _first_cases(count: int) -> list[Any]:
    cases = SMALL.cases()
    return [next(cases) for _ in range(count)]


def test_no_instance_begins_before_its_later_milestones_are_told(filled: Platform) -> None:
    told: dict[str, list[str]] = {}
    known = set()
    for _, event in filled.events:
        if event["id"] in known:  # sent twice, on purpose
            continue
        known.add(event["id"])
        for one in event["data"].get("objects", []):
            if one["type"] == "procedure":
                told.setdefault(one["id"], []).append(event["time"])
    assert any(len(times) > 1 for times in told.values())
    assert all(times == sorted(times, reverse=True) for times in told.values())
    traces = [at for at, path, status in filled.arrivals if path == "/v1/traces" and not status]
    posts = [at for at, path, status in filled.arrivals if path == "/v1/milestones" and not status]
    assert max(traces) < min(posts)


def test_live_business_is_sent_when_it_happens() -> None:
    with Platform() as platform, Feed(platform) as feed:
        assert feed.driver.backfill()
        before = _got(platform)
        thread = threading.Thread(target=feed.driver.live, daemon=True)
        thread.start()
        later = START + timedelta(minutes=12)
        feed.clock.set(later)
        expected = _expected(SMALL, later)
        assert expected != before
        _until(lambda: _got(platform) == expected)
        assert {mode for mode, _ in platform.events} == {"structured", "binary", "batch"}
        feed.stop.set()
        thread.join(5)
        assert not thread.is_alive()


class _Leaping:
    """A clock on which a quarter of an hour passes whenever somebody looks."""

    def __init__(self) -> None:
        self.at = START - timedelta(hours=1)

    def now(self) -> datetime:
        self.at = min(self.at + timedelta(minutes=15), START)
        return self.at


def test_a_replay_catches_up_with_the_clock() -> None:
    with Platform() as platform, Feed(platform, clock=_Leaping()) as feed:
        assert feed.driver.replay(40.0)
        assert _got(platform) == _expected(SMALL, START)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_platform_that_comes_up_late_misses_nothing() -> None:
    http_port, grpc_port = _free_port(), _free_port()
    where = SimpleNamespace(ingest=f"http://127.0.0.1:{http_port}", grpc=f"127.0.0.1:{grpc_port}")
    done: list[bool] = []
    with Feed(where) as feed:
        thread = threading.Thread(target=lambda: done.append(feed.driver.backfill()), daemon=True)
        thread.start()
        _until(lambda: not any(lane.drained() for lane in feed.emitter.lanes[:2]))
        with Platform(http_port=http_port, grpc_port=grpc_port) as platform:
            thread.join(60)
            assert done == [True]
            assert _got(platform) == _expected(SMALL, START)


def test_a_lane_repeats_until_it_is_heard() -> None:
    lane = Lane("late", threading.Event())
    answers: list[Taken | Later] = [Later(reason="refused"), Later(after_seconds=0.01), Taken()]
    lane.put(Request(attempt=lambda: answers.pop(0), items=5))
    _until(lane.drained)
    assert (lane.tally.delivered, lane.tally.retries) == (5, 2)
    lane.abandon()


def test_a_request_that_never_succeeds_is_given_up_and_counted() -> None:
    lane = Lane("never", threading.Event(), patience=0.0)
    lane.put(Request(attempt=lambda: Later(after_seconds=0.0), items=7))
    _until(lane.drained)
    assert (lane.tally.delivered, lane.tally.given_up) == (0, 7)
    lane.abandon()


def test_what_the_platform_refuses_is_counted_not_repeated() -> None:
    lane = Lane("refused", threading.Event())
    lane.put(Request(attempt=lambda: Taken(refused=2, reason="no such contract"), items=9))
    _until(lane.drained)
    assert (lane.tally.delivered, lane.tally.refused, lane.tally.retries) == (7, 2, 0)
    lane.abandon()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40.0),
        ("soon", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, now=60.0) == seconds


@contextmanager
def _running(platform: Platform, *more: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a process of its own, certainly gone afterwards."""
    command = [sys.executable, "-m", "suture.app.demo"]
    command += ["--ingest", platform.ingest, "--grpc", platform.grpc, *more]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_command_goes_live_and_stops_on_sigterm(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    options = ("--history", "2h", "--truth", str(truth))
    with Platform() as platform, _running(platform, *options, SUTURE_API_KEY="k2") as process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        assert line["event"] == "live"
        assert line["spans"] <= len(platform.spans)
        assert line["events"] <= len(platform.events)
        assert platform.keys == {"Bearer k2"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert process.stdout.read() == ""
    lines = [json.loads(text) for text in truth.read_text(encoding="utf-8").splitlines()]
    assert any(line["should_breach"] for line in lines)


def test_the_command_stops_with_its_parent() -> None:
    with Platform() as platform, _running(platform, "--with-parent") as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0


def test_the_command_stops_after_its_duration() -> None:
    with Platform() as platform, _running(platform, "--duration", "1") as process:
        assert process.wait(20) == 0


def test_a_speed_that_never_catches_up_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "suture.app.demo", "--ingest", "http://127.0.0.1:1",
         "--grpc", "127.0.0.1:1", "--speed", "1"],
        capture_output=True, text=True, cwd=ROOT, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 2
    assert "speed 1 never catches up" in done.stderr
