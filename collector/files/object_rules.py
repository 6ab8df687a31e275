"""Object rules of a mapping: how the cells of one column name typed objects."""

import json
import re
from typing import Any, Self

from pydantic import AliasChoices, Field, model_validator

from suture.definitions.source import Definition
from suture.definitions.values import Name, TypeName

EXPECTED = "expected a column's name, or {from: column, pattern: regex}"

_FORM = frozenset({"from", "column", "pattern", "split", "type"})


class ObjectRule(Definition):
    """One column that names objects.

    Without a `pattern` the whole cell is the id of an object of `type`. Named groups of a pattern
    are object types themselves; an unnamed group, or the match, is an id of `type`. `split` is a
    separator where one cell names several objects, or `json` for a JSON list, which is how a list
    of an XES file arrives.
    """

    column: Name = Field(validation_alias=AliasChoices("column", "from"))
    type: TypeName | None = None
    pattern: re.Pattern[str] | None = None
    split: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _types_are_known(self) -> Self:
        if not self.types:
            raise ValueError("names no object type: give 'type', or a pattern with named groups")
        return self

    @property
    def types(self) -> tuple[str, ...]:
        """The object types it can yield."""
        if self.pattern is not None and self.pattern.groupindex:
            return tuple(self.pattern.groupindex)
        return (self.type,) if self.type else ()

    def objects(self, cell: str) -> list[tuple[str, str]]:
        """(type, id) of the objects a cell names; an id of white space is none."""
        found = [pair for value in self._values(cell) for pair in self._matches(value)]
        return [pair for pair in found if pair[1].strip()]

    def _values(self, cell: str) -> list[str]:
        if self.split is None:
            return [cell]
        if self.split != "json":
            return [part.strip() for part in cell.split(self.split)]
        try:
            content = json.loads(cell)
        except ValueError:
            return [cell]
        return [str(item) for item in content] if isinstance(content, list) else [cell]

    def _matches(self, value: str) -> list[tuple[str, str]]:
        if self.pattern is None:
            return [(self.types[0], value)]
        match = self.pattern.search(value)
        if match is None:
            return []
        if named := match.groupdict():
            return [(type_, id_) for type_, id_ in named.items() if id_]
        return [(self.types[0], match[1] if self.pattern.groups else match[0])]


def expand_object_rules(value: Any) -> Any:
    """All the ways to write `objects` as a list of rules; anything else is left to validation.

    `{type: column}`, `{type: {from, pattern}}`, `{type: [rule, …]}`, one `{from, pattern}`, a
    column that is its own type, or a list of these.
    """
    if isinstance(value, str):
        return [{"type": value, "column": value}]
    if isinstance(value, list):
        return [rule for item in value for rule in _rules_of(item)]
    if not isinstance(value, dict | tuple):
        raise ValueError(f"{EXPECTED}, for each object type")
    return _rules_of(value) if isinstance(value, dict) else value


def _rules_of(item: Any) -> list[Any]:
    if isinstance(item, str):
        return [{"type": item, "column": item}]
    if not isinstance(item, dict | ObjectRule):
        raise ValueError(EXPECTED)
    if not isinstance(item, dict) or (_FORM.issuperset(item) and {"from", "column"} & set(item)):
        return [item]
    return [
        _rule_of(type_, rule)
        for type_, rules in item.items()
        for rule in (rules if isinstance(rules, list) else [rules])
    ]


def _rule_of(type_: Any, rule: Any) -> dict[str, Any]:
    if isinstance(rule, dict):
        return {"type": type_, **rule}
    if not isinstance(rule, str):
        raise ValueError(f"{type_}: {EXPECTED}")
    return {"type": type_, "column": rule}
