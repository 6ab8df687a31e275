"""What spans say of themselves, by OpenTelemetry's semantic conventions, old names and new.

Each tuple lists the names one fact goes by, the present convention first; the first that a span
carries counts. Attribute values are text, as the store keeps them.
"""

import re
from collections.abc import Iterator

from correlator.attribution.model import Span

HTTP_METHOD = ("http.request.method", "http.method")
HTTP_STATUS = ("http.response.status_code", "http.status_code")
RPC_SYSTEM = ("rpc.system.name", "rpc.system")
RPC_CALLED = ("rpc.service", "rpc.method")
RPC_STATUS = ("rpc.response.status_code", "rpc.grpc.status_code")
DATABASE = ("db.system.name", "db.system")
MESSAGING_SYSTEM = ("messaging.system",)
OPERATION = ("messaging.operation.type", "messaging.operation", "messaging.operation.name")
DESTINATION = ("messaging.destination.name", "messaging.destination")
MESSAGE_ID = ("messaging.message.id", "messaging.message_id")
PEERS = (
    "service.peer.name", "peer.service", "server.address", "net.peer.name", "net.sock.peer.name",
    "http.host", "url.full", "http.url",
)  # fmt: skip
PATHS = ("url.template", "url.path", "http.target", "url.full", "http.url")
_ERROR = "error.type"
ERROR_TYPE = (_ERROR,)
EXCEPTION_TYPE = ("exception.type",)
EXCEPTION_MESSAGE = ("exception.message",)
OUTCOME = ("business.outcome",)
RESENT = {
    "http.request.resend_count": 1,
    "http.resend_count": 1,
    "retry.attempt": 2,
    "messaging.message.delivery_count": 2,
    "messaging.servicebus.message.delivery_count": 2,
    "messaging.rabbitmq.message.delivery_count": 2,
    "messaging.gcp_pubsub.message.delivery_attempt": 2,
}
"""Counters of attempts, each with the smallest value that means 'not the first'."""

USED = frozenset(
    {
        *HTTP_METHOD, *HTTP_STATUS, *RPC_SYSTEM, *RPC_CALLED, *RPC_STATUS, *DATABASE,
        *MESSAGING_SYSTEM, *OPERATION, *DESTINATION, *MESSAGE_ID, *PEERS, *PATHS, *ERROR_TYPE,
        *OUTCOME, *RESENT,
    }
)  # fmt: skip
"""Every span attribute that attribution looks at; others need not be read."""

_OPERATIONS = {
    "send": "send", "publish": "send", "create": "create",
    "receive": "receive", "poll": "receive", "pull": "receive",
    "process": "process", "deliver": "process", "consume": "process",
    "settle": "settle", "ack": "settle", "nack": "settle", "commit": "settle", "reject": "settle",
    "complete": "settle", "abandon": "settle",
}  # fmt: skip
_GRPC_NAMES = {
    "OK": 0, "CANCELLED": 1, "DEADLINE_EXCEEDED": 4, "RESOURCE_EXHAUSTED": 8, "ABORTED": 10,
    "UNAVAILABLE": 14,
}  # fmt: skip
_UNKNOWN = -1
_GENERIC = re.compile(r"^(_other|error|exception|\w+\.exception|\w+\.error|runtime_?error|\d{3})?$")
_AUTHORITY = re.compile(r"^(?:[a-z][a-z0-9+.-]*://)?(?:[^/@]*@)?(\[[^\]]*\]|[^/:?#]+)")
_PATH = re.compile(r"^(?:[a-z][a-z0-9+.-]*://[^/?#]*)?([^?#]*)")


def first(span: Span, names: tuple[str, ...]) -> str:
    """The value of the first of these attributes that the span carries; empty without any."""
    attributes = span.attributes
    for name in names:
        if value := attributes.get(name):
            return value
    return ""


