"""Damaged requests for every door of the collector, each made from a seed and its own number.

A request starts out valid: OTLP of each signal, protobuf or JSON, over HTTP or gRPC; CloudEvents in
each content mode, of the native type and of types with a contract. Then one to three mutations are
applied to its message, its bytes or its headers. Number n of a seed is always the same request.
"""

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from otlp_generator import Maker, as_json

NANOS = 1_790_000_000 * 10**9
PROTOBUF, JSON = "application/x-protobuf", "application/json"
STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
SIGNALS = ("traces", "logs", "metrics")
HUGE = (2**31, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**400, -1)
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 1e308, -0.0, "", " ", "0", "x" * 5000, [], {}, [[]], {"": None},
    "\x00", "\ud83d\ude91", "\u202e\ufeff", "e\u0301" * 50, "🚑" * 300, "NaN", "١٢٣", "²",
    "2026-02-30T00:00:00Z", "9999-12-31T23:59:60Z", "2026-11-20T11:00:00+99:99", "%ff", "[::",
    *HUGE, *(str(number) for number in HUGE),
)  # fmt: skip
LARGEST = 1 << 19
"""Bytes of a body: what is larger may take longer than one is allowed to."""
DEEPEST = 20_000
VARINT = b"\xff" * 9 + b"\x01"
HEADERS = (
    ("content-type", ""), ("content-type", "application/json; charset=utf-16"),
    ("content-type", "application/cloudevents+avro"), ("content-type", "text/plain;;;=;charset"),
    ("content-type", PROTOBUF), ("content-type", JSON), ("content-type", STRUCTURED),
    ("content-type", BATCHED), ("content-encoding", "gzip"), ("content-encoding", "br"),
    ("content-encoding", "gzip, gzip"), ("content-encoding", "\xff"), ("authorization", "Bearer"),
    ("authorization", "Basic \xff\xfe"), ("accept", "\x7f"), ("expect", "100-continue"),
    ("ce-id", "%"), ("ce-id", "%zz%ff%00"), ("ce-id", '"\\"'), ("ce-", "x"), ("ce-data", "x"),
    ("ce-ünï", "grün"), ("ce-time", "now"), ("ce-specversion", "0.3"), ("ce-source", "\xff"),
    ("ce-dataversion", "9" * 300), ("ce-traceparent", "00-0-0-0"), ("x-long", "y" * 9000),
    ("upgrade", "websocket"), ("connection", "upgrade"), ("transfer-encoding", "chunked, x"),
    ("content-length", "-1"), ("content-length", "9" * 40), ("content-length", "1"),
)  # fmt: skip


@dataclass(kw_only=True)
class Input:
    """One request. Where `is_framed` does not hold, its head may be damaged: then the server cannot
    know where it ends, and may hang up instead of answering."""

    number: int
    over_grpc: bool
    signal: str
    method: str = "POST"
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    is_framed: bool = True
    mutations: list[str] = field(default_factory=list)


