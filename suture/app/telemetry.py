"""The platform observes itself: its own spans and metrics, by the OpenTelemetry SDK.

Nothing is exported unless an endpoint is configured. `self` means the platform's own door, so that
its ticks and loads can be looked at like any other service's; they carry an environment of their
own and never count as business.
"""

from collections.abc import Callable
from datetime import datetime

import requests
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from suture import __version__

OWN_ENVIRONMENT = "suture"
"""The deployment environment of the platform's own telemetry."""

SELF = "self"


class Telemetry:
    """The platform's tracer and meter; a no-op unless `endpoint` says where to send."""

    def __init__(
        self,
        endpoint: str | None,
        *,
        own_door: str = "",
        own_key: str | None = None,
        own_session: requests.Session | None = None,
    ) -> None:
        """`endpoint` is an OTLP/HTTP base URL, or 'self' for `own_door`, or None for nothing.

        `own_key` and `own_session` are for the own door: what opens it, and what trusts it.
        """
        resource = Resource.create(
            {
                "service.name": "suture",
                "service.version": __version__,
                "deployment.environment.name": OWN_ENVIRONMENT,
            }
        )
        self._spans = TracerProvider(resource=resource)
        readers = []
        if endpoint is not None:
            base = own_door if endpoint == SELF else endpoint.rstrip("/")
            own = endpoint == SELF
            headers = {"Authorization": f"Bearer {own_key}"} if own_key and own else {}
            exporter = OTLPSpanExporter(
                endpoint=f"{base}/v1/traces",
                headers=headers,
                session=own_session if own else None,
            )
            self._spans.add_span_processor(BatchSpanProcessor(exporter))
            if endpoint != SELF:
                # The platform's own door takes traces; metrics go where metrics are kept.
                exported = OTLPMetricExporter(endpoint=f"{base}/v1/metrics", headers=headers)
                readers.append(PeriodicExportingMetricReader(exported))
        self._metrics = MeterProvider(resource=resource, metric_readers=readers)
        self._enabled = endpoint is not None
        self._tracer = self._spans.get_tracer("suture", __version__)
        self._durations = self._metrics.get_meter("suture", __version__).create_histogram(
            "suture.tick.duration", unit="s", description="How long a stage's tick took."
        )

    @property
    def tracer(self) -> trace.Tracer:
        """For spans around what the platform does."""
        return self._tracer

    @property
    def meter(self) -> metrics.Meter:
        """For what the platform counts."""
        return self._metrics.get_meter("suture", __version__)

    def traced(self, name: str, work: Callable[[], bool]) -> Callable[[datetime], object]:
        """A step of the schedule that runs `work` inside a span."""

        def run(now: datetime) -> object:
            with self._tracer.start_as_current_span(f"{name} tick") as span:
                span.set_attribute("suture.stage", name)
                more = work()
                span.set_attribute("suture.more_waiting", more)
                return more

        return run

    def observe(self, stage: str, seconds: float, error: BaseException | None) -> None:
        """Record how long a tick took, and whether it failed."""
        outcome = type(error).__name__ if error is not None else "ok"
        self._durations.record(seconds, {"suture.stage": stage, "suture.outcome": outcome})

    def close(self) -> None:
        """Send what is left and stop."""
        if self._enabled:
            self._spans.shutdown()
            self._metrics.shutdown()
