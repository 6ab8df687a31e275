"""Producers for tests of durability: they never repeat themselves, and remember every answer."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PROTOBUF = "application/x-protobuf"
BATCH = "application/cloudevents-batch+json"
KINDS = ("spans", "milestones", "logs", "points")


@dataclass(kw_only=True)
class Ledger:
    """Of one kind of item, what was sent and what of it was acknowledged, by unique content."""

    sent: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)

    @staticmethod
    def together(ledgers: Iterable["Ledger"]) -> "Ledger":
        whole = Ledger()
        for ledger in ledgers:
            whole.sent |= ledger.sent
            whole.acknowledged |= ledger.acknowledged
        return whole


def reserve_port() -> socket.socket:
    """A port of this machine that nobody is given by chance for as long as the socket is open.

    A server may listen on it and be killed any number of times: in between nobody else's server
    comes to stand there and answers in its place.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


class Producer(threading.Thread):
    """Sends spans, milestones, logs and points in turns, to `address`, until `done`.

    `pause` is what it waits between two requests, in seconds.
    """

    def __init__(self, number: int, *, address: str = "", pause: float = 0.08) -> None:
        super().__init__(name=f"producer-{number}")
        self.number = number
        self.address = address
        self.pause = pause
        self.done = threading.Event()
        self.ledgers = {kind: Ledger() for kind in KINDS}
        self.refused = 0
        self._count = 0
        self._resting = threading.Event()
        self._sending = threading.Lock()

    def run(self) -> None:
        while not self.done.wait(self.pause):
            with self._sending:
                if not self._resting.is_set():
                    kind = KINDS[self._count % len(KINDS)]
                    self._count += 1
                    getattr(self, f"_send_{kind}")(self.ledgers[kind])

    def rest(self, *, patience_seconds: float) -> None:
        """Send nothing from now on until `resume`; done once nothing is under way any more.

        Raises TimeoutError when a request is not over in time.
        """
        self._resting.set()
        if not self._sending.acquire(timeout=patience_seconds):
            raise TimeoutError(f"{self.name} waits for an answer")
        self._sending.release()

    def resume(self) -> None:
        """Send again."""
        self._resting.clear()

    def _send_spans(self, ledger: Ledger) -> None:
        request = ExportTraceServiceRequest()
        scope = request.resource_spans.add().scope_spans.add()
        ids = []
        for n in range(7):
            span = scope.spans.add(name="work", start_time_unix_nano=time.time_ns())
            span.trace_id = self.number.to_bytes(8, "big") + self._count.to_bytes(8, "big")
            span.span_id = (n + 1).to_bytes(8, "big")
            ids.append(f"{span.trace_id.hex()}:{span.span_id.hex()}")
            if n == 0:
                span.attributes.add(key="business.milestone").value.string_value = "sent"
                span.attributes.add(key="business.object.order").value.string_value = "P"
        self._post(ledger, ids, "/v1/traces", request.SerializeToString(), PROTOBUF)

    def _send_milestones(self, ledger: Ledger) -> None:
        ids = self._ids(3)
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
        self._post(ledger, ids, "/v1/milestones", json.dumps(batch).encode(), BATCH)

    def _send_logs(self, ledger: Ledger) -> None:
        request = ExportLogsServiceRequest()
        scope = request.resource_logs.add().scope_logs.add()
        ids = self._ids(5)
        for id_ in ids:
            scope.log_records.add(time_unix_nano=time.time_ns()).body.string_value = id_
        self._post(ledger, ids, "/v1/logs", request.SerializeToString(), PROTOBUF)

    def _send_points(self, ledger: Ledger) -> None:
        request = ExportMetricsServiceRequest()
        metrics = request.resource_metrics.add().scope_metrics.add().metrics
        ids = self._ids(4)
        gauge, total = metrics.add(name="level").gauge, metrics.add(name="total").sum
        for n, id_ in enumerate(ids):
            point = (gauge if n % 2 else total).data_points.add(time_unix_nano=time.time_ns())
            point.as_int = n
            point.attributes.add(key="id").value.string_value = id_
        self._post(ledger, ids, "/v1/metrics", request.SerializeToString(), PROTOBUF)

    def _ids(self, count: int) -> list[str]:
        return [f"{self.number}-{self._count}-{n}" for n in range(count)]

    def _post(
        self, ledger: Ledger, ids: list[str], path: str, body: bytes, content_type: str
    ) -> None:
        ledger.sent.update(ids)
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            connection.request("POST", path, body, {"content-type": content_type})
            response = connection.getresponse()
            # An answer to OTLP that says anything says what of it was not taken.
            taken = response.status == 202 or (response.status == 200 and not response.read())
        except (OSError, http.client.HTTPException):
            return  # nobody there, or gone before an answer
        finally:
            connection.close()
        if taken:
            ledger.acknowledged.update(ids)
        else:
            self.refused += 1
