"""Redaction: what must not be stored, and what is stored as a keyed hash instead. `redaction.yaml`.

Rules are held against an attribute's key in file order; the first that names it decides. `allow`
keeps a value as it is, `deny` puts a mask in its place, `hash` a keyed hash. Values that no rule
names, and all other text, are searched for the `values` patterns; what matches is replaced where it
stands. Patterns are written in what RE2 and Python have in common, since telemetry is redacted by
the store and milestones are at the door.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from suture.contracts.trace import (
    EVENT_ID_ATTRIBUTE,
    EVENT_SOURCE_ATTRIBUTE,
    FACET_PREFIX,
    MILESTONE_ATTRIBUTE,
    OBJECT_PREFIX,
    OUTCOME_ATTRIBUTE,
    REASON_ATTRIBUTE,
)
from suture.definitions.process import NormalizationStep
from suture.definitions.source import Definition
from suture.definitions.values import Name, Names, TypeName

MASK = "(redacted)"
"""What stands where something was denied."""

HASH_PREFIX = "h-"
HASH_DIGITS = 32
"""A keyed hash is the prefix and so many hex digits of an HMAC-SHA256."""

_FLAGS = re.compile(r"\(\?([ims]+)\)")
_NOT_IN_RE2 = re.compile(
    r"(?<!\\)(?:\\\\)*(?:\(\?(?:<?[=!]|>|\(|P=|#)|\\[1-9ABZzuUN]|[*+?}][+]|\{,)"
)
_PROBES = ("", "a", "1", " ", "Ab 1-2_@.")


class Action(StrEnum):
    """What becomes of a value."""

    ALLOW = "allow"
    DENY = "deny"
    HASH = "hash"


class Redacted(StrEnum):
    """What a rule is about."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"
    MILESTONES = "milestones"


class Unlisted(StrEnum):
    """What becomes of attributes that no rule names."""

    KEEP = "keep"
    DROP = "drop"


class TextField(StrEnum):
    """Text that is no attribute, by the names that rules use."""

    SPAN_NAME = "span_name"
    STATUS_MESSAGE = "status_message"
    TRACE_STATE = "trace_state"
    EVENT_NAME = "event_name"
    SCOPE_NAME = "scope_name"
    SCOPE_VERSION = "scope_version"
    RESOURCE_SCHEMA_URL = "resource_schema_url"
    SCOPE_SCHEMA_URL = "scope_schema_url"
    BODY = "body"
    SEVERITY_TEXT = "severity_text"
    METRIC_NAME = "metric_name"
    METRIC_DESCRIPTION = "metric_description"
    METRIC_UNIT = "metric_unit"
    REASON = "reason"


def _require_pattern(text: str) -> str:
    """A pattern that RE2 and Python read alike; leading flags become a group of their own."""
    flags = _FLAGS.match(text)
    scoped = f"(?{flags[1]}:{text[flags.end() :]})" if flags else text
    if odd := _NOT_IN_RE2.search(text):
        raise ValueError(f"{text!r}: {odd[0].strip()} is not supported; patterns are those of RE2")
    try:
        compiled = compile_pattern(scoped)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from error
    if compiled.groups:
        raise ValueError(f"{text!r}: write groups as (?:…), they capture nothing here")
    if any(not match[0] for probe in _PROBES for match in compiled.finditer(probe)):
        raise ValueError(f"{text!r} matches where there is nothing")
    return scoped


Pattern = Annotated[str, AfterValidator(_require_pattern)]
Patterns = Annotated[
    tuple[Pattern, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)
]


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class RedactionRule(Definition):
    """One rule. `keys` are globs without regard to case; `values` are regular expressions.

    `objects` are object types, whose ids are hashed wherever they appear, after the normalisation
    of their type.
    """

    rule: Name
    action: Action
    keys: Names = ()
    objects: Annotated[tuple[TypeName, ...], BeforeValidator(_one_or_many)] = ()
    fields: Annotated[tuple[TextField, ...], BeforeValidator(_one_or_many)] = ()
    values: Patterns = ()
    signals: Annotated[tuple[Redacted, ...], BeforeValidator(_one_or_many)] = Field(
        default=tuple(Redacted), min_length=1
    )

    @field_validator("keys")
    @classmethod
    def _plain_globs(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for key in keys:
            if "[" in key:
                raise ValueError(f"{key!r}: a glob has * and ?, and no [")
        return keys

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.keys or self.objects or self.fields or self.values):
            raise ValueError("keys: is required, or objects, fields, or values")
        if self.action is Action.ALLOW and self.values:
            raise ValueError("values: cannot be allowed; name the keys that hold them")
        if self.action is Action.DENY and self.objects:
            raise ValueError("objects: cannot be denied, all would become one; hash them")
        return self


