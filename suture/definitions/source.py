"""From a YAML file to a validated model, with errors a person can act on."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from suture.errors import DefinitionError, Problem

Model = TypeVar("Model", bound=BaseModel)


class Definition(BaseModel):
    """Base of everything that is read from configuration: strict about names, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML's own rule is that keys are unique; PyYAML keeps the last one silently."""


def _mapping_without_duplicates(
    loader: yaml.SafeLoader, node: yaml.MappingNode
) -> dict[Hashable, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands twice", key_node.start_mark
            )
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


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
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        message = f"{line}{error.problem or 'not YAML'}"
        raise DefinitionError([Problem(file=name, message=message)]) from error


def parse(model: type[Model], content: Any, *, file: str, entry: str = "") -> Model:
    """Validate `content` as `model`; raises DefinitionError with one problem per wrong field."""
    if not isinstance(content, dict):
        message = "expected a mapping of names to values"
        raise DefinitionError([Problem(file=file, entry=entry, message=message)])
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise DefinitionError(
            [
                Problem(
                    file=file,
                    entry=entry,
                    field=".".join(str(part) for part in mistake["loc"]),
                    message=_sentence(mistake),
                )
                for mistake in error.errors(include_url=False)
            ]
        ) from error


def _sentence(mistake: Any) -> str:
    kind = mistake["type"]
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return "is not a known field"
    return str(mistake["msg"]).removeprefix("Value error, ")