def operation(span: Span) -> str:
    """send, create, receive, process or settle for a messaging span; empty for any other."""
    attributes, (new, old, own) = span.attributes, OPERATION
    if said := attributes.get(new) or attributes.get(old) or attributes.get(own):
        said = said.lower()
        return _OPERATIONS.get(said, "process" if span.kind == "consumer" else said)
    if span.kind == "producer":
        return "send"
    return "process" if span.kind == "consumer" else ""


def is_producer(span: Span) -> bool:
    """Whether it hands a message over."""
    return operation(span) in ("send", "create")


def is_consumer(span: Span) -> bool:
    """Whether it takes a message or works on one."""
    return operation(span) in ("receive", "process")


def http_status(span: Span) -> int:
    """The HTTP status, also where `error.type` is one; 0 without."""
    attributes, (new, old) = span.attributes, HTTP_STATUS
    for said in (attributes.get(new) or attributes.get(old), attributes.get(_ERROR)):
        if said and len(said) == 3 and said.isdecimal():
            return int(said)
    return 0


def grpc_status(span: Span) -> int:
    """The gRPC status code, by number or by name; 0 without, or when all is well."""
    attributes, (new, old) = span.attributes, RPC_STATUS
    said = attributes.get(new) or attributes.get(old)
    if not said:
        return _GRPC_NAMES.get(attributes.get(_ERROR, "").upper(), 0)
    return int(said) if said.isdecimal() else _GRPC_NAMES.get(said.upper(), _UNKNOWN)


def is_call(span: Span) -> bool:
    """Whether it calls another service: a client span, but no database's and no broker's."""
    return span.kind == "client" and not first(span, DATABASE) and not operation(span)


def has_failed(span: Span) -> bool:
    """Whether it ended in an error, by its status or by what it says of the answer."""
    if span.failed or span.attributes.get(_ERROR) or grpc_status(span):
        return True
    status = http_status(span)
    return status >= (400 if span.kind == "client" else 500)


def is_repeated(span: Span) -> bool:
    """Whether it says that it is not the first attempt."""
    for name, least in RESENT.items():
        said = span.attributes.get(name)
        if said is not None and said.isdecimal() and int(said) >= least:
            return True
    return False


def error_type(span: Span) -> str:
    """What kind of error a failed span ended in, as it says; empty where it does not."""
    if said := first(span, ERROR_TYPE):
        return said
    for event in span.events:
        for name in EXCEPTION_TYPE:
            if said := event.attributes.get(name, ""):
                return said
    return ""


def error_words(span: Span) -> str:
    """The words of its error in lower case: types, and messages where the types say nothing.

    Names of span events count whether it failed or not: a lock that was waited for is one.
    """
    if not span.failed and not span.events and not span.attributes.get(_ERROR):
        return ""
    types = list(_error_types(span))
    if all(_GENERIC.match(word) for word in types) and has_failed(span):
        messages = (event.attributes.get(n, "") for event in span.events for n in EXCEPTION_MESSAGE)
        types += [span.message, *messages]
    names = (event.name for event in span.events if event.name != "exception")
    return "\n".join([*types, *(name.lower() for name in names)]).lower()


def _error_types(span: Span) -> Iterator[str]:
    if said := first(span, ERROR_TYPE):
        yield said.lower()
    if span.failed:
        for event in span.events:
            for name in EXCEPTION_TYPE:
                if said := event.attributes.get(name, ""):
                    yield said.lower()


def peers(span: Span) -> Iterator[str]:
    """The names its callee goes by, in lower case: a service's name, or a host without port."""
    for name in PEERS:
        if said := span.attributes.get(name):
            match = _AUTHORITY.match(said.lower())
            if match:
                yield match[1]


def target(span: Span) -> str:
    """What exactly a call is about: two siblings with one target are attempts at the same thing."""
    peer = next(peers(span), "")
    match = _PATH.match(first(span, PATHS))
    rpc = "/".join(span.attributes.get(name, "") for name in RPC_CALLED)
    method, queue = first(span, HTTP_METHOD), first(span, DESTINATION)
    return "|".join((peer, method, match[1] if match else "", rpc, queue))
