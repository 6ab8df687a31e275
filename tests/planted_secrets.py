"""Secrets for every field in which text can ride, distinct, so that each can be looked for.

What OTLP has for fields is read from its descriptors: one that is added later is planted too.
"""

import base64
import re
import time
from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

PATTERN = r"SEC-[a-z]+-\d{6}-RET"
FieldDescriptor = Any
"""The descriptors of either implementation of Protobuf."""
_IDS = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
_DEEPEST = 2
"""How deep values are nested: deeper than the store's reader unrolls."""
_WHOLE = {
    descriptor.FieldDescriptor.CPPTYPE_INT32,
    descriptor.FieldDescriptor.CPPTYPE_INT64,
    descriptor.FieldDescriptor.CPPTYPE_UINT32,
    descriptor.FieldDescriptor.CPPTYPE_UINT64,
    descriptor.FieldDescriptor.CPPTYPE_ENUM,
}


class Planter:
    """Makes secrets, and remembers where each was planted."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}

    def secret(self, kind: str, place: str) -> str:
        """A secret of a kind (small letters), planted at `place`."""
        made = f"SEC-{kind}-{len(self.places):06d}-RET"
        self.places[made] = f"{kind}: {place}"
        return made

    def fill(self, message: Message, kind: str, path: str = "", depth: int = 0) -> Message:
        """Plant in every field of a message, and in every member of a union that may repeat."""
        for field in message.DESCRIPTOR.fields:
            if field.containing_oneof is None:
                self._fill_field(message, field, kind, f"{path}.{field.name}", depth)
        for union in message.DESCRIPTOR.oneofs:
            # Where messages repeat, `_variants` made one for each member.
            if message.WhichOneof(union.name) is None:
                self._fill_field(message, union.fields[0], kind, f"{path}.{union.name}", depth)
        return message

    def _fill_field(
        self, message: Message, field: FieldDescriptor, kind: str, path: str, depth: int
    ) -> None:
        if field.cpp_type == descriptor.FieldDescriptor.CPPTYPE_MESSAGE:
            self._fill_message(message, field, kind, path, depth)
            return
        value: Any = True
        if field.type == descriptor.FieldDescriptor.TYPE_STRING:
            value = self.secret(kind, path)
        elif field.type == descriptor.FieldDescriptor.TYPE_BYTES:
            size = _IDS.get(field.name)
            value = bytes([7]) * size if size else self.secret(kind, path).encode()
        elif field.cpp_type in _WHOLE:
            value = time.time_ns() if field.name.endswith("unix_nano") else 1
        elif field.cpp_type != descriptor.FieldDescriptor.CPPTYPE_BOOL:
            value = 1.0
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)

    def _fill_message(
        self, message: Message, field: FieldDescriptor, kind: str, path: str, depth: int
    ) -> None:
        if not field.is_repeated:
            child = getattr(message, field.name)
            child.SetInParent()
            members = list(_members(child, depth))
            if members:
                self._choose(child, members[0], kind, path, depth)
            self.fill(child, kind, path, depth)
            return
        repeated = getattr(message, field.name)
        sample = repeated.add()
        holder = sample.value if sample.DESCRIPTOR.name == "KeyValue" else sample
        kinds: list[FieldDescriptor | None] = list(_members(holder, depth)) or [None]
        del repeated[:]
        for member in kinds:
            item = repeated.add()
            if member is not None:
                inner = item.value if item.DESCRIPTOR.name == "KeyValue" else item
                self._choose(inner, member, kind, f"{path}.{member.name}", depth)
            self.fill(item, kind, path, depth)

    def _choose(
        self, message: Message, member: FieldDescriptor, kind: str, path: str, depth: int
    ) -> None:
        deeper = depth + (message.DESCRIPTOR.name == "AnyValue")
        self._fill_field(message, member, kind, path, deeper)


def _members(message: Message, depth: int) -> Iterator[FieldDescriptor]:
    """The members of a message's union, as far as values may still nest."""
    for union in message.DESCRIPTOR.oneofs:
        for member in union.fields:
            nests = message.DESCRIPTOR.name == "AnyValue" and member.message_type is not None
            if not (nests and depth >= _DEEPEST):
                yield member


def otlp_json(message: Message) -> Any:
    """A message as OTLP/JSON, in which ids are hexadecimal."""

    def respelled(value: Any) -> Any:
        if isinstance(value, list):
            return [respelled(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: base64.b64decode(item).hex()
            if key in ("traceId", "spanId", "parentSpanId")
            else respelled(item)
            for key, item in value.items()
        }

    return respelled(MessageToDict(message, use_integers_for_enums=True))


def found_in(text: bytes) -> set[str]:
    """The secrets that stand in a text, plainly, as base64, or in hexadecimal digits."""
    found = {match.decode() for match in re.findall(PATTERN.encode(), text)}
    for token in re.findall(rb"[A-Za-z0-9+/]{16,}={0,2}", text):
        for decode in (_base64, _hexadecimal):
            found |= {match.decode() for match in re.findall(PATTERN.encode(), decode(token))}
    return found


def _base64(token: bytes) -> bytes:
    text = token.rstrip(b"=")
    return base64.b64decode(text + b"=" * (-len(text) % 4)) if len(text) % 4 != 1 else b""


def _hexadecimal(token: bytes) -> bytes:
    is_hex = len(token) % 2 == 0 and re.fullmatch(rb"[0-9a-fA-F]+", token)
    return bytes.fromhex(token.decode()) if is_hex else b""
