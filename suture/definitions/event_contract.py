"""Contracts: how one producer's events or spans become milestones."""

import json
from pathlib import Path
from typing import Any, Self

import jmespath
from jmespath.exceptions import JMESPathError
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import Field, field_validator, model_validator

from suture.definitions.source import Definition
from suture.definitions.values import Name, TypeName


def _require_expression(text: str) -> str:
    try:
        jmespath.compile(text)
    except JMESPathError as error:
        raise ValueError(f"{text!r} is not a JMESPath expression: {error}") from error
    return text


class EventContract(Definition):
    """Maps one CloudEvents type to a milestone, by JMESPath over the whole event.

    `schema` is a JSON Schema file that validates `data`, relative to the contract's file;
    `schema_document` is its content once read. Versions compare as strings.
    """

    contract: Name
    version: str
    owner: Name
    system: Name
    milestone: Name
    objects: dict[TypeName, str] = Field(min_length=1)
    attributes: dict[Name, str] = Field(default_factory=dict)
    outcome: str | None = None
    reason: str | None = None
    schema_file: str | None = Field(default=None, alias="schema")
    schema_document: dict[str, Any] | None = Field(default=None, exclude=True)

    @field_validator("version", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float) else value

    @model_validator(mode="after")
    def _expressions_compile(self) -> Self:
        for group, expressions in (("objects", self.objects), ("attributes", self.attributes)):
            for name, expression in expressions.items():
                try:
                    _require_expression(expression)
                except ValueError as error:
                    raise ValueError(f"{group}.{name}: {error}") from error
        for expression in filter(None, (self.outcome, self.reason)):
            _require_expression(expression)
        return self

    def with_schema(self, folder: Path) -> "EventContract":
        """This contract with its schema read from `folder`; raises ValueError if that fails."""
        if self.schema_file is None:
            return self
        path = folder / self.schema_file
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            Draft202012Validator.check_schema(document)
        except OSError as error:
            raise ValueError(f"schema: {self.schema_file}: {error.strerror}") from error
        except (ValueError, SchemaError) as error:
            raise ValueError(f"schema: {self.schema_file} is not a JSON Schema") from error
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
        return str(value) if isinstance(value, int | float) else value
