"""CloudEvents 1.0: from a request's headers and body to events with checked attributes. Pure.

All three content modes of the HTTP binding are read: structured and batched (JSON), and binary,
where attributes are `ce-` headers and the body is the data. An event that breaks the specification
is refused by itself, with the attribute's name in the reason; the others of its batch go on.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec

from collector.bodies import MAX_JSON_DEPTH, is_too_deep, not_json, require_countable
from collector.refusals import quoted
from suture.errors import InvalidInput, MalformedInput, TooLarge, UnsupportedMedia

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
HEADER_PREFIX = "ce-"
MAX_EVENTS = 10_000
"""Events in a batch. Each bad one becomes a dead letter, which is much work and much memory."""

_decode = msgspec.json.Decoder().decode
_encoder = msgspec.json.Encoder()
_CONTEXT = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema"}
)
_EXTENSION_NAME = re.compile(r"[a-z0-9]+")
_JSON_TYPE = re.compile(r"(application|text)/json|[\w.+-]+/[\w.+-]+\+json", re.IGNORECASE)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event whose attributes keep to the specification.

    `extensions` are the extension attributes, as text. `content` is the whole event as JSON values,
    the way the structured mode writes it: contracts look at that.
    """

    id: str
    source: str
    type: str
    time: datetime | None
    dataschema: str
    extensions: Mapping[str, str]
    data: Any
    content: Mapping[str, Any]


class RawEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a request before its attributes are checked; `content` may be anything."""

    content: Any
    payload: bytes
    content_type: str

    def attribute(self, name: str) -> str:
        """An attribute as far as it can be read; empty where it cannot."""
        value = self.content.get(name) if isinstance(self.content, dict) else None
        return value if isinstance(value, str) else ""


def read_request(headers: Mapping[str, str], body: bytes) -> list[RawEvent]:
    """The events of a request; `headers` have lower-case names.

    Raises UnsupportedMedia for a content type that is none of the three modes, MalformedInput for a
    body that is not JSON where JSON is due, TooLarge for one with too many events or values.
    """
    media_type, charset = media_type_of(headers)
    is_binary = any(name.startswith(HEADER_PREFIX) for name in headers)
    if media_type in (STRUCTURED, BATCHED) and charset not in ("", "utf-8", "utf8", "us-ascii"):
        raise UnsupportedMedia(f"charset {charset!r}: JSON events have to be UTF-8")
    if media_type == STRUCTURED:
        return [RawEvent(content=_json(body), payload=body, content_type=STRUCTURED)]
    if media_type == BATCHED:
        events = _json(body)
        if not isinstance(events, list):
            raise MalformedInput("a batch has to be a JSON list of events")
        if len(events) > MAX_EVENTS:
            raise TooLarge(f"the batch holds over {MAX_EVENTS} events; send it in parts")
        return [
            RawEvent(content=event, payload=_encode(event), content_type=STRUCTURED)
            for event in events
        ]
    if media_type.startswith("application/cloudevents"):
        raise UnsupportedMedia(f"{media_type} is not supported; send {STRUCTURED} or {BATCHED}")
    if not is_binary:
        raise UnsupportedMedia(
            f"content type {media_type or '(none)'!r} without ce- headers is no CloudEvent; send"
            f" {STRUCTURED}, {BATCHED}, or the attributes as ce- headers"
        )
    content = _from_binary(headers, media_type, body)
    return [RawEvent(content=content, payload=_encode(content), content_type=STRUCTURED)]


def media_type_of(headers: Mapping[str, str]) -> tuple[str, str]:
    """(media type, charset) of a request, in lower case."""
    return _media_type(headers.get("content-type", ""))


def check_event(content: Any) -> CloudEvent:
    """Check an event's attributes; raises InvalidInput naming the one that is wrong."""
    if not isinstance(content, dict):
        raise InvalidInput("an event has to be a JSON object")
    version = content.get("specversion")
    if version != "1.0":
        given = "is required" if version is None else f"is {quoted(version)}"
        raise InvalidInput(f"specversion: {given}; only '1.0' is supported")
    for name in ("id", "source", "type"):
        _required_text(content, name)
    for name in ("subject", "datacontenttype", "dataschema"):
        if content.get(name) is not None:
            _required_text(content, name)
    require_uri_reference(content["source"])
    return CloudEvent(
        id=content["id"],
        source=content["source"],
        type=content["type"],
        time=None if content.get("time") is None else parse_time(content["time"], "time"),
        dataschema=content.get("dataschema") or "",
        extensions=_extensions(content),
        data=_data(content),
        content=content,
    )


def require_shallow(raw: RawEvent) -> None:
    """Raise InvalidInput for an event that is nested more deeply than anybody should look into."""
    if is_too_deep(raw.payload, raw.content):
        raise InvalidInput(f"the event is nested more than {MAX_JSON_DEPTH} levels deep")


