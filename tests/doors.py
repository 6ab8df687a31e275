"""A running receiver and how tests speak to it."""

import http.client
import json
from pathlib import Path
from typing import Any

import grpc

from collector.service import Ready, ReceiverProcess
from collector.spool import Spool, decode_letter
from collector.spool_file import pending_of
from suture.contracts.trace import Signal
from suture.settings import Settings

HEALTHCARE = Path(__file__).parents[1] / "deploy" / "config" / "healthcare"
SERVICES = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
}


class Door:
    """A receiver process with the shipped configuration."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings(data=folder, ingest_port=0, grpc_port=0, **settings)
        self.process = ReceiverProcess(self.settings, HEALTHCARE)
        self.ready: Ready = self.process.start()
        self.address = self.ready.http.removeprefix("http://")

    def call(
        self, method: str, path: str, body: Any = None, headers: Any = None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return response.status, names, response.read()
        finally:
            connection.close()

    def post(self, path: str, body: Any, headers: Any) -> tuple[int, Any]:
        status, answered, content = self.call("POST", path, body, headers)
        is_json = "json" in answered.get("content-type", "")
        return status, json.loads(content) if is_json else content

    def send(self, event: Any, headers: Any = None) -> tuple[int, Any]:
        headers = headers or {"content-type": "application/cloudevents+json"}
        return self.post("/v1/milestones", json.dumps(event).encode(), headers)

    def export(self, body: bytes, signal: Signal = Signal.TRACES, **options: Any) -> bytes:
        sizes = [("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(self.ready.grpc, options=sizes) as channel:
            call = channel.unary_unary(f"/{SERVICES[signal]}/Export")
            answer: bytes = call(body, timeout=30, **options)
            return answer

    def pending(self, which: Signal) -> int:
        waiting = pending_of(self.settings.spool_path).get(which)
        return waiting.items if waiting else 0

    def letters(self) -> list[Any]:
        """All dead letters so far, taken out."""
        spool = Spool(self.settings.spool_path)
        found = []
        while segment := spool.next_segment(Signal.DEAD_LETTERS, max_items=100, max_bytes=1 << 30):
            found += [decode_letter(record.payload) for record in spool.read(segment)]
            spool.finish(segment)
        spool.close()
        return found
