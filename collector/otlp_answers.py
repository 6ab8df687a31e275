"""What an OTLP producer is told: success, partial success, or an error, in its own encoding. Pure.

A partial success says how many items were refused and why. With none refused, its message is a
remark that asks for nothing.
"""

import msgspec
from google.protobuf.any_pb2 import Any as PackedAny
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from collector.failures import Failure
from collector.otlp import CheckedRequest
from collector.otlp_signals import OtlpSignal

_json = msgspec.json.Encoder().encode


def success(kind: OtlpSignal, checked: CheckedRequest) -> bytes:
    """The answer to a request that was taken, in protobuf."""
    response = kind.response()
    if checked.message:
        setattr(response.partial_success, kind.rejected_field, checked.rejected)
        response.partial_success.error_message = checked.message
    content: bytes = response.SerializeToString()
    return content


def success_json(kind: OtlpSignal, checked: CheckedRequest) -> bytes:
    """The answer to a request that was taken, in JSON; 64-bit numbers are text there."""
    if not checked.message:
        return b"{}"
    partial = {"errorMessage": checked.message}
    if checked.rejected:
        head, *rest = kind.rejected_field.split("_")
        partial[head + "".join(map(str.title, rest))] = str(checked.rejected)
    return _json({"partialSuccess": partial})


def error(failure: Failure, *, code: int | None = None) -> bytes:
    """A failure as a `google.rpc.Status`; with `RetryInfo` where it is worth trying again."""
    status = Status(code=failure.code if code is None else code, message=failure.message)
    if failure.retry_after_seconds is not None:
        delay = Duration()
        delay.FromNanoseconds(int(failure.retry_after_seconds * 1e9))
        packed = PackedAny()
        packed.Pack(RetryInfo(retry_delay=delay))
        status.details.append(packed)
    content: bytes = status.SerializeToString()
    return content


def error_json(failure: Failure) -> bytes:
    """A failure as a `google.rpc.Status` in JSON."""
    content: dict[str, object] = {"code": failure.code, "message": failure.message}
    if failure.retry_after_seconds is not None:
        detail = {
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": f"{failure.retry_after_seconds:g}s",
        }
        content["details"] = [detail]
    return _json(content)
