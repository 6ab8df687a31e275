"""Request bodies within bounds: counted while they stream in, and while they decompress. Pure."""

import zlib
from collections.abc import Mapping
from typing import Any

from suture.errors import MalformedInput, TooLarge, UnsupportedMedia

_GZIP = zlib.MAX_WBITS | 16
ENCODINGS = ("", "identity", "gzip")
MAX_JSON_DEPTH = 32
"""Levels of lists and objects in an event. What looks into one may take a step per level for every
level above it, so depth costs far more than size."""

MAX_JSON_VALUES = 4_000_000
"""Values in a JSON body. Each takes up to a few hundred bytes once it is read, however short it was
written: 64 MiB of brackets would take gigabytes."""


class BodyLimit:
    """Counts the bytes of one body."""

    def __init__(self, headers: Mapping[str, str], *, max_bytes: int) -> None:
        """Start counting; raises TooLarge at once where the declared length is over the limit."""
        self._max_bytes = max_bytes
        self._seen = 0
        declared = headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared) > max_bytes:
            raise self._too_large()

    def add(self, chunk: bytes) -> None:
        """Count a chunk; raises TooLarge once the body is over the limit."""
        self._seen += len(chunk)
        if self._seen > self._max_bytes:
            raise self._too_large()

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the body is over {self._max_bytes} bytes; send it in parts")


def require_encoding(headers: Mapping[str, str]) -> str:
    """The content encoding, '' for none; raises UnsupportedMedia for one that is not taken."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        raise UnsupportedMedia(f"content encoding {encoding!r} is not supported; send gzip or none")
    return "" if encoding == "identity" else encoding


def decompress(body: bytes, *, max_bytes: int) -> bytes:
    """A gzip body, decompressed; memory stays within `max_bytes` whatever the body claims.

    Raises TooLarge beyond `max_bytes`, MalformedInput for what is not gzip or breaks off.
    """
    pieces: list[bytes] = []
    room = max_bytes
    while body:
        member = zlib.decompressobj(_GZIP)
        try:
            piece = member.decompress(body, room + 1)
        except zlib.error as error:
            raise MalformedInput(f"the body is not gzip: {error}") from error
        if len(piece) > room:
            raise TooLarge(f"the body decompresses to over {max_bytes} bytes; send it in parts")
        if not member.eof:
            raise MalformedInput("the gzip body breaks off")
        pieces.append(piece)
        room -= len(piece)
        # A gzip body may consist of several members; zeros between or after them are padding.
        body = member.unused_data.lstrip(b"\0")
    return b"".join(pieces)


def require_countable(body: bytes) -> None:
    """Raise TooLarge for a JSON body with so many values that they may not fit into memory."""
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > MAX_JSON_VALUES:
        raise TooLarge(f"the body holds over {MAX_JSON_VALUES} values; send it in parts")


def is_too_deep(payload: bytes, content: Any) -> bool:
    """Whether lists and objects lie in each other beyond MAX_JSON_DEPTH; never recurses.

    `payload` is the same in JSON: one with few brackets cannot be deep, which is quick to see.
    """
    if payload.count(b"[") + payload.count(b"{") <= MAX_JSON_DEPTH:
        return False
    level, depth = [content], 0
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        if depth > MAX_JSON_DEPTH:
            return True
        level = [
            part for item in level for part in (item.values() if isinstance(item, dict) else item)
        ]
    return False


def not_json(body: bytes, error: Exception) -> MalformedInput:
    """What to say of a body that is not JSON, where reading it raised `error`."""
    if not body.strip():
        return MalformedInput("the body is empty")
    return MalformedInput(f"the body is not JSON: {error}")
