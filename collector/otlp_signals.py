"""The OTLP signals: where each is sent, what its messages are called, how it counts. Pure."""

from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from suture.contracts.trace import Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpSignal:
    """One OTLP signal.

    `path` is its HTTP door, `service` its gRPC service, `request` and `response` are the protobuf
    message types. `items` says what its parts are called, in words; `rejected_field` is where the
    partial success counts those that were refused.
    """

    signal: Signal
    path: str
    service: str
    request: Any
    response: Any
    items: str
    rejected_field: str


TRACES = OtlpSignal(
    signal=Signal.TRACES,
    path="/v1/traces",
    service="opentelemetry.proto.collector.trace.v1.TraceService",
    request=trace_service_pb2.ExportTraceServiceRequest,
    response=trace_service_pb2.ExportTraceServiceResponse,
    items="spans",
    rejected_field="rejected_spans",
)
LOGS = OtlpSignal(
    signal=Signal.LOGS,
    path="/v1/logs",
    service="opentelemetry.proto.collector.logs.v1.LogsService",
    request=logs_service_pb2.ExportLogsServiceRequest,
    response=logs_service_pb2.ExportLogsServiceResponse,
    items="log records",
    rejected_field="rejected_log_records",
)
METRICS = OtlpSignal(
    signal=Signal.METRICS,
    path="/v1/metrics",
    service="opentelemetry.proto.collector.metrics.v1.MetricsService",
    request=metrics_service_pb2.ExportMetricsServiceRequest,
    response=metrics_service_pb2.ExportMetricsServiceResponse,
    items="data points",
    rejected_field="rejected_data_points",
)
OTLP_SIGNALS = (TRACES, LOGS, METRICS)