def parse_time(value: Any, name: str) -> datetime:
    """An RFC 3339 time with an offset, in UTC; raises InvalidInput naming the attribute.

    Digits beyond microseconds are cut off; a leap second becomes the next second.
    """
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidInput(f"{name}: {quoted(value)} is not an RFC 3339 time with an offset")
    day, minute, second, fraction, offset = match.groups()
    is_leap = second == "60"
    micros = "0" if is_leap else (fraction or "0")[:6]
    text = f"{day}T{minute}:{'59' if is_leap else second}.{micros:0<6}"
    zone = "+00:00" if offset in "Zz" else offset
    try:
        instant = datetime.fromisoformat(text + zone).astimezone(UTC)
        return instant + timedelta(seconds=is_leap)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{name}: {quoted(value)} is not a time that exists") from error


def _required_text(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    if value is None:
        raise InvalidInput(f"{name}: is required")
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f"{name}: has to be text that is not empty")
    return value


def require_uri_reference(text: str) -> None:
    """Raise InvalidInput for a source that is none."""
    # The same few sources come again and again; a long one is not worth its memory.
    (_check_uri_reference if len(text) < 256 else _check_uri_reference.__wrapped__)(text)


@lru_cache(maxsize=4096)
def _check_uri_reference(text: str) -> None:
    try:
        urlsplit(text)
    except ValueError as error:
        raise InvalidInput(f"source: {quoted(text)} is not a URI reference") from error
    if any(c.isspace() or ord(c) < 32 for c in text):
        raise InvalidInput(f"source: {quoted(text)} is not a URI reference")


def _extensions(content: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, value in content.items():
        if name in _CONTEXT or name in ("data", "data_base64") or value is None:
            continue
        if not _EXTENSION_NAME.fullmatch(name):
            raise InvalidInput(f"{name}: attribute names consist of lower-case letters and digits")
        if isinstance(value, bool):
            found[name] = "true" if value else "false"
        elif isinstance(value, str | int):
            found[name] = str(value)
        else:
            raise InvalidInput(f"{name}: has to be text, a whole number, true or false")
    return found


def _data(content: Mapping[str, Any]) -> Any:
    if "data_base64" not in content or content["data_base64"] is None:
        return content.get("data")
    if content.get("data") is not None:
        raise InvalidInput("data: stands beside data_base64; only one of them may")
    try:
        data = base64.b64decode(content["data_base64"], validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise InvalidInput("data_base64: is not base64") from error
    declared = content.get("datacontenttype") or "application/json"
    if not _JSON_TYPE.fullmatch(_media_type(declared)[0]):
        return content["data_base64"]
    try:
        decoded = _json(data)
    except (MalformedInput, TooLarge) as error:
        raise InvalidInput(f"data_base64: {error.message}") from error
    if is_too_deep(data, decoded):
        raise InvalidInput(f"data_base64: is nested more than {MAX_JSON_DEPTH} levels deep")
    return decoded


# -- the binary mode ------------------------------------------------------------------------------


def _from_binary(headers: Mapping[str, str], media_type: str, body: bytes) -> dict[str, Any]:
    content: dict[str, Any] = {
        name.removeprefix(HEADER_PREFIX): _header_text(name, value)
        for name, value in headers.items()
        if name.startswith(HEADER_PREFIX)
    }
    for reserved in ("data", "data_base64", "datacontenttype"):
        content.pop(reserved, None)
    if headers.get("content-type"):
        content["datacontenttype"] = headers["content-type"]
    if not body:
        return content
    if not media_type or _JSON_TYPE.fullmatch(media_type):
        content["data"] = _json(body)
    else:
        content["data_base64"] = base64.b64encode(body).decode()
    return content


def _header_text(name: str, value: str) -> str:
    """A header's value with the binding's quoting and percent-encoding undone."""
    text = value.strip()
    if len(text) >= 2 and text.startswith('"') and text.endswith('"'):
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    try:
        # Header bytes arrive as Latin-1; what is not ASCII was sent as UTF-8 against the binding.
        return unquote_to_bytes(text.encode("latin-1")).decode("utf-8")
    except UnicodeError as error:
        raise MalformedInput(f"header {name}: is not percent-encoded UTF-8") from error


def _media_type(header: str) -> tuple[str, str]:
    """(media type, charset) of a content-type header, in lower case."""
    kind, *parameters = header.split(";")
    charset = ""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    return kind.strip().lower(), charset


def _json(body: bytes) -> Any:
    require_countable(body)
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_json(body, error) from error


def _encode(content: Any) -> bytes:
    try:
        return _encoder.encode(content)
    except RecursionError as error:
        raise MalformedInput("the body is nested too deeply to be read") from error