class Fuzzer:
    """The requests of a seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        maker = Maker(seed, NANOS)
        self._requests = {
            signal: [_small(getattr(maker, signal)(1)) for _ in range(24)] for signal in SIGNALS
        }

    def input(self, number: int) -> Input:
        """Request `number`."""
        random = Random(f"{self._seed}:{number}")
        is_otlp = random.random() < 0.6
        made = self._otlp(number, random) if is_otlp else _event(number, random)
        for _ in range(random.choice((0, 0, 1, 1, 2))):
            mutate = random.choice(ON_BYTES)
            made.body = mutate(random, made.body)
            made.mutations.append(mutate.__name__)
        made.body = made.body[:LARGEST]
        if random.random() < 0.1:
            made.body = _packed(random, made)
        if random.random() < 0.25:
            _mutate_head(random, made)
        return made

    def _otlp(self, number: int, random: Random) -> Input:
        signal = random.choice(SIGNALS)
        request = random.choice(self._requests[signal])
        made = Input(
            number=number,
            over_grpc=random.random() < 0.3,
            signal=signal,
            path=f"/v1/{signal}",
            headers=[],
            body=b"",
        )
        if made.over_grpc or random.random() < 0.5:
            made.headers.append(("content-type", PROTOBUF))
            made.body = _protobuf(random, request, made.mutations)
        else:
            made.headers.append(("content-type", JSON))
            content = json.loads(as_json(request))
            made.body = _dump(random, _shaken(random, content, made.mutations))
        return made


def _small(request: Any) -> Any:
    """Few items are enough, and quick."""
    for name in ("resource_spans", "resource_logs", "resource_metrics"):
        if hasattr(request, name):
            del getattr(request, name)[2:]
    return request


# -- protobuf -------------------------------------------------------------------------------------


def _protobuf(random: Random, request: Any, mutations: list[str]) -> bytes:
    if random.random() < 0.5:
        return bytes(request.SerializeToString())
    changed = type(request)()
    changed.CopyFrom(request)
    for _ in range(random.randrange(1, 6)):
        _shake_message(random, changed)
    mutations.append("fields")
    if random.random() < 0.3:
        mutations.append("nesting")
        return bytes(changed.SerializeToString()) + _nested(random)
    return bytes(changed.SerializeToString())


def _shake_message(random: Random, message: Any) -> None:
    """Give a random field somewhere in a message an extreme value, or copy or drop an item."""
    while True:
        chosen = random.choice(message.DESCRIPTOR.fields)
        value = getattr(message, chosen.name)
        if chosen.is_repeated:
            if not len(value):
                return
            if random.random() < 0.2:
                value.extend([value[0]] * random.choice((1, 50)))
            elif random.random() < 0.1:
                del value[0]
            elif chosen.message_type is not None:
                message = random.choice(value)
                continue
            return
        if chosen.message_type is None:
            setattr(message, chosen.name, _extreme(random, chosen))
            return
        message = value


def _extreme(random: Random, chosen: Any) -> Any:
    match chosen.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            if chosen.type == FieldDescriptor.TYPE_BYTES:
                return random.randbytes(random.choice((0, 1, 7, 8, 15, 16, 17, 1000)))
            return random.choice(("", "\x00", "🚑" * 200, "x" * 20_000, "\u202e", "[", '{"a":'))
        case FieldDescriptor.CPPTYPE_BOOL:
            return random.random() < 0.5
        case FieldDescriptor.CPPTYPE_DOUBLE:
            return random.choice((float("nan"), float("-inf"), 1.8e308, 5e-324, -0.0))
        case FieldDescriptor.CPPTYPE_UINT64:
            return random.choice((0, 1, 2**63 - 1, 2**63, 2**64 - 1))
        case FieldDescriptor.CPPTYPE_INT64:
            return random.choice((0, -1, -(2**63), 2**63 - 1))
        case FieldDescriptor.CPPTYPE_UINT32:
            return random.choice((0, 2**31, 2**32 - 1))
        case _:
            return random.choice((0, -1, -(2**31), 2**31 - 1))


def _nested(random: Random) -> bytes:
    """A resource whose attribute is a list in a list in a list…, to be appended to a request."""
    depth = random.choice((5, 17, 40, 99, 120, 1000, 5000))
    value = b""
    for _ in range(depth):
        value = _part(5, _part(1, value))
    attribute = _part(1, b"deep") + _part(2, value)
    return _part(1, _part(1, _part(1, attribute)))


def _part(number: int, content: bytes) -> bytes:
    size, length = len(content), bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    return bytes((number << 3 | 2,)) + bytes(length) + content


# -- JSON -----------------------------------------------------------------------------------------


_DEEP = re.compile(r'\{"deep": (\d{1,9})\}')
_BRACKETS = (("[", "", "]"), ('{"a":', "1", "}"), ('{"arrayValue":{"values":[', "", "]}}"))


def _shaken(random: Random, content: Any, mutations: list[str]) -> Any:
    if random.random() < 0.3:
        return content
    mutations.append("values")
    for _ in range(random.randrange(1, 4)):
        content = _shake(random, content)
    return content


def _shake(random: Random, content: Any) -> Any:
    """Change one value somewhere in JSON content."""
    inside = isinstance(content, dict | list) and content
    if not inside or random.random() < 0.08:
        return _odd(random, content)
    if isinstance(content, list):
        place = random.randrange(len(content))
        if random.random() < 0.1:
            return content + [content[place]] * random.choice((1, 30))
        return [*content[:place], _shake(random, content[place]), *content[place + 1 :]]
    key = random.choice(list(content))
    rest = {k: v for k, v in content.items() if k != key}
    match random.randrange(16):
        case 0:
            return rest
        case 1:
            return {**rest, random.choice(("", "ÄÖ", "a_b", key.upper(), "\x00")): content[key]}
        case _:
            return {**content, key: _shake(random, content[key])}


def _odd(random: Random, content: Any) -> Any:
    match random.randrange(6):
        case 0:
            return {"deep": random.choice((10, 30, 100, 900, 1100, DEEPEST))}
        case 1:
            return [content, content]
        case _:
            return random.choice(ODD)


def _dump(random: Random, content: Any) -> bytes:
    """JSON text. What stands for deep nesting becomes it here, since no encoder writes that."""
    encoding = random.choice(("utf-8",) * 12 + ("utf-8-sig", "utf-16", "latin-1"))
    text = json.dumps(content, ensure_ascii=random.random() < 0.5)
    if match := _DEEP.search(text):
        opened, middle, closed = random.choice(_BRACKETS)
        count = min(int(match[1]), DEEPEST)
        text = (
            text[: match.start()] + opened * count + middle + closed * count + text[match.end() :]
        )
    return text.encode(encoding, "replace" if encoding == "latin-1" else "surrogatepass")


# -- CloudEvents ----------------------------------------------------------------------------------

_DATA: dict[str, tuple[str, dict[str, Any]]] = {
    "suture.milestone": (
        "",
        {
            "milestone": "requisition_approved",
            "objects": [{"type": "requisition", "id": "R-1"}],
            "attributes": {"facility": "mercy-west", "amount": 1250.0},
            "outcome": "ok",
            "reason": "",
        },
    ),
    "com.mercy.erp.purchase_order.created": (
        "1",
        {
            "poNumber": "0000004711",
            "plant": "mercy-west",
            "vendor": {"id": "V1", "name": "Acme"},
            "lines": [
                {"line": 1, "requisitionId": "R-1", "material": "M", "quantity": 2.5, "unit": "EA"}
            ],
            "totals": {"net": 1250.0, "currency": "USD"},
        },
    ),
    "net.supplierlink.order.confirmed": (
        "1",
        {
            "customerOrderNumber": "4711",
            "sellerOrderNumber": "S-1",
            "seller": {"networkId": "N1", "displayName": "Acme"},
            "acknowledgement": "REJECTED",
            "remark": "sold out",
            "promisedDelivery": "2026-11-24",
        },
    ),
    "com.mercy.workforce.team.assigned": (
        "2",
        {
            "demand": {"reference": "D-1", "site": "mercy-north"},
            "assignments": [{"shiftId": "S1", "role": "nurse"}],
            "decision": {"status": "CONFIRMED"},
        },
    ),
}


def _event(number: int, random: Random) -> Input:
    made = Input(
        number=number,
        over_grpc=False,
        signal="milestones",
        path="/v1/milestones",
        headers=[],
        body=b"",
    )
    events = [_valid_event(random) for _ in range(random.choice((1, 1, 3, 40)))]
    match random.randrange(3):
        case 0:
            made.headers.append(("content-type", STRUCTURED))
            made.body = _dump(random, _shaken(random, events[0], made.mutations))
        case 1:
            made.headers.append(("content-type", BATCHED))
            made.body = _dump(random, _shaken(random, events, made.mutations))
        case _:
            made.headers += [
                (f"ce-{name}", str(value)) for name, value in events[0].items() if name != "data"
            ]
            made.headers.append(("content-type", random.choice((JSON, "text/xml", ""))))
            made.body = _dump(random, _shaken(random, events[0]["data"], made.mutations))
    return made


def _valid_event(random: Random) -> dict[str, Any]:
    type_ = random.choice(list(_DATA))
    version, data = _DATA[type_]
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"e{random.randrange(10**9)}",
        "source": "/erp/mercy-west",
        "type": type_,
        "time": f"2026-11-{random.randrange(10, 20)}T11:00:00.{random.randrange(10**6)}Z",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "data": data,
    }
    return event | ({"dataversion": version} if version else {})


# -- bytes and heads ------------------------------------------------------------------------------


def flip(random: Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(random.choice((1, 1, 3, 20))):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def truncate(random: Random, body: bytes) -> bytes:
    return body[: random.randrange(len(body) + 1)]


def double(random: Random, body: bytes) -> bytes:
    return body * random.choice((2, 2, 10))


def repeat_slice(random: Random, body: bytes) -> bytes:
    start, end = sorted(random.randrange(len(body) + 1) for _ in range(2))
    return body[:end] + body[start:end] * random.choice((1, 3)) + body[end:]


def drop_slice(random: Random, body: bytes) -> bytes:
    start, end = sorted(random.randrange(len(body) + 1) for _ in range(2))
    return body[:start] + body[end:]


def insert(random: Random, body: bytes) -> bytes:
    place = random.randrange(len(body) + 1)
    odd = random.choice(
        (VARINT, b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"NaN", b"1e999", b"9" * 5000, b"[" * 3000,
         "\u202e🚑".encode(), random.randbytes(30))
    )  # fmt: skip
    return body[:place] + odd + body[place:]


ON_BYTES: tuple[Callable[[Random, bytes], bytes], ...] = (
    flip, flip, truncate, double, repeat_slice, drop_slice, insert,
)  # fmt: skip


def _packed(random: Random, made: Input) -> bytes:
    """The body in gzip, which then may be damaged, or a bomb."""
    made.headers.append(("content-encoding", "gzip"))
    made.mutations.append("gzip")
    if random.random() < 0.05:
        made.mutations.append("bomb")
        return gzip.compress(bytes(random.choice((1, 160)) << 19), compresslevel=1, mtime=0)
    packed = gzip.compress(made.body, compresslevel=1, mtime=0)
    if random.random() < 0.4:
        packed = random.choice(ON_BYTES)(random, packed)
    return packed


def _mutate_head(random: Random, made: Input) -> None:
    made.mutations.append("head")
    match random.randrange(8):
        case 0 if made.headers:
            del made.headers[random.randrange(len(made.headers))]
        case 1 if made.headers:
            made.headers.append(random.choice(made.headers))
        case 2 if not made.over_grpc:
            made.method = random.choice(("GET", "PUT", "DELETE", "OPTIONS", "FOO", "post"))
        case 3 if not made.over_grpc:
            made.path = random.choice(
                (made.path + "/", made.path + "?x=%ff", "//v1/traces", "/v1/%00", "*", "/v1/logs")
            )
        case 4 if not made.over_grpc and made.headers:
            place = random.randrange(len(made.headers))
            name, value = made.headers[place]
            changed = flip(random, value.encode("utf-8", "replace")).decode("latin-1")
            made.headers[place] = (name, changed)
            made.is_framed = False
        case _:
            name, value = random.choice(HEADERS)
            made.headers.append((name, value))
            made.is_framed = name not in (
                "content-length", "transfer-encoding", "connection", "upgrade", "expect",
            )  # fmt: skip
