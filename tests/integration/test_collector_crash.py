"""Killed at any moment, the collector loses nothing it acknowledged and doubles nothing."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from suture.store.engine import Store

pytestmark = pytest.mark.store

TESTS = Path(__file__).parents[1]
HEALTHCARE = TESTS.parent / "deploy" / "config" / "healthcare"
START_SECONDS = 120

KILLS: tuple[tuple[str, int], ...] = (
    ("facts.insert_spans:after", 2),
    ("receiver", 0),
    ("facts.finish_segment:before", 3),
    ("whole", 0),
    ("facts.insert_milestones:after", 4),
    ("Spool.finish:before", 3),
)
"""Where each cycle is killed: at a step of the loader, or at a random moment from outside."""


class Collector:
    """One life of the child process."""

    def __init__(self, data: Path, store_url: str, *point: str) -> None:
        command = [sys.executable, str(TESTS / "collector_child.py"), str(data), store_url]
        self.child = subprocess.Popen(
            [*command, str(HEALTHCARE), *point],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.child.stdout is not None
        doors, self.receiver = json.loads(self.child.stdout.readline())
        self.address = doors["http"].removeprefix("http://")

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def wait_dead(self, timeout: float = START_SECONDS) -> int:
        """Wait for the child to be gone, and its receiver with it."""
        code = self.child.wait(timeout)
        deadline = time.monotonic() + timeout
        while Path(f"/proc/{self.receiver}").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def drain(self) -> int:
        """Tell the child to finish, and return its exit code."""
        assert self.child.stdin is not None
        self.child.stdin.close()
        return self.wait_dead()


class Producer(threading.Thread):
    """Sends without ever repeating itself, and remembers what was acknowledged."""

    def __init__(self, number: int) -> None:
        super().__init__(name=f"producer-{number}")
        self.number = number
        self.address = ""
        self.done = threading.Event()
        self.sent_spans: set[str] = set()
        self.sent_events: set[str] = set()
        self.spans: set[str] = set()
        self.events: set[str] = set()
        self._count = 0

    def run(self) -> None:
        while not self.done.is_set():
            self._send_spans() if self._count % 2 else self._send_events()
            self._count += 1
            self.done.wait(0.01)

    def _send_spans(self) -> None:
        request = ExportTraceServiceRequest()
        scope = request.resource_spans.add().scope_spans.add()
        ids = []
        for n in range(7):
            span = scope.spans.add(name="work", start_time_unix_nano=time.time_ns())
            span.trace_id = self.number.to_bytes(8, "big") + (self._count + 1).to_bytes(8, "big")
            span.span_id = (n + 1).to_bytes(8, "big")
            ids.append(f"{span.trace_id.hex()}:{span.span_id.hex()}")
            if n == 0:
                span.attributes.add(key="business.milestone").value.string_value = "sent"
                span.attributes.add(key="business.object.order").value.string_value = "P"
        self.sent_spans.update(ids)
        if self._post("/v1/traces", request.SerializeToString(), "application/x-protobuf") == 200:
            self.spans.update(ids)

    def _send_events(self) -> None:
        ids = [f"{self.number}-{self._count}-{n}" for n in range(3)]
        batch = [
            {
                "specversion": "1.0",
                "id": id_,
                "source": "/test",
                "type": "suture.milestone",
                "time": datetime.now(UTC).isoformat(),
                "data": {"milestone": "m", "objects": [{"type": "order", "id": "P"}]},
            }
            for id_ in ids
        ]
        self.sent_events.update(ids)
        body = json.dumps(batch).encode()
        if self._post("/v1/milestones", body, "application/cloudevents-batch+json") == 202:
            self.events.update(ids)

    def _post(self, path: str, body: bytes, content_type: str) -> int:
        connection = http.client.HTTPConnection(self.address, timeout=20)
        try:
            connection.request("POST", path, body, {"content-type": content_type})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


def live_through(kill: tuple[str, int], data: Path, store_url: str, producers: Any) -> None:
    """One life under load, and its sudden end."""
    point, number = kill
    at_step = ":" in point
    collector = Collector(data, store_url, *((point, str(number)) if at_step else ()))
    for producer in producers:
        producer.address = collector.address
    if not at_step:
        time.sleep(random.uniform(0.5, 2.5))
        collector.kill(collector.receiver)
        if point == "receiver":
            time.sleep(random.uniform(0.1, 0.5))
        collector.kill(collector.child.pid)
    assert collector.wait_dead() == -signal.SIGKILL


def test_five_kills_lose_nothing_and_double_nothing(lone_engine_url: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    producers = [Producer(n) for n in range(1, 4)]
    for producer in producers:
        producer.start()
    try:
        for kill in KILLS:
            live_through(kill, data, lone_engine_url, producers)
    finally:
        for producer in producers:
            producer.done.set()
            producer.join()
    assert Collector(data, lone_engine_url).drain() == 0
    assert_stored(lone_engine_url, producers)


def assert_stored(store_url: str, producers: list[Producer]) -> None:
    with Store(store_url) as store:
        spans = Counter(
            f"{row['TraceId']}:{row['SpanId']}"
            for row in store.rows("SELECT TraceId, SpanId FROM otel_traces")
        )
        rows = store.rows("SELECT source, id FROM milestones")
        events = Counter(row["id"] for row in rows if row["source"] == "/test")
        on_spans = Counter(row["id"] for row in rows if row["source"] != "/test")
        unfinished = store.rows(
            "SELECT DISTINCT segment FROM milestones WHERE segment NOT IN"
            " (SELECT segment FROM segments)"
        )
        letters = store.rows("SELECT reason FROM dead_letters")
    acknowledged_spans = set().union(*(p.spans for p in producers))
    acknowledged_events = set().union(*(p.events for p in producers))
    assert len(acknowledged_spans) > 100
    assert len(acknowledged_events) > 50
    assert acknowledged_spans <= spans.keys()
    assert acknowledged_events <= events.keys()
    assert spans.keys() <= set().union(*(p.sent_spans for p in producers))
    assert events.keys() <= set().union(*(p.sent_events for p in producers))
    for stored in (spans, events, on_spans):
        assert [key for key, count in stored.items() if count > 1] == []
    assert on_spans.keys() == {key for key in spans if key.endswith(f"{1:016x}")}
    assert unfinished == []
    assert letters == []
