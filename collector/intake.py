"""What every door does with a request: check it, make it durable, count it, answer.

Small bodies are checked on the event loop, large ones beside it, so that a large body delays nobody
else's acknowledgement by more than its turn.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from collector.bodies import decompress
from collector.live_contracts import LiveContracts
from collector.milestones import MilestoneReader, Reading
from collector.otlp import CheckedRequest, check_request
from collector.otlp_signals import OtlpSignal
from collector.spool import Entry
from collector.spool_file import pending_of
from collector.spool_writer import SpoolWriter
from suture.access.doorkeeper import Doorkeeper
from suture.clock import Clock
from suture.contracts.access import Caller, Scope
from suture.contracts.trace import Signal
from suture.errors import SpoolFull, SutureError

LARGE_BYTES = 128 * 1024
IN_FLIGHT_BYTES = 512 * 1024 * 1024
"""Bodies held in memory at one time by all requests; beyond it producers are told to wait."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeLimits:
    """Sizes in bytes: of a body, of what it decompresses to, of a request's headers."""

    max_body_bytes: int
    max_decompressed_bytes: int
    max_header_bytes: int = 32 * 1024


class IntakeMetrics:
    """Counters of the receiver, in a registry of their own."""

    def __init__(self, spool_path: Path) -> None:
        """Create the metrics; what is pending is read from the spool when they are collected."""
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "suture_ingest_requests_total",
            "Requests by door and outcome.",
            ["door", "outcome"],
            registry=self.registry,
        )
        self.items = Counter(
            "suture_ingest_items_total",
            "Spans, log records, data points and milestone events taken or refused.",
            ["signal", "outcome"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "suture_ingest_seconds",
            "Time from a request's arrival to its acknowledgement.",
            ["door"],
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
        )
        self._pending = {
            unit: Gauge(
                f"suture_spool_pending_{unit}",
                f"What waits in the spool to be loaded, in {unit}.",
                ["signal"],
                registry=self.registry,
            )
            for unit in ("items", "bytes")
        }
        self._spool_path = spool_path

    def refresh(self) -> None:
        """Read what is pending from the spool."""
        for signal, waiting in pending_of(self._spool_path).items():
            self._pending["items"].labels(signal.value).set(waiting.items)
            self._pending["bytes"].labels(signal.value).set(waiting.bytes)

    @contextmanager
    def request(self, door: str) -> Iterator[None]:
        """Time and count one request."""
        started = time.perf_counter()
        outcome = "error"
        try:
            yield
            outcome = "accepted"
        except SutureError as error:
            outcome = type(error).__name__
            raise
        finally:
            self.requests.labels(door, outcome).inc()
            self.seconds.labels(door).observe(time.perf_counter() - started)


class Intake:
    """The part of the receiver that all doors share."""

    def __init__(
        self,
        writer: SpoolWriter,
        milestones: MilestoneReader | LiveContracts,
        clock: Clock,
        *,
        limits: IntakeLimits,
        metrics: IntakeMetrics,
        access: Doorkeeper,
    ) -> None:
        """Take requests in, from whom `access` lets in."""
        self.limits = limits
        self.metrics = metrics
        self._writer = writer
        self._milestones = milestones
        self._clock = clock
        self._access = access
        self._in_flight = 0
        self._encode = msgspec.msgpack.Encoder().encode

    def require_key(self, authorization: str, needs: Scope = Scope.INGEST) -> Caller:
        """Check an Authorization header; raises AccessDenied, NotPermitted or RateLimited."""
        return self._access.admit(authorization, needs)

    def charge(self, caller: Caller, size: int) -> None:
        """Account for the bytes of a body under the rate of its sender's key."""
        self._access.charge(caller, size)

    @contextmanager
    def holding(self) -> Iterator[Callable[[int], None]]:
        """Account for the memory of one body: call what is given with each size read.

        Raises SpoolFull where all requests together hold too much.
        """
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            held += size
            self._in_flight += size
            if self._in_flight > IN_FLIGHT_BYTES and held < self._in_flight:
                raise SpoolFull("too many large requests at once")

        try:
            yield hold
        finally:
            self._in_flight -= held

    async def unpack(self, body: bytes, encoding: str) -> bytes:
        """Undo a body's content encoding; raises TooLarge or MalformedInput."""
        if not encoding:
            return body
        limit = self.limits.max_decompressed_bytes
        return await _aside(len(body), lambda: decompress(body, max_bytes=limit))

    async def take_otlp(self, kind: OtlpSignal, body: bytes, *, is_json: bool) -> CheckedRequest:
        """Take an OTLP request in; done when it is durable.

        Raises MalformedInput, or Unavailable when it cannot be kept.
        """
        now = self._clock.now()
        checked = await _aside(
            len(body), lambda: check_request(kind, body, now=now, is_json=is_json)
        )
        if checked.items:
            entry = Entry(
                signal=kind.signal, received_at=now, items=checked.items, payload=checked.payload
            )
            await asyncio.wrap_future(self._writer.append([entry]))
        self._count(kind.signal, checked.items, checked.rejected)
        return checked

    async def take_milestones(self, headers: Mapping[str, str], body: bytes) -> Reading:
        """Take milestone events in, and keep the refused ones; done when all is durable.

        Raises UnsupportedMedia, MalformedInput, or Unavailable when they cannot be kept.
        """
        now = self._clock.now()
        reading = await _aside(len(body), lambda: self._milestones.read(headers, body, now=now))
        entries = []
        if reading.accepted:
            payload = self._encode(reading.accepted)
            count = len(reading.accepted)
            entries = [
                Entry(signal=Signal.MILESTONES, received_at=now, items=count, payload=payload)
            ]
        if entries or reading.refusals:
            await asyncio.wrap_future(self._writer.append(entries, reading.refusals))
        self._count(Signal.MILESTONES, len(reading.accepted), len(reading.rejected))
        return reading

    def _count(self, signal: Signal, accepted: int, rejected: int) -> None:
        self.metrics.items.labels(signal.value, "accepted").inc(accepted)
        self.metrics.items.labels(signal.value, "rejected").inc(rejected)


async def _aside(size: int, work: Callable[[], Result]) -> Result:
    return work() if size < LARGE_BYTES else await asyncio.to_thread(work)
