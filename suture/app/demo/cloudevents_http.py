"""CloudEvents over HTTP: the three content modes of the HTTP protocol binding 1.0.2."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

Mode = Literal["structured", "binary", "batch"]

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

# What the binding leaves unencoded in header values: printable ASCII but space, quote and percent.
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


def structured(event: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    """Headers and body of one event as one JSON document."""
    return {"content-type": STRUCTURED}, _json(event)


def batch(events: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], bytes]:
    """Headers and body of several events as one JSON array."""
    return {"content-type": BATCH}, _json(list(events))


def binary(event: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    """Headers and body of one event with its attributes in headers and its data as the body."""
    headers = {
        f"ce-{name}": quote(str(value), safe=_PLAIN)
        for name, value in event.items()
        if name not in ("data", "datacontenttype")
    }
    headers["content-type"] = str(event.get("datacontenttype", "application/json"))
    return headers, _json(event.get("data"))


def _json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
