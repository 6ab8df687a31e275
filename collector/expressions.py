"""Expressions of contracts (JMESPath), ready to be asked of many events. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from suture.errors import InvalidInput


class Expression:
    """One expression, compiled once.

    Nearly all are plain paths (`data.order.number`), which are walked here: to visit their syntax
    tree, as the library does, takes ten times as long.
    """

    def __init__(self, text: str) -> None:
        """Compile an expression that is known to be one."""
        self.text = text
        compiled = jmespath.compile(text)
        path = _plain_path(compiled.parsed)
        self._search: Callable[[Any], Any] = _Walk(path) if path else compiled.search

    def search(self, content: Any, field: str) -> Any:
        """What it finds, None where that is not there; raises InvalidInput naming `field`."""
        try:
            return self._search(content)
        except (JMESPathError, RecursionError) as error:
            message = f"{field}: {self.text!r} does not apply to this event"
            raise InvalidInput(message) from error


class _Walk:
    """From one object into the next; None as soon as there is none."""

    __slots__ = ("_path",)

    def __init__(self, path: tuple[str, ...]) -> None:
        self._path = path

    def __call__(self, value: Any) -> Any:
        for name in self._path:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value


def _plain_path(node: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a path that only descends into objects; empty for any other expression."""
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] != "subexpression":
        return ()
    parts = [_plain_path(child) for child in node["children"]]
    return tuple(name for part in parts for name in part) if all(parts) else ()
