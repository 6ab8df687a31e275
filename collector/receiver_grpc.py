"""The gRPC door: OTLP's TraceService.

Requests arrive as bytes and are read by the same code as those over HTTP. gRPC itself decompresses
messages, and bounds them while it does; it does not say how large a message was before, so one
limit counts here, that for decompressed bodies. What is worth repeating carries `RetryInfo`, as
OTLP asks.
"""

from collections.abc import Sequence
from typing import Any

import grpc
import structlog
from google.protobuf.any_pb2 import Any as PackedAny
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from collector.failures import RESOURCE_EXHAUSTED, Failure, failure_of
from collector.intake import Intake
from collector.receiver_http import trace_response
from suture.errors import InstallationError, SutureError

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"

_log = structlog.get_logger(__name__)
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class TraceDoor:
    """Answers `TraceService/Export`."""

    def __init__(self, intake: Intake) -> None:
        """Hand requests to `intake`."""
        self._intake = intake

    async def export(self, body: bytes, context: Any) -> bytes:
        """Take one request in; aborts the call with OTLP's codes where that fails."""
        try:
            with self._intake.metrics.request("otlp_grpc"), self._intake.holding() as hold:
                self._intake.require_key(_metadata(context, "authorization"))
                hold(len(body))
                checked = await self._intake.take_traces(body, is_json=False)
        except SutureError as error:
            failure = failure_of(error)
            await context.abort_with_status(_RpcStatus(failure))
            raise
        return trace_response(checked)


def make_server(intake: Intake) -> Any:
    """A server with the trace service, without a port."""
    server = grpc.aio.server(
        options=(
            ("grpc.max_receive_message_length", intake.limits.max_decompressed_bytes),
            # Without this a second receiver would share the port silently.
            ("grpc.so_reuseport", 0),
        )
    )
    handler = grpc.unary_unary_rpc_method_handler(TraceDoor(intake).export)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {"Export": handler}),)
    )
    return server


def bind(server: Any, host: str, port: int) -> int:
    """Listen on a port, 0 for any, and return it; raises InstallationError if it is taken."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = int(server.add_insecure_port(address))
    except RuntimeError as error:
        raise InstallationError(f"cannot listen on {address} for OTLP/gRPC: {error}") from error
    if bound == 0:
        raise InstallationError(f"cannot listen on {address} for OTLP/gRPC")
    return bound


class _RpcStatus(grpc.Status):  # type: ignore[misc]
    """A failure as gRPC sends it: code, message, and the details as trailing metadata."""

    def __init__(self, failure: Failure) -> None:
        code = RESOURCE_EXHAUSTED if failure.status == 413 else failure.code
        self.code = _CODES[code]
        self.details = failure.message
        self.trailing_metadata: Sequence[tuple[str, bytes]] = ()
        if failure.retry_after_seconds is not None:
            status = Status(code=code, message=failure.message)
            delay = Duration()
            delay.FromNanoseconds(int(failure.retry_after_seconds * 1e9))
            packed = PackedAny()
            packed.Pack(RetryInfo(retry_delay=delay))
            status.details.append(packed)
            self.trailing_metadata = (("grpc-status-details-bin", status.SerializeToString()),)


def _metadata(context: Any, name: str) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == name:
            return value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return ""
