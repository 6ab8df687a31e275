"""From a YAML file to a validated model, with errors a person can act on."""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from suture.errors import DefinitionError, Problem

_OWN_FIELD = re.compile(r"([\w.]+): (.*)", re.DOTALL)

Model = TypeVar("Model", bound=BaseModel)


class Definition(BaseModel):
    """Base of everything that is read from configuration: strict about names, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _UniqueKeyLoader(yaml.CSafeLoader):
    """YAML's own rule is that keys are unique; PyYAML keeps the last one silently.

    It reads with libyaml, which PyYAML's wheels contain: in Python it takes four times as long, and
    every command reads all definitions.
    """


def _mapping_without_duplicates(
    loader: _UniqueKeyLoader, node: yaml.MappingNode
) -> dict[Hashable, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise yaml.constructor.ConstructorError(
                None, None, "a key must be a single value", key_node.start_mark
            )
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands twice", key_node.start_mark
            )
        seen.add(key)
    found: dict[Hashable, Any] = loader.construct_mapping(node, deep=True)
    return found


_UniqueKeyLoader.add_constructor(
    yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_duplicates
)


def read_yaml(path: Path, *, shown_as: str | None = None) -> Any:
    """The content of a YAML file; raises DefinitionError naming the file, line and mistake."""
    name = shown_as or str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise DefinitionError([Problem(file=name, message=reason)]) from error
    except UnicodeDecodeError as error:
        raise DefinitionError([Problem(file=name, message="not UTF-8 text")]) from error
    try:
        return yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - derives from SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        message = f"{line}{getattr(error, 'problem', None) or 'not YAML'}"
        raise DefinitionError([Problem(file=name, message=message)]) from error


def parse(model: type[Model], content: Any, *, file: str, entry: str = "") -> Model:
    """Validate `content` as `model`; raises DefinitionError with one problem per wrong field."""
    if not isinstance(content, dict):
        message = "expected a mapping of names to values"
        raise DefinitionError([Problem(file=file, entry=entry, message=message)])
    try:
        return model.model_validate(content)
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
        raise DefinitionError([_problem(mistake, file, entry) for mistake in mistakes]) from error


def _problem(mistake: Any, file: str, entry: str) -> Problem:
    field = ".".join(str(part) for part in mistake["loc"])
    message = _sentence(mistake)
    # A check of a whole definition has no place of its own and begins with the field's name.
    if not field and (match := _OWN_FIELD.fullmatch(message)):
        field, message = match[1], match[2]
    return Problem(file=file, entry=entry, field=field, message=message)


def _sentence(mistake: Any) -> str:
    kind = mistake["type"]
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return "is not a known field"
    if kind == "model_type":  # its own words name a class of ours
        return "expected a mapping of names to values"
    return str(mistake["msg"]).removeprefix("Value error, ")
