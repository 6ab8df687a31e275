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
            Draft202012Validator.check_schema(document)
        except OSError as error:
            raise ValueError(f"{self.schema_file}: {error.strerror}") from error
        except (ValueError, SchemaError) as error:
            raise ValueError(f"{self.schema_file} is not a JSON Schema") from error
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
