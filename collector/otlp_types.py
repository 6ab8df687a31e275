"""Message types that read OTLP requests without following nested attribute values. Pure.

An attribute value may nest without end, and reading it costs a level of recursion each time. The
store's reader follows one level. Two variants of every request's type stop there too:

- `shallow` does not know what lies deeper. To it, that is an unknown field; reading it costs
  nothing, and whether there was any shows in the size.
- `raw` keeps what lies deeper as bytes, to be looked into step by step, however deep it goes.

Both read and write the wire format of the real types.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

_FILES = (
    common_pb2,
    resource_pb2,
    trace_pb2,
    logs_pb2,
    metrics_pb2,
    trace_service_pb2,
    logs_service_pb2,
    metrics_service_pb2,
)
_CONTAINERS = ("array_value", "kvlist_value")


class _Types:
    """The message types of one variant."""

    def __init__(self, *, keep_nested: bool) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        for module in _FILES:
            file = descriptor_pb2.FileDescriptorProto()
            module.DESCRIPTOR.CopyToProto(file)
            if module is common_pb2:
                _stop_recursion(file, keep_nested=keep_nested)
            self._pool.Add(file)

    def like(self, message: Any) -> Any:
        """This variant of a message type."""
        found = self._pool.FindMessageTypeByName(message.DESCRIPTOR.full_name)
        return message_factory.GetMessageClass(found)


def _stop_recursion(file: descriptor_pb2.FileDescriptorProto, *, keep_nested: bool) -> None:
    """Give lists and maps members of their own types, in which lists and maps are no messages."""
    messages = {message.name: message for message in file.message_type}
    inner, pair = file.message_type.add(), file.message_type.add()
    inner.CopyFrom(messages["AnyValue"])
    pair.CopyFrom(messages["KeyValue"])
    inner.name, pair.name = "InnerValue", "InnerPair"
    _replace_containers(inner, keep_nested=keep_nested)
    for holder, item in (("ArrayValue", inner.name), ("KeyValueList", pair.name)):
        messages[holder].field[0].type_name = f".{file.package}.{item}"
    for field in pair.field:
        if field.name == "value":
            field.type_name = f".{file.package}.{inner.name}"


def _replace_containers(inner: DescriptorProto, *, keep_nested: bool) -> None:
    for place in reversed(range(len(inner.field))):
        field = inner.field[place]
        if field.name not in _CONTAINERS:
            continue
        if keep_nested:
            field.type = FieldDescriptorProto.TYPE_BYTES
            field.ClearField("type_name")
        else:
            del inner.field[place]


_shallow_types = _Types(keep_nested=False)
_raw_types = _Types(keep_nested=True)

shallow = _shallow_types.like
raw = _raw_types.like
