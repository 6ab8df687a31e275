"""Whose a record of the spool is, when it turns out bad behind the doors. Pure."""

import msgspec
from google.protobuf.message import DecodeError

from collector.otlp_signals import OTLP_SIGNALS
from suture.contracts.milestone import Milestone
from suture.contracts.trace import Signal
from suture.definitions.ownership import TELEMETRY_SOURCE

SERVICE_NAME = "service.name"

_requests = {kind.signal: kind.request for kind in OTLP_SIGNALS}
_milestones = msgspec.msgpack.Decoder(list[Milestone])


def source_of(signal: Signal, payload: bytes) -> str:
    """The first source in a record: `otel:<service>`, or that of its first milestone.

    Empty where the record cannot be read that far.
    """
    try:
        if signal is Signal.MILESTONES:
            found = _milestones.decode(payload)
            return found[0].source if found else ""
        service = _service(signal, payload) if signal in _requests else ""
    except (msgspec.MsgspecError, ValueError, DecodeError):
        return ""
    return f"{TELEMETRY_SOURCE}{service}" if service else ""


def _service(signal: Signal, payload: bytes) -> str:
    request = _requests[signal].FromString(payload)
    for of_resource in getattr(request, request.DESCRIPTOR.fields[0].name):
        for attribute in of_resource.resource.attributes:
            if attribute.key == SERVICE_NAME and attribute.value.string_value:
                return str(attribute.value.string_value)
    return ""
