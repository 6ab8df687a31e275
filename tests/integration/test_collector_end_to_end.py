"""Real senders against the whole collector: OpenTelemetry's SDK and the CloudEvents SDK."""

import json
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from collector.dead_letters import PayloadReader
from collector.service import Loader, Ready, ReceiverProcess
from suture.clock import SystemClock
from suture.contracts.objects import ObjectKey
from suture.definitions.catalog import load_catalog
from suture.settings import Settings
from suture.store.engine import Store

pytestmark = pytest.mark.store

HEALTHCARE = Path(__file__).parents[2] / "deploy" / "config" / "healthcare"


class Collector:
    """The receiver and the loader, as the platform wires them."""

    def __init__(self, folder: Path, open_store: Any) -> None:
        self.settings = Settings(data=folder, ingest_port=0, grpc_port=0)
        self.receiver = ReceiverProcess(self.settings, HEALTHCARE)
        self.ready: Ready = self.receiver.start()
        self.store: Store = open_store()
        self.loader = Loader(
            self.store,
            self.settings.spool_path,
            load_catalog(HEALTHCARE),
            SystemClock(),
            lambda environment, type_, attributes, id_: ObjectKey(
                environment=environment, type=type_, scope="", id=id_
            ).encode(),
        )
        self.loader.start()

    def rows(self, sql: str) -> list[dict[str, Any]]:
        assert self.loader.drain(timeout_seconds=60)
        return self.store.rows(sql)

    def post(self, message: HTTPMessage) -> int:
        request = urllib.request.Request(
            f"{self.ready.http}/v1/milestones", message.body, message.headers, method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)


@pytest.fixture
def collector(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Collector]:
    running = Collector(tmp_path, lambda: request.getfixturevalue("store"))
    yield running
    running.receiver.stop()
    running.loader.stop()


