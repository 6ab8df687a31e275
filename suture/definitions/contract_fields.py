"""Which fields of an event an expression reads, held against the JSON Schema of its data. Pure.

Says only what is certain: where a schema leaves open what a value is made of, nothing is absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jmespath

_ELEMENTS = frozenset({"flatten", "projection", "filter_projection", "value_projection"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A value somewhere in an event, as far as its schema tells; None: anything."""

    path: str
    schema: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A field that a schema does not know; `forbidden` where it allows no others either."""

    path: str
    forbidden: bool


def absent_fields(
    expression: str, schema: Mapping[str, Any], *, alternatives: bool = True
) -> frozenset[Absence]:
    """The fields below `data` that `expression` reads and `schema` does not know.

    With `alternatives`, what stands beside `||` makes up for a field that is absent.
    """
    walk = _Walk(schema, alternatives=alternatives)
    walk.visit(jmespath.compile(expression).parsed, _Place(path="", schema=None))
    return frozenset(walk.absent)


class _Walk:
    """Follows an expression's syntax tree through a schema."""

    def __init__(self, schema: Mapping[str, Any], *, alternatives: bool) -> None:
        self._schema = schema
        self._alternatives = alternatives
        self.absent: set[Absence] = set()

    def visit(self, node: Mapping[str, Any], place: _Place) -> _Place:
        """Where a node leads from a place."""
        kind, children = node["type"], node.get("children", [])
        if kind == "field":
            return self._field(str(node["value"]), place)
        if kind in ("subexpression", "index_expression", "pipe"):
            for child in children:
                place = self.visit(child, place)
            return place
        if kind in ("index", "slice"):
            return self._element(place)
        if kind in _ELEMENTS:
            return self._projection(kind, children, place)
        if kind in ("current", "identity"):
            return place
        if kind == "or_expression" and self._alternatives:
            self._any_of(children, place)
            return _Place(path=place.path, schema=None)
        for child in children:
            if isinstance(child, Mapping):
                self.visit(child, place)
        return _Place(path=place.path, schema=None)

    def _projection(self, kind: str, children: list[Any], place: _Place) -> _Place:
        inner = self.visit(children[0], place)
        if kind == "value_projection":
            element = _Place(path=f"{inner.path}.*", schema=None)
        else:
            element = inner if _gives_elements(children[0]) else self._element(inner)
        for condition in children[2:]:
            self.visit(condition, element)
        return self.visit(children[1], element) if len(children) > 1 else element

    def _any_of(self, children: list[Any], place: _Place) -> None:
        found = []
        for child in children:
            other = _Walk(self._schema, alternatives=True)
            other.visit(child, place)
            found.append(other.absent)
        if all(found):
            self.absent.update(*found)

    def _field(self, name: str, place: _Place) -> _Place:
        if not place.path:
            return _Place(path=name, schema=self._schema if name == "data" else None)
        path = f"{place.path}.{name}"
        schema = self._resolved(place.schema)
        known = schema.get("properties") if schema else None
        if schema is None or not isinstance(known, Mapping):
            return _Place(path=path, schema=None)
        if name in known:
            inner = known[name]
            return _Place(path=path, schema=inner if isinstance(inner, Mapping) else None)
        if not _is_composed(schema):
            forbidden = schema.get("additionalProperties") is False
            self.absent.add(Absence(path=path, forbidden=forbidden))
        return _Place(path=path, schema=None)

    def _element(self, place: _Place) -> _Place:
        schema = self._resolved(place.schema)
        items = schema.get("items") if schema else None
        path = place.path if place.path.endswith("[]") else f"{place.path}[]"
        return _Place(path=path, schema=items if isinstance(items, Mapping) else None)

    def _resolved(self, schema: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        for _ in range(16):
            reference = schema.get("$ref") if schema else None
            if not isinstance(reference, str):
                return schema
            schema = self._at(reference)
        return None

    def _at(self, reference: str) -> Mapping[str, Any] | None:
        if not reference.startswith("#/"):
            return self._schema if reference == "#" else None
        node: Any = self._schema
        for part in reference[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            node = node.get(name) if isinstance(node, Mapping) else None
        return node if isinstance(node, Mapping) else None


def _gives_elements(node: Mapping[str, Any]) -> bool:
    """Whether a node stands for the elements of a list already, not for the list."""
    children = node.get("children") or [node]
    return bool(node["type"] == "flatten" or children[-1]["type"] == "slice")


def _is_composed(schema: Mapping[str, Any]) -> bool:
    names = ("allOf", "anyOf", "oneOf", "if", "dependentSchemas", "patternProperties")
    return any(name in schema for name in names)
