"""Message types that read OTLP requests without following nested attribute values. Pure.

An attribute value may nest without end, and reading it costs a level of recursion each time. The
store's reader follows one level. Two variants of every request's type stop there too:

- `shallow` does not know what lies deeper. To it, that is an unknown field; reading it costs
  nothing, and whether there was any shows in the size.
- `raw` keeps what lies deeper as bytes, to be looked into step by step, however deep it goes.

Both read and write the wire format of the real types. `counted`, a third, keeps spans, log records
and points as bytes: it is for counting them, since each takes a hundred bytes and more once it is
read, and as few as two before.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
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
_ITEMS = frozenset({"spans", "log_records", "data_points"})


class _Types:
    """The message types of one variant, which `change` makes of the real ones, file by file."""

    def __init__(self, change: Callable[[FileDescriptorProto], None]) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        for module in _FILES:
            file = FileDescriptorProto()
            module.DESCRIPTOR.CopyToProto(file)
            change(file)
            self._pool.Add(file)

    def like(self, message: Any) -> Any:
        """This variant of a message type."""
        found = self._pool.FindMessageTypeByName(message.DESCRIPTOR.full_name)
        return message_factory.GetMessageClass(found)


def _stop_recursion(file: FileDescriptorProto, *, keep_nested: bool) -> None:
    """Give lists and maps members of their own types, in which lists and maps are no messages."""
    if file.name != common_pb2.DESCRIPTOR.name:
        return
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
            _keep_as_bytes(field)
        else:
            del inner.field[place]


def _keep_items(file: FileDescriptorProto) -> None:
    for message in file.message_type:
        for field in message.field:
            if field.name in _ITEMS:
                _keep_as_bytes(field)


def _keep_as_bytes(field: FieldDescriptorProto) -> None:
    field.type = FieldDescriptorProto.TYPE_BYTES
    field.ClearField("type_name")


shallow = _Types(partial(_stop_recursion, keep_nested=False)).like
raw = _Types(partial(_stop_recursion, keep_nested=True)).like
counted = _Types(_keep_items).like
