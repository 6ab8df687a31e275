"""Contracts: how one producer's events or spans become milestones."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import jmespath
from jmespath.exceptions import JMESPathError
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for
from pydantic import Field, field_validator, model_validator
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from suture.definitions.source import Definition
from suture.definitions.values import Name, TypeName


class EventContract(Definition):
    """Maps one CloudEvents type to a milestone, by JMESPath over the whole event.

    `schema` is a JSON Schema file that validates `data`, relative to the contract's file;
    `schema_document` is its content once read. Versions compare as strings. Of several live
    versions the one with `default` takes the events that name none. `drops` are attributes and
    object types that an earlier version has and this one leaves out on purpose.
    """

    contract: Name
    version: str
    default: bool = False
    owner: Name
    system: Name
    milestone: Name
    objects: dict[TypeName, str] = Field(min_length=1)
    attributes: dict[Name, str] = Field(default_factory=dict)
    outcome: str | None = None
    reason: str | None = None
    schema_file: str | None = Field(default=None, alias="schema")
    schema_document: dict[str, Any] | None = Field(default=None, exclude=True)
    drops: tuple[Name, ...] = ()

    @field_validator("version", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return _version_text(value)

    @model_validator(mode="after")
    def _expressions_compile(self) -> Self:
        named = {f"objects.{name}": expression for name, expression in self.objects.items()}
        named |= {f"attributes.{name}": text for name, text in self.attributes.items()}
        named |= {"outcome": self.outcome or "@", "reason": self.reason or "@"}
        for name, expression in named.items():
            try:
                jmespath.compile(expression)
            except JMESPathError as error:
                message = f"{name}: {expression!r} is not a JMESPath expression: {error}"
                raise ValueError(message) from error
        return self

    def with_schema(self, folder: Path) -> "EventContract":
        """This contract with its schema read from `folder`; raises ValueError naming that file."""
        if self.schema_file is None:
            return self
        path = folder / self.schema_file
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            validator_for(document, default=Draft202012Validator).check_schema(document)
        except OSError as error:
            raise ValueError(f"{self.schema_file}: {error.strerror}") from error
        except (ValueError, SchemaError) as error:
            raise ValueError(f"{self.schema_file} is not a JSON Schema") from error
        if not isinstance(document, dict):
            raise ValueError(f"{self.schema_file}: has to be a JSON object")
        _require_own_references(document, self.schema_file)
        return self.model_copy(update={"schema_document": document})


class SpanMatch(Definition):
    """Which spans a span contract is about; all that is given must match."""

    service: Name
    span_name: Name | None = None
    attributes: dict[Name, str] = Field(default_factory=dict)


class SpanContract(Definition):
    """Makes a milestone of an un-instrumented span; the values are names of span attributes."""

    span_contract: Name
    version: str = "1"
    owner: Name
    system: Name
    match: SpanMatch
    milestone: Name
    objects: dict[TypeName, Name] = Field(min_length=1)
    attributes: dict[Name, Name] = Field(default_factory=dict)
    outcome_from_status: bool = False

    @field_validator("version", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return _version_text(value)


def _version_text(value: Any) -> Any:
    """A version as text; raises ValueError for a number that YAML has shortened already."""
    if isinstance(value, float):
        raise ValueError("write it in quotes: YAML reads 1.10 as the number 1.1")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _require_own_references(document: dict[str, Any], name: str) -> None:
    """Refuse a schema that refers to what is not in it: nothing is fetched when events arrive."""
    resource = DRAFT202012.create_resource(document)
    base = resource.id() or ""
    registry: Registry[Any] = Registry().with_resource(base, resource)
    resolver = registry.resolver(base)
    for reference in _references(document):
        try:
            resolver.lookup(reference)
        except Unresolvable as error:
            raise ValueError(f"{name}: $ref {reference!r} leads to nothing in this file") from error


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)
