"""The OpenTelemetry SDK for Python as a client: every signal, both transports, into the store."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from doors import Door
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc import (
    _log_exporter as grpc_logs,
)
from opentelemetry.exporter.otlp.proto.grpc import (
    metric_exporter as grpc_metrics,
)
from opentelemetry.exporter.otlp.proto.grpc import (
    trace_exporter as grpc_traces,
)
from opentelemetry.exporter.otlp.proto.http import (
    Compression,
)
from opentelemetry.exporter.otlp.proto.http import (
    _log_exporter as http_logs,
)
from opentelemetry.exporter.otlp.proto.http import (
    metric_exporter as http_metrics,
)
from opentelemetry.exporter.otlp.proto.http import (
    trace_exporter as http_traces,
)
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from collector.loader import Loader
from suture.clock import SystemClock
from suture.definitions.catalog import Catalog
from suture.store.engine import Store

pytestmark = pytest.mark.store

RESOURCE = Resource({"service.name": "sdk", "deployment.environment.name": "staging"})


class Exporters:
    """One exporter per signal, over one transport."""

    def __init__(self, door: Door, transport: str) -> None:
        if transport == "grpc":
            options: dict[str, Any] = {"endpoint": door.ready.grpc, "insecure": True}
            self.traces: Any = grpc_traces.OTLPSpanExporter(**options)
            self.logs: Any = grpc_logs.OTLPLogExporter(**options)
            self.metrics: Any = grpc_metrics.OTLPMetricExporter(**options)
        else:
            url, gzip = door.ready.http, Compression.Gzip
            self.traces = http_traces.OTLPSpanExporter(f"{url}/v1/traces", compression=gzip)
            self.logs = http_logs.OTLPLogExporter(f"{url}/v1/logs", compression=gzip)
            self.metrics = http_metrics.OTLPMetricExporter(f"{url}/v1/metrics", compression=gzip)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    opened = Door(tmp_path)
    yield opened
    opened.process.stop()


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_what_the_sdk_exports_is_in_the_store(store: Store, door: Door, transport: str) -> None:
    exporters = Exporters(door, transport)
    trace_id = use_traces(exporters)
    use_logs(exporters)
    use_metrics(exporters)
    Loader(
        store, door.settings.spool_path, Catalog(), SystemClock(), lambda *parts: parts[-1]
    ).run_once()
    (span,) = store.rows("SELECT * FROM otel_traces")
    assert (span["TraceId"], span["SpanName"], span["ServiceName"]) == (trace_id, "work", "sdk")
    assert span["SpanAttributes"] == {"list": '["a","b"]', "flag": "true", "ratio": "0.5"}
    (log,) = store.rows("SELECT * FROM otel_logs")
    assert (log["Body"], log["SeverityText"], log["SeverityNumber"]) == ("it failed", "ERROR", 17)
    assert log["LogAttributes"]["business.milestone"] == "approved"
    (milestone,) = store.rows("SELECT * FROM milestones")
    assert (milestone["source"], milestone["environment"]) == ("otel:sdk", "staging")
    assert milestone["outcome"] == "failed"
    assert milestone["reason"] == "it failed"
    assert_metrics(store)


def use_traces(exporters: Exporters) -> str:
    """Export a span and return its trace id."""
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(SimpleSpanProcessor(exporters.traces))
    attributes: Mapping[str, Any] = {"list": ["a", "b"], "flag": True, "ratio": 0.5}
    with provider.get_tracer("t").start_as_current_span("work", attributes=attributes) as span:
        trace_id = span.get_span_context().trace_id
    provider.shutdown()
    return f"{trace_id:032x}"


def use_logs(exporters: Exporters) -> None:
    """Export a log record that carries a milestone."""
    provider = LoggerProvider(resource=RESOURCE)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporters.logs))
    attributes = {"business.milestone": "approved", "business.object.order": "P-1"}
    provider.get_logger("l").emit(
        LogRecord(
            severity_number=SeverityNumber.ERROR,
            severity_text="ERROR",
            body="it failed",
            attributes=attributes,
        )
    )
    provider.shutdown()


def use_metrics(exporters: Exporters) -> None:
    """Export metrics of every kind that the SDK has."""
    reader = PeriodicExportingMetricReader(exporters.metrics, export_interval_millis=10**9)
    exponential = View(
        instrument_name="sizes",
        instrument_type=Histogram,
        aggregation=ExponentialBucketHistogramAggregation(),
    )
    provider = MeterProvider([reader], resource=RESOURCE, views=[exponential])
    meter = provider.get_meter("m", "2")
    meter.create_counter("orders", unit="1").add(3, {"site": "west"})
    meter.create_histogram("seconds", unit="s").record(0.25)
    sizes = meter.create_histogram("sizes")
    for size in (1, 2, 4):
        sizes.record(size)
    meter.create_observable_gauge("depth", [lambda options: [Observation(7.5)]])
    provider.shutdown()


def assert_metrics(store: Store) -> None:
    """The metrics that were exported are stored."""
    (row,) = store.rows("SELECT * FROM otel_metrics_sum")
    assert (row["MetricName"], row["Value"], row["IsMonotonic"]) == ("orders", 3.0, True)
    assert (row["Attributes"], row["AggregationTemporality"]) == ({"site": "west"}, 2)
    (row,) = store.rows("SELECT * FROM otel_metrics_gauge")
    assert (row["MetricName"], row["Value"]) == ("depth", 7.5)
    (row,) = store.rows("SELECT * FROM otel_metrics_histogram")
    assert (row["Count"], row["Sum"], sum(row["BucketCounts"])) == (1, 0.25, 1)
    assert len(row["BucketCounts"]) == len(row["ExplicitBounds"]) + 1
    (row,) = store.rows("SELECT * FROM otel_metrics_exponential_histogram")
    assert (row["Count"], row["Sum"], row["Min"], row["Max"]) == (3, 7.0, 1.0, 4.0)
    assert sum(row["PositiveBucketCounts"]) == 3
