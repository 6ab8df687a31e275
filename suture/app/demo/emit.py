"""The network's connections to the platform: who sends what through which door."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
from opentelemetry.sdk.trace import ReadableSpan

from suture.access.pinned import Pinned
from suture.app.demo.cloudevents_http import Mode, batch, binary, structured
from suture.app.demo.lanes import Lane, Later, Request, Taken, Tally, wait_until_drained
from suture.app.demo.network import SERVICES
from suture.app.demo.otlp import Export, Forge, exporter_for
from suture.app.demo.signals import EventOut, SpanOut

SPANS_PER_REQUEST = 1000
EVENTS_PER_BATCH = 250

_TEMPORARY = (429, 502, 503, 504)
_GRACE_S = 3.0

MODES: Mapping[str, Mode] = {
    "erp": "batch",
    "middleware": "batch",
    "supplier-network": "binary",
    "clinical-support": "structured",
    "perioperative": "structured",
    "workforce": "structured",
}
"""How each system sends its events when it sends them one by one as they happen."""


class Emitter:
    """Sends spans and events; what is not a full batch yet waits for `flush`."""

    def __init__(
        self,
        *,
        ingest: str,
        grpc: str,
        api_key: str | None,
        stop: threading.Event,
        pinned: Pinned | None = None,
    ) -> None:
        """Prepare all doors; nothing is sent before there is something to send.

        With `pinned` they speak TLS, and no other certificate is trusted.
        """
        self._stop = stop
        self._forges = {name: Forge(service) for name, service in SERVICES.items()}
        self._exporters = {
            name: exporter_for(service, ingest=ingest, grpc=grpc, api_key=api_key, pinned=pinned)
            for name, service in SERVICES.items()
        }
        self._spans: dict[str, list[ReadableSpan]] = {name: [] for name in SERVICES}
        self._outbox: list[Mapping[str, Any]] = []
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx2.Client(
            base_url=ingest.rstrip("/"),
            headers=headers,
            timeout=30,
            trust_env=False,
            verify=pinned.context() if pinned else True,
        )
        self._otlp = {"grpc": Lane("otlp-grpc", stop), "http": Lane("otlp-http", stop)}
        self._events = Lane("events", stop)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """All lanes: OTLP over gRPC, OTLP over HTTP, events."""
        return (*self._otlp.values(), self._events)

    @property
    def span_tally(self) -> Tally:
        """What became of the spans so far."""
        return _sum([lane.tally for lane in self._otlp.values()])

    @property
    def event_tally(self) -> Tally:
        """What became of the events so far."""
        return self._events.tally

    def span(self, planned: SpanOut) -> None:
        """Send a span, with others of its service."""
        waiting = self._spans[planned.service]
        waiting.append(self._forges[planned.service].make(planned))
        if len(waiting) >= SPANS_PER_REQUEST:
            self._export(planned.service)

    def event(self, out: EventOut, *, in_order: bool = False) -> None:
        """Send an event in its system's own mode; `in_order` ones wait for no fuller batch."""
        mode = MODES[out.system]
        if mode == "batch" and in_order:
            self.batch([out])
            return
        if mode == "batch":
            self._outbox.append(out.event)
            return
        headers, body = binary(out.event) if mode == "binary" else structured(out.event)
        self._events.put(Request(attempt=self._post(headers, body, 1), items=1))

    def batch(self, events: Sequence[EventOut]) -> None:
        """Send these events together in one request."""
        headers, body = batch([out.event for out in events])
        attempt = self._post(headers, body, len(events))
        self._events.put(Request(attempt=attempt, items=len(events)))

    def flush(self) -> None:
        """Hand over everything that still waits to be part of a batch."""
        for service, spans in self._spans.items():
            if spans:
                self._export(service)
        if self._outbox:
            headers, body = batch(self._outbox)
            count = len(self._outbox)
            self._outbox = []
            self._events.put(Request(attempt=self._post(headers, body, count), items=count))

    def wait(self) -> bool:
        """Wait until the platform has taken everything; False if told to stop meanwhile."""
        return wait_until_drained(self.lanes, self._stop)

    def close(self, *, grace_seconds: float = _GRACE_S) -> None:
        """Give what is on its way a last chance, then let go of everything."""
        wait_until_drained(self.lanes, self._stop, deadline=time.monotonic() + grace_seconds)
        for lane in self.lanes:
            lane.abandon()
        for exporter in self._exporters.values():
            exporter.shutdown()
        self._client.close()
        for lane in self.lanes:
            lane.join(1.0)

    def _export(self, service: str) -> None:
        spans, self._spans[service] = self._spans[service], []
        lane = self._otlp[SERVICES[service].door]
        lane.put(Export(self._exporters[service], spans).request())

    def _post(
        self, headers: Mapping[str, str], body: bytes, count: int
    ) -> Callable[[], Taken | Later]:
        def attempt() -> Taken | Later:
            try:
                response = self._client.post("/v1/milestones", headers=headers, content=body)
            except (httpx2.TransportError, RuntimeError) as error:
                # A client closed under a waiting lane raises RuntimeError; the lane ends then.
                return Later(reason=repr(error))
            return _judge(response, count)

        return attempt


def _judge(response: httpx2.Response, count: int) -> Taken | Later:
    """What an answer of the event door means."""
    if response.status_code == 202:
        return Taken()
    if response.status_code in _TEMPORARY:
        return Later(
            after_seconds=retry_after(response.headers.get("retry-after"), now=time.time()),
            reason=f"{response.status_code}",
        )
    if response.status_code == 207:
        rejected = response.json()["rejected"]
        return Taken(refused=len(rejected), reason=str(rejected[:3]))
    return Taken(refused=count, reason=f"{response.status_code} {response.text[:300]}")


def retry_after(value: str | None, *, now: float) -> float | None:
    """Seconds to wait by a `Retry-After` header: a number or an HTTP date; None if neither."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        when: datetime = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, when.timestamp() - now)


def _sum(tallies: Sequence[Tally]) -> Tally:
    return Tally(
        delivered=sum(tally.delivered for tally in tallies),
        refused=sum(tally.refused for tally in tallies),
        given_up=sum(tally.given_up for tally in tallies),
        retries=sum(tally.retries for tally in tallies),
    )