def send_spans(exporter: SpanExporter) -> None:
    resource = Resource.create({"service.name": "erp-api", "deployment.environment": "staging"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("tests", "1.2")
    with tracer.start_as_current_span("outer", kind=trace.SpanKind.SERVER) as outer:
        outer.set_attribute("text", "héllo")
        outer.set_attribute("numbers", [1, 2, 3])
        with tracer.start_as_current_span(
            "inner", links=[trace.Link(outer.get_span_context())]
        ) as s:
            s.set_attribute("business.milestone", "requisition_approved")
            s.set_attribute("business.object.requisition", ["R-1", "R-2"])
            s.set_attribute("business.attr.amount", 12.5)
            s.add_event("noted", {"n": 1})
            s.set_status(trace.StatusCode.ERROR, "approval service down")
    assert provider.force_flush(30_000)
    provider.shutdown()


def http_exporter(ready: Ready, compression: Compression) -> SpanExporter:
    return HttpExporter(endpoint=f"{ready.http}/v1/traces", compression=compression)


def grpc_exporter(ready: Ready, compression: grpc.Compression) -> SpanExporter:
    return GrpcExporter(endpoint=ready.grpc, insecure=True, compression=compression)


@pytest.mark.parametrize(
    ("make", "compression"),
    [
        (http_exporter, Compression.NoCompression),
        (http_exporter, Compression.Gzip),
        (grpc_exporter, grpc.Compression.NoCompression),
        (grpc_exporter, grpc.Compression.Gzip),
    ],
    ids=["http", "http-gzip", "grpc", "grpc-gzip"],
)
def test_the_sdk_s_spans_arrive_whole(collector: Collector, make: Any, compression: Any) -> None:
    send_spans(make(collector.ready, compression))
    inner, outer = collector.rows("SELECT * FROM otel_traces ORDER BY SpanName")
    assert (inner["SpanName"], outer["SpanName"]) == ("inner", "outer")
    assert inner["TraceId"] == outer["TraceId"]
    assert inner["ParentSpanId"] == outer["SpanId"]
    assert inner["Links.SpanId"] == [outer["SpanId"]]
    assert outer["SpanAttributes"] == {"text": "héllo", "numbers": "[1,2,3]"}
    assert outer["SpanKind"] == "Server"
    assert outer["ServiceName"] == "erp-api"
    assert (outer["ScopeName"], outer["ScopeVersion"]) == ("tests", "1.2")
    assert inner["Events.Name"] == ["noted"]
    assert (inner["StatusCode"], inner["StatusMessage"]) == ("Error", "approval service down")
    (milestone,) = collector.rows("SELECT * FROM milestones")
    assert milestone["id"] == f"{inner['TraceId']}:{inner['SpanId']}"
    assert milestone["environment"] == "staging"
    assert milestone["system"] == "erp"
    assert milestone["object_ids"] == ["R-1", "R-2"]
    assert milestone["attributes"] == {"amount": "12.5"}
    assert (milestone["outcome"], milestone["reason"]) == ("failed", "approval service down")
    assert milestone["segment"] == inner["WalSegment"]
    objects = collector.rows("SELECT object FROM trace_objects FINAL ORDER BY object")
    assert [row["object"] for row in objects] == [
        "staging|requisition||R-1",
        "staging|requisition||R-2",
    ]


@pytest.mark.parametrize("encode", [to_structured, to_binary], ids=["structured", "binary"])
def test_the_cloudevents_sdk_s_events_arrive_whole(collector: Collector, encode: Any) -> None:
    at = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)
    attributes = {
        "id": "ä 1%",
        "source": "/erp/mercy-west",
        "type": "suture.milestone",
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "time": at,
        "correlationid": "c-1",
    }
    data = {
        "milestone": "requisition_approved",
        "objects": [{"type": "requisition", "id": "R-1"}],
        "attributes": {"facility": "mercy-west"},
    }
    event = CloudEvent(attributes=attributes, data=data)
    for _ in range(2):
        assert collector.post(encode(event, JSONFormat())) == 202
    rows = collector.rows("SELECT * FROM milestones")
    assert len(rows) == 2
    assert rows[0]["event_key"] == rows[1]["event_key"]
    assert rows[0]["content_hash"] == rows[1]["content_hash"]
    assert (rows[0]["id"], rows[0]["occurred_at"]) == ("ä 1%", at)
    assert rows[0]["recorded_at"] > at
    assert rows[0]["system"] == "erp"
    assert rows[0]["extensions"] == {"correlationid": "c-1"}


def test_what_is_acknowledged_is_in_the_table_within_a_second(collector: Collector) -> None:
    event = {
        "specversion": "1.0",
        "source": "/erp",
        "type": "suture.milestone",
        "data": {"milestone": "m", "objects": [{"type": "o", "id": "1"}]},
    }
    waits = []
    for n in range(6):
        content = {**event, "id": f"e{n}", "time": datetime.now(UTC).isoformat()}
        headers = {"content-type": "application/cloudevents+json"}
        collector.post(HTTPMessage(headers=headers, body=json.dumps(content).encode()))
        acknowledged = time.monotonic()
        while collector.store.rows("SELECT count() AS n FROM milestones")[0]["n"] <= n:
            assert time.monotonic() < acknowledged + 30
            time.sleep(0.01)
        waits.append(time.monotonic() - acknowledged)
    assert sorted(waits)[len(waits) // 2] < 1.0


def test_a_refused_event_is_a_dead_letter_with_its_payload(collector: Collector) -> None:
    body = b'{"specversion": "1.0", "id": "x", "source": "/erp", "type": "com.unknown"}'
    request = urllib.request.Request(
        f"{collector.ready.http}/v1/milestones",
        body,
        {"content-type": "application/cloudevents+json"},
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=30)
    assert caught.value.code == 400
    caught.value.close()
    (letter,) = collector.rows("SELECT * FROM dead_letters")
    assert (letter["source"], letter["event_id"], letter["type"]) == ("/erp", "x", "com.unknown")
    assert letter["reason"] == "type: there is no event contract for 'com.unknown'"
    payload = PayloadReader(collector.settings.spool_path).get(letter["id"])
    assert payload is not None
    assert payload.content == body
