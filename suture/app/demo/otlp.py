"""Turns simulated spans into spans of the OpenTelemetry SDK, and those into OTLP requests.

Every service has a tracer provider, a resource and an exporter of its own, as if each ran by
itself; only clocks and ids are dictated, since simulated time decides them.
"""

import time
from collections.abc import Sequence

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcExporter,
)
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpExporter,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.version import __version__ as sdk_version

from suture.access.pinned import Pinned
from suture.app.demo.lanes import Later, Request, Taken
from suture.app.demo.network import ENVIRONMENT, Service
from suture.app.demo.signals import SpanOut
from suture.clock import to_micros

_KINDS = {
    "internal": api.SpanKind.INTERNAL,
    "server": api.SpanKind.SERVER,
    "client": api.SpanKind.CLIENT,
    "producer": api.SpanKind.PRODUCER,
    "consumer": api.SpanKind.CONSUMER,
}
_SAMPLED = api.TraceFlags(api.TraceFlags.SAMPLED)
_TIMEOUT_S = 60.0
"""For one export with the exporter's own retries; long enough to honour a Retry-After."""

_AT_ONCE_S = 0.5
_REFUSALS = 5
"""An exporter that fails at once did not find the answer worth a retry; so often is final."""


class Forge:
    """Makes the spans of one service."""

    def __init__(self, service: Service) -> None:
        """Set up the service's tracer provider; nothing global is touched."""
        self._ids = _DictatedIds()
        self._keeper = _Keeper()
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=_resource(service),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        provider.add_span_processor(self._keeper)
        self._tracer = provider.get_tracer(f"mercy_health.{service.system}", service.version)

    def make(self, planned: SpanOut) -> ReadableSpan:
        """The finished SDK span of a simulated one, with the same ids, times and content."""
        self._ids.trace_id, self._ids.span_id = planned.trace_id, planned.span_id
        span = self._tracer.start_span(
            planned.name,
            context=_parent_context(planned),
            kind=_KINDS[planned.kind],
            attributes=planned.attributes,
            links=[api.Link(_context(trace_id, span_id)) for trace_id, span_id in planned.links],
            start_time=to_micros(planned.start) * 1000,
        )
        for point in planned.points:
            span.add_event(point.name, point.attributes, to_micros(point.at) * 1000)
        if planned.error:
            span.set_status(api.Status(api.StatusCode.ERROR, planned.error))
        span.end(to_micros(planned.end) * 1000)
        return self._keeper.take()


class Export:
    """One batch of one service's spans on its way; a `Request` calls it until it is through."""

    def __init__(self, exporter: SpanExporter, spans: Sequence[ReadableSpan]) -> None:
        """Remember what to send; sending is in `attempt`."""
        self._exporter = exporter
        self._spans = spans
        self._refusals = 0

    def request(self) -> Request:
        """The request for a lane."""
        return Request(attempt=self.attempt, items=len(self._spans))

    def attempt(self) -> Taken | Later:
        """Export once. Exporters tell success from failure only, so timing has to tell the rest."""
        begun = time.monotonic()
        if self._exporter.export(self._spans) is SpanExportResult.SUCCESS:
            return Taken()
        if time.monotonic() - begun < _AT_ONCE_S:
            self._refusals += 1
            if self._refusals >= _REFUSALS:
                return Taken(refused=len(self._spans), reason="the exporter says no")
        return Later(reason="an export failed")


def exporter_for(
    service: Service,
    *,
    ingest: str,
    grpc: str,
    api_key: str | None,
    pinned: Pinned | None = None,
) -> SpanExporter:
    """The service's own OTLP exporter, over the door it uses; with `pinned` over TLS."""
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    if service.door == "grpc":
        credentials, options = pinned.channel(grpc) if pinned else (None, None)
        return GrpcExporter(
            endpoint=grpc,
            insecure=credentials is None,
            credentials=credentials,
            headers=headers or None,
            timeout=_TIMEOUT_S,
            channel_options=options,
        )
    return HttpExporter(
        endpoint=f"{ingest.rstrip('/')}/v1/traces",
        headers=headers,
        timeout=_TIMEOUT_S,
        compression=Compression.Gzip if service.gzip else Compression.NoCompression,
        session=pinned.session() if pinned else None,
    )


class _DictatedIds(IdGenerator):
    """Hands out the ids the simulation has drawn."""

    trace_id = 0
    span_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id


class _Keeper(SpanProcessor):
    """Keeps the span that ended last."""

    def __init__(self) -> None:
        self._ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self._ended.append(span)

    def take(self) -> ReadableSpan:
        return self._ended.pop()


def _resource(service: Service) -> Resource:
    return Resource(
        {
            "service.name": service.name,
            "service.namespace": f"mercy-health.{service.system}",
            "service.version": service.version,
            "service.instance.id": f"{service.name}-0",
            "deployment.environment": ENVIRONMENT,
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": sdk_version,
        }
    )


def _context(trace_id: int, span_id: int, *, remote: bool = True) -> api.SpanContext:
    return api.SpanContext(trace_id, span_id, is_remote=remote, trace_flags=_SAMPLED)


def _parent_context(planned: SpanOut) -> Context:
    if not planned.parent_id:
        return Context()
    parent = _context(planned.trace_id, planned.parent_id, remote=planned.has_remote_parent)
    return api.set_span_in_context(api.NonRecordingSpan(parent), Context())
