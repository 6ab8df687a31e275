"""OTLP/JSON requests as protobuf messages, so that one format lies behind the doors. Pure.

The mapping is OTLP's own: keys in lowerCamelCase (protobuf's snake_case names are taken too), trace
and span ids in hex, 64-bit integers as text or number, enumerations as number or name, other bytes
in base64; unknown keys are ignored. An id that is no hex becomes an invalid id, so that no more
than its item is refused. How messages are built follows from their protobuf types, so every signal
is read by the same code.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from collector.bodies import not_json, require_countable
from collector.otlp_values import MAX_DEPTH
from collector.refusals import quoted
from suture.errors import MalformedInput

_decode = msgspec.json.Decoder().decode

_ANY_VALUE = "opentelemetry.proto.common.v1.AnyValue"
_HEX_FIELDS = frozenset({"trace_id", "span_id", "parent_span_id"})

_INTEGERS: dict[int, tuple[int, int, str]] = {
    type_: (-(2 ** (bits - 1)), 2 ** (bits - 1), f"{bits} bits")
    if signed
    else (0, 2**bits, f"{bits} bits without a sign")
    for type_, bits, signed in (
        (FieldDescriptor.TYPE_INT32, 32, True),
        (FieldDescriptor.TYPE_SINT32, 32, True),
        (FieldDescriptor.TYPE_SFIXED32, 32, True),
        (FieldDescriptor.TYPE_INT64, 64, True),
        (FieldDescriptor.TYPE_SINT64, 64, True),
        (FieldDescriptor.TYPE_SFIXED64, 64, True),
        (FieldDescriptor.TYPE_UINT32, 32, False),
        (FieldDescriptor.TYPE_FIXED32, 32, False),
        (FieldDescriptor.TYPE_UINT64, 64, False),
        (FieldDescriptor.TYPE_FIXED64, 64, False),
    )
}

Convert = Callable[[Any, str], Any]
"""Makes a field's value of JSON content; the text says where that stands."""

Set = Callable[[Any, Any, str, int], None]
"""Sets a field of a message: (message, content, where it stands, depth of nested values)."""


def read_json(request_type: Any, body: bytes) -> Any:
    """The request in an OTLP/JSON body; raises MalformedInput naming the place that is wrong.

    Raises TooLarge where it holds too many values.
    """
    require_countable(body)
    try:
        content = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise not_json(body, error) from error
    except RecursionError as error:
        raise MalformedInput("the body is nested too deeply to be read") from error
    request = request_type()
    _fill(request, content, "", 0)
    return request


def _fill(message: Any, content: Any, path: str, depth: int) -> None:
    fields = _require(content, dict, "an object", path or "the body")
    setters = _setters(message.DESCRIPTOR)
    for key, value in fields.items():
        found = setters.get(key)
        if found is None or value is None:
            continue
        camel, set_field = found
        if key != camel and fields.get(camel) is not None:
            continue
        set_field(message, value, f"{path}.{camel}" if path else camel, depth)


@cache
def _setters(descriptor: Descriptor) -> Mapping[str, tuple[str, Set]]:
    """How each field of a message type is set, by both of its names."""
    found = {}
    for field in descriptor.fields:
        setter = (field.json_name, _setter(field))
        found[field.json_name] = found[field.name] = setter
    return found


def _setter(field: FieldDescriptor) -> Set:
    if field.message_type is not None:
        return _message_list(field.name) if field.is_repeated else _message(field)
    convert = _converter(field)
    return _scalar_list(field.name, convert) if field.is_repeated else _scalar(field.name, convert)


def _message(field: FieldDescriptor) -> Set:
    name = field.name
    owner = field.containing_type
    is_container = owner is not None and owner.full_name == _ANY_VALUE

    def set_field(message: Any, content: Any, path: str, depth: int) -> None:
        child = getattr(message, name)
        child.SetInParent()
        if not is_container:
            # `resource: false` and the like stand for nothing in it.
            _fill(child, content or {}, path, depth)
        elif depth <= MAX_DEPTH:
            # What lies deeper is cut when the request is checked.
            _fill(child, content, path, depth + 1)

    return set_field


def _message_list(name: str) -> Set:
    def set_field(message: Any, content: Any, path: str, depth: int) -> None:
        target = getattr(message, name)
        for place, item in enumerate(_require(content or [], list, "a list", path)):
            _fill(target.add(), item, f"{path}[{place}]", depth)

    return set_field


def _scalar(name: str, convert: Convert) -> Set:
    def set_field(message: Any, content: Any, path: str, depth: int) -> None:
        setattr(message, name, convert(content, path))

    return set_field


def _scalar_list(name: str, convert: Convert) -> Set:
    def set_field(message: Any, content: Any, path: str, depth: int) -> None:
        items = _require(content or [], list, "a list", path)
        values = [convert(item, f"{path}[{place}]") for place, item in enumerate(items)]
        getattr(message, name).extend(values)

    return set_field


# -- values ---------------------------------------------------------------------------------------


def _converter(field: FieldDescriptor) -> Convert:
    if field.enum_type is not None:
        return _enumeration(field.enum_type)
    if field.type in _INTEGERS:
        return _bounded(*_INTEGERS[field.type])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _hex if field.name in _HEX_FIELDS else _base64
    return {
        FieldDescriptor.TYPE_STRING: _text,
        FieldDescriptor.TYPE_BOOL: _boolean,
        FieldDescriptor.TYPE_DOUBLE: _double,
    }[field.type]


def _text(value: Any, path: str) -> str:
    text: str = _require(value, str, "text", path)
    return text


def _boolean(value: Any, path: str) -> bool:
    truth: bool = _require(value, bool, "true or false", path)
    return truth


def _double(value: Any, path: str) -> float:
    try:
        if not isinstance(value, bool):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise MalformedInput(f"{path}: is not a number")


def _base64(value: Any, path: str) -> bytes:
    try:
        return base64.b64decode(_require(value, str, "base64 text", path), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedInput(f"{path}: is not base64") from error


def _hex(value: Any, path: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError):
        return b""


def _bounded(lowest: int, end: int, size: str) -> Convert:
    def convert(value: Any, path: str) -> int:
        number = _integer(value, path)
        if not lowest <= number < end:
            raise MalformedInput(f"{path}: does not fit {size}")
        return number

    return convert


def _enumeration(enum: Any) -> Convert:
    numbers: dict[str, int] = {value.name: value.number for value in enum.values}
    known = ", ".join(numbers)

    def convert(value: Any, path: str) -> int:
        if isinstance(value, str) and not value.lstrip("-").isdigit():
            if value not in numbers:
                raise MalformedInput(f"{path}: {quoted(value)} is not one of {known}")
            return numbers[value]
        number = _integer(value, path)
        if not -(2**31) <= number < 2**31:
            raise MalformedInput(f"{path}: does not fit 32 bits")
        return number

    return convert


def _integer(value: Any, path: str) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise MalformedInput(f"{path}: is not an integer")
    try:
        return int(value)
    except ValueError as error:
        raise MalformedInput(f"{path}: is not an integer") from error


def _require(value: Any, kind: type, what: str, path: str) -> Any:
    if not isinstance(value, kind):
        raise MalformedInput(f"{path}: is not {what}")
    return value