class Redaction(Definition):
    """`redaction.yaml`. Without rules, everything is stored as it came."""

    unlisted: dict[Redacted, Unlisted] = Field(default_factory=dict)
    rules: tuple[RedactionRule, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        seen: set[str] = set()
        for rule in self.rules:
            if rule.rule in seen:
                raise ValueError(f"rules: {rule.rule!r} stands twice")
            seen.add(rule.rule)
        return self

    def of(
        self,
        signal: Redacted,
        normalization: Mapping[str, tuple[NormalizationStep, ...]] | None = None,
    ) -> "SignalRules":
        """The rules about one signal; `normalization` is that of object types."""
        about = [rule for rule in self.rules if signal in rule.signals]
        steps = [(rule.action, source) for rule in about for source in _key_sources(rule)]
        fields: dict[TextField, Action] = {}
        for rule in about:
            for name in rule.fields:
                fields.setdefault(name, rule.action)
        return SignalRules(
            keys=tuple(_merged(steps)),
            fields=fields,
            patterns=tuple((rule.action, source) for rule in about for source in rule.values),
            drop_unlisted=self.unlisted.get(signal) is Unlisted.DROP,
            normalization={t: s for t, s in (normalization or {}).items() if s},
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SignalRules:
    """The rules about one signal, as regular expressions that have to match a whole key."""

    keys: tuple[tuple[Action, str], ...] = ()
    fields: Mapping[TextField, Action] = field(default_factory=dict)
    patterns: tuple[tuple[Action, str], ...] = ()
    drop_unlisted: bool = False
    normalization: Mapping[str, tuple[NormalizationStep, ...]] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.keys or self.fields or self.patterns or self.drop_unlisted)

    @property
    def hidden_keys(self) -> str:
        """Keys whose values do not stay as they are; empty where there is none."""
        return _either(source for action, source in self.keys if action is not Action.ALLOW)

    @property
    def listed_keys(self) -> str:
        """Keys that stay in when unlisted ones are dropped."""
        return _either([*(source for _, source in self.keys), STRUCTURAL_KEYS])

    @property
    def normalized_keys(self) -> dict[str, tuple[NormalizationStep, ...]]:
        """How the ids under an object's attribute are normalised, by that attribute's key."""
        return {OBJECT_PREFIX + type_: steps for type_, steps in self.normalization.items()}

    @property
    def any_pattern(self) -> str:
        """What any of the value patterns matches; empty where there is none."""
        return _either(source for _, source in self.patterns)


def _quoted(*names: str) -> str:
    return "|".join(map(re.escape, names))


IDENTITY_KEYS = (
    f"(?:{_quoted(OBJECT_PREFIX)}(?s:.*)|{_quoted(EVENT_ID_ATTRIBUTE, EVENT_SOURCE_ATTRIBUTE)})"
)
"""Keys of what tells one thing from another: hashed where others are masked."""

STRUCTURED = r"[\[{]"
"""How a list or a map begins that is stored as JSON text."""

BASE64_TEXT = r"(?:[A-Za-z0-9+/]{4}){3,}(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)"
"""Bytes as they are stored; fewer than ten are not looked into."""

STRUCTURAL_KEYS = (
    f"(?:{IDENTITY_KEYS}|{_quoted(MILESTONE_ATTRIBUTE, OUTCOME_ATTRIBUTE)}"
    r"|service\.name|deployment\.environment(?:\.name)?)"
)
"""Keys that the platform itself lives by: never dropped for not being listed."""


def compile_pattern(source: str) -> re.Pattern[str]:
    """A pattern as the store reads it: a dot matches everything, classes are ASCII."""
    return re.compile(source, re.ASCII | re.DOTALL)


def _glob_source(glob: str) -> str:
    text = "".join({"*": "(?s:.*)", "?": "(?s:.)"}.get(c) or re.escape(c) for c in glob)
    return f"(?:{re.escape(FACET_PREFIX)})?{text}"


def _key_sources(rule: RedactionRule) -> Iterable[str]:
    yield from map(_glob_source, rule.keys)
    yield from (re.escape(OBJECT_PREFIX + type_) for type_ in rule.objects)
    if TextField.REASON in rule.fields:
        # The reason of a milestone rides on telemetry as an attribute.
        yield re.escape(REASON_ATTRIBUTE)


def _merged(steps: Iterable[tuple[Action, str]]) -> Iterable[tuple[Action, str]]:
    """Neighbours with one action as one expression, so that a key is held against few."""
    for action, group in groupby(steps, key=lambda step: step[0]):
        yield action, f"(?i:{_either(source for _, source in group)})"


def _either(sources: Iterable[str]) -> str:
    return "|".join(f"(?:{source})" for source in sources)
