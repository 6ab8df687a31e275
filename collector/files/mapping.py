"""Mappings: which columns of an event log become which parts of a milestone.

A column of a CSV file is named by its header, one of a Parquet file by its schema; a column of an
XES file is a key of its events, or of its traces with the prefix `case:`; in OCEL, events, objects
and attributes have types and names.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AliasChoices,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from collector.files.object_rules import ObjectRule, expand_object_rules
from suture.contracts.milestone import Outcome
from suture.contracts.objects import DEFAULT_ENVIRONMENT
from suture.definitions.source import Definition, parse, read_yaml
from suture.definitions.values import Name
from suture.errors import DefinitionError, Problem

Format = Literal["xes", "csv", "parquet", "ocel"]

EVERY_OTHER = "*"
"""The key of `system` that stands for all milestones not named beside it."""

_COLUMN = AliasChoices("column", "from")
_OPTIONS = {
    "milestone": ", names: {value: name}",
    "time": ", format: a format, timezone: a zone",
    "outcome": ", names: {value: outcome}",
}
"""What a rule may say beside its column, for messages."""

_XES_COLUMNS = {"case": "case:concept:name", "milestone": "concept:name", "time": "time:timestamp"}


class ColumnRule(Definition):
    """A value taken from a column as it is."""

    column: Name | None = Field(default=None, validation_alias=_COLUMN)


class MilestoneRule(ColumnRule):
    """What happened: a column, and readable names for what it says.

    A value that `names` does not hold is kept as it is, or skipped with `only_mapped`.
    """

    names: dict[str, Name] = Field(default_factory=dict)
    only_mapped: bool = False

    @model_validator(mode="after")
    def _only_what(self) -> Self:
        if self.only_mapped and not self.names:
            raise ValueError("only_mapped without names would skip every event")
        return self


class TimeRule(ColumnRule):
    """When it happened: ISO 8601, or `format` says how it is written.

    That is a strptime format, or one of epoch_seconds, epoch_millis and epoch_micros. `timezone`
    (an IANA name) is meant by times that carry no offset; without it they are refused.
    """

    format: str | None = None
    timezone: str | None = None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        try:
            if name is not None:
                ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is not a time zone such as Europe/Berlin") from error
        return name


class OutcomeRule(ColumnRule):
    """How it ended: a column that says ok, failed or rejected, or `names` for its own words."""

    names: dict[str, Outcome] = Field(default_factory=dict)


class CsvOptions(Definition):
    """How a CSV file is written, where that is not plain from its header."""

    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    quote: str = Field(default='"', min_length=1, max_length=1)
    encoding: str = "utf-8"

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            "".encode(name)
        except LookupError as error:
            raise ValueError(f"{name!r} is not an encoding such as utf-8 or latin-1") from error
        return name


class LogMapping(Definition):
    """One mapping file.

    `source` is the source of every event, so it belongs to the log and stays when its file is
    renamed. `system` is one name, or one by milestone with `"*"` for the rest. `attributes` maps
    names to columns; a list keeps the columns' names; for OCEL, none given means all of them.
    `id` names a column that identifies events; without it, identity is case, milestone, time and
    the ordinal among equals. `sequence` names a column of whole numbers that orders events of one
    instant; without it the file does, unless its events have identities. `relations` (OCEL) makes
    one milestone of that name out of every object-to-object relationship, dated by the first event
    about either object.
    """

    source: Name
    title: str = ""
    format: Format | None = None
    environment: Name = DEFAULT_ENVIRONMENT
    system: str | dict[str, str] = ""
    case: ColumnRule = ColumnRule()
    milestone: MilestoneRule = MilestoneRule()
    time: TimeRule = TimeRule()
    objects: tuple[ObjectRule, ...] = ()
    attributes: dict[Name, Name] | None = None
    outcome: OutcomeRule = OutcomeRule()
    reason: ColumnRule = ColumnRule()
    id: ColumnRule = ColumnRule()
    sequence: ColumnRule = ColumnRule()
    csv: CsvOptions = CsvOptions()
    relations: Name | None = None
    _file: str = PrivateAttr(default="mapping")

    @field_validator("source")
    @classmethod
    def _uri_reference(cls, source: str) -> str:
        if any(c.isspace() for c in source):
            raise ValueError(
                f"{source!r} holds white space; a source is a name such as /import/my-log"
            )
        return source

    @field_validator(
        "case", "milestone", "time", "outcome", "reason", "id", "sequence", mode="before"
    )
    @classmethod
    def _short_form(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str | dict | ColumnRule):
            options = _OPTIONS.get(info.field_name or "", "")
            raise ValueError(f"expected a column's name, or {{from: column{options}}}")
        return {"column": value} if isinstance(value, str) else value

    @field_validator("objects", mode="before")
    @classmethod
    def _object_rules(cls, value: Any) -> Any:
        return expand_object_rules(value)

    @field_validator("attributes", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return {name: name for name in value}
        if not isinstance(value, dict | None):
            raise ValueError("expected names and their columns, or a list of columns")
        return value

    @property
    def file(self) -> str:
        """Where it was read from, for messages."""
        return self._file

    def system_of(self, milestone: str) -> str:
        """The system that reports a milestone; empty where the mapping names none."""
        if isinstance(self.system, str):
            return self.system
        return self.system.get(milestone, self.system.get(EVERY_OTHER, ""))

    def columns(self) -> Iterator[tuple[str, str]]:
        """(field, column) of every column the mapping names, in the order of the fields."""
        single = {"case": self.case, "milestone": self.milestone, "time": self.time}
        single |= {"outcome": self.outcome, "reason": self.reason}
        single |= {"id": self.id, "sequence": self.sequence}
        for field, rule in single.items():
            if rule.column is not None:
                yield field, rule.column
        for objects in self.objects:
            yield f"objects.{objects.type or objects.column}", objects.column
        for name, column in (self.attributes or {}).items():
            yield f"attributes.{name}", column

    def ready_for(self, format: Format) -> "LogMapping":
        """This mapping with the format's own defaults; raises DefinitionError for what is missing.

        XES has standard keys for case, milestone and time; CSV has none, and needs the case unless
        a column identifies events. OCEL carries all of it.
        """
        if format == "ocel":
            return self._without_columns()
        filled = self
        for field, column in _XES_COLUMNS.items() if format == "xes" else ():
            rule = getattr(filled, field)
            if rule.column is None:
                rule = rule.model_copy(update={"column": column})
                filled = filled.model_copy(update={field: rule})
        needed = ["milestone", "time"] if filled.id.column else ["case", "milestone", "time"]
        missing = [field for field in needed if getattr(filled, field).column is None]
        missing += [] if filled.objects else ["objects"]
        if missing:
            message = f"is required for a log in {format.upper()}"
            raise filled.error(*((field, message) for field in missing))
        return filled

    def _without_columns(self) -> "LogMapping":
        rules = {"case": self.case, "milestone": self.milestone, "time": self.time, "id": self.id}
        given = [field for field, rule in rules.items() if rule.column is not None]
        given += [f"objects.{r.type}" for r in self.objects if r.split or len(r.types) > 1]
        if given:
            raise self.error(*((field, "OCEL has no columns to take this from") for field in given))
        return self

    def error(self, *mistakes: tuple[str, str]) -> DefinitionError:
        """An error about this mapping: (field, what is wrong) of each mistake."""
        problems = [
            Problem(file=self.file, entry=self.source, field=field, message=message)
            for field, message in mistakes
        ]
        return DefinitionError(problems)


def read_mapping(path: Path, *, shown_as: str | None = None) -> LogMapping:
    """Read and check a mapping file; raises DefinitionError naming file, entry and field."""
    file = shown_as or str(path)
    content = read_yaml(path, shown_as=file)
    entry = str(content.get("source", "")) if isinstance(content, dict) else ""
    mapping = parse(LogMapping, content, file=file, entry=entry)
    mapping._file = file  # noqa: SLF001 - the model's own; a field could be set from YAML
    return mapping
