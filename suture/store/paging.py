"""Cursors of pages: opaque to who holds one, refused when it is none of ours."""

import base64
import binascii
import json
from collections.abc import Sequence

from suture.errors import InvalidQuery

MAX_LIMIT = 1_000
_LARGEST = 2**63
_NOT_OURS = "it is not one that this list gave"


def encode_cursor(*position: str | int) -> str:
    """A cursor that says where the next page begins."""
    text = json.dumps(position, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, types: Sequence[type]) -> list[str | int]:
    """Undo `encode_cursor`; raises InvalidQuery unless it holds values of exactly these types.

    Numbers are those that the engine can hold.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidQuery(_NOT_OURS, field="cursor") from error
    if not isinstance(values, list) or [type(value) for value in values] != list(types):
        raise InvalidQuery(_NOT_OURS, field="cursor")
    if any(isinstance(value, int) and not -_LARGEST <= value < _LARGEST for value in values):
        raise InvalidQuery(_NOT_OURS, field="cursor")
    return values


def check_limit(limit: int) -> int:
    """The limit itself; raises InvalidQuery unless it is between 1 and 1000."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidQuery(f"{limit} is not between 1 and {MAX_LIMIT}", field="limit")
    return limit
