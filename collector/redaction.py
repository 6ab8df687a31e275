"""Redaction of milestones and dead letters, before they are kept. Pure.

What the store does to telemetry by SQL is done here to milestone events, value by value and with
the same results, so that an object that is hashed on a span and in an event is the same object.
Dead letters keep their payload whole, in a file that only its owner can read; what is shown of
them, preview and reason, is redacted.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from collector.bodies import is_too_deep
from collector.refusals import Refusal, preview
from collector.text_rules import TextRules
from suture.contracts.milestone import Milestone, attribute_text
from suture.contracts.objects import ObjectRef
from suture.contracts.trace import (
    EVENT_ID_ATTRIBUTE,
    EVENT_SOURCE_ATTRIBUTE,
    MILESTONE_ATTRIBUTE,
    OBJECT_PREFIX,
    REASON_ATTRIBUTE,
)
from suture.definitions.catalog import Catalog
from suture.definitions.process import NormalizationStep
from suture.definitions.redaction import (
    MASK,
    Action,
    Redacted,
    Redaction,
    SignalRules,
)

_TRANSACTION = "bamtxid"
_KEPT_UNLISTED = frozenset(
    {"traceparent", "sequence", "recordedtime", "expirytime", "dataclassification"}
)
"""Extensions with a meaning and a form of their own; they stay where unlisted text is dropped."""
_CONTEXT_KEYS = frozenset({"specversion", "type", "time", "subject", "datacontenttype"})
_NATIVE_KEYS = frozenset({"milestone", "outcome", "type", "id", "sequence", "environment"})
_SHORTEST_SECRET = 3
_PREVIEW_BYTES = 64 * 1024
"""A larger input is not searched for what may be shown of it: each MiB would take half a second in
which the doors answer nobody."""
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")


class Redactor:
    """Redacts by the rules of a configuration, with the key of an installation."""

    def __init__(
        self,
        redaction: Redaction,
        key: bytes,
        normalization: Mapping[str, tuple[NormalizationStep, ...]] | None = None,
    ) -> None:
        """Prepare the rules; `normalization` is that of object types."""
        self.key = key
        self.rules: dict[Redacted, SignalRules] = {
            signal: redaction.of(signal, normalization) for signal in Redacted
        }
        self._milestones = TextRules(self.rules[Redacted.MILESTONES], key)
        everywhere = [(r.action, source) for r in redaction.rules for source in r.values]
        self._anywhere = TextRules(SignalRules(patterns=tuple(everywhere)), key)

    @classmethod
    def of(cls, catalog: Catalog, key: bytes) -> "Redactor":
        """The redactor of a catalogue."""
        steps = {name: of_type.normalize for name, of_type in catalog.object_types.items()}
        return cls(catalog.redaction, key, steps)

    @classmethod
    def none(cls) -> "Redactor":
        """One that leaves everything as it is."""
        return cls(Redaction(), b"")

    @property
    def any(self) -> bool:
        """Whether anything is redacted at all."""
        return any(rules.any for rules in self.rules.values())

    def text(self, text: str) -> str:
        """Free text, a log line say, without what any pattern of any rule matches."""
        return self._anywhere.replaced(text)

    # -- milestones -------------------------------------------------------------------------------

    def milestone(self, milestone: Milestone) -> Milestone:
        """A milestone as it may be kept. One that was redacted before stays as it is."""
        if not self._milestones.rules.any:
            return milestone
        return msgspec.structs.replace(
            milestone,
            source=self.identity(EVENT_SOURCE_ATTRIBUTE, milestone.source),
            id=self.identity(EVENT_ID_ATTRIBUTE, milestone.id),
            milestone=self.identity(MILESTONE_ATTRIBUTE, milestone.milestone),
            objects=tuple(dict.fromkeys(map(self.object, milestone.objects))),
            environment=self.plain(milestone.environment),
            system=self.plain(milestone.system),
            attributes=self.attributes(milestone.attributes),
            reason=self.reason(milestone.reason),
            extensions=self._extensions(milestone.extensions),
        )

    def identity(self, key: str, value: str) -> str:
        """What tells one event or object from others: never masked, but hashed."""
        return self._milestones.value(key, value) or value

    def object(self, ref: ObjectRef) -> ObjectRef:
        """An object by its type's rules."""
        return ObjectRef(
            type=self.name(ref.type),
            id=self.identity(OBJECT_PREFIX + ref.type, ref.id),
        )

    def plain(self, text: str) -> str:
        """Text that no key goes with."""
        return self._milestones.searched("", text) if text else text

    def reason(self, text: str) -> str:
        """The reason of a milestone's outcome."""
        return (self._milestones.value(REASON_ATTRIBUTE, text) or "") if text else text

    def attributes(self, attributes: Mapping[str, str]) -> dict[str, str]:
        """Facets, without those that are dropped."""
        found = {}
        for key, value in attributes.items():
            kept = self.facet(key, value)
            if kept is not None:
                found[self.name(key)] = kept
        return found

    def facet(self, key: str, value: str) -> str | None:
        """The value of a facet; None where it is dropped."""
        return self._milestones.value(key, value)

    def name(self, text: str) -> str:
        """The name of a facet or of a type of objects."""
        return self._milestones.replaced(text)

    def suspicious(self, key: str) -> str | None:
        """An RE2 pattern that is found in every value under `key` which is not kept as it is.

        None where any value may change.
        """
        return self._milestones.suspicious(key)

    def _extensions(self, extensions: Mapping[str, str]) -> dict[str, str]:
        made = {name: self.extension(name, value) for name, value in extensions.items()}
        return {name: value for name, value in made.items() if value is not None}

    def extension(self, name: str, value: str) -> str | None:
        """The value of an event's extension; None where it is dropped."""
        kept = self._milestones.value(extension_key(name), value)
        return self.plain(value) if kept is None and name in _KEPT_UNLISTED else kept

    def event_content(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """An event's content, with what rules name by its key hidden before a contract reads it."""
        if not self._milestones.rules.hidden_keys or "data" not in content:
            return content
        return {**content, "data": self._milestones.named(content["data"], ())}

    # -- dead letters -----------------------------------------------------------------------------

    def refusal(self, refusal: Refusal) -> Refusal:
        """A refusal of which nothing is shown that may not be kept; its payload stays whole."""
        if not self.any:
            return refusal
        letter, secrets = refusal.letter, set[str]()
        if len(refusal.payload) <= _PREVIEW_BYTES:
            shown = self._preview(refusal.payload, secrets)
            reason = _without(letter.reason, secrets)
        else:
            shown = f"(not shown: {len(refusal.payload)} bytes, too many to be searched)"
            reason = _QUOTED.sub(MASK, letter.reason)
        return replace(
            refusal,
            letter=replace(
                letter,
                environment=self.plain(letter.environment),
                source=self.identity(EVENT_SOURCE_ATTRIBUTE, letter.source),
                event_id=self.identity(EVENT_ID_ATTRIBUTE, letter.event_id),
                type=self.text(self.plain(letter.type)),
                reason=self.text(reason),
                preview=shown,
            ),
        )

    def _preview(self, payload: bytes, secrets: set[str]) -> str:
        try:
            content = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return f"(not shown: {len(payload)} bytes that are no JSON)"
        if is_too_deep(payload, content):
            return f"(not shown: {len(payload)} bytes, nested too deeply)"
        hidden = self._shown(content, (), secrets)
        text = json.dumps(hidden, ensure_ascii=False, separators=(",", ":"), default=str)
        # Every value was searched whole; this finds what reaches across them, where it is shown.
        return preview(self.text(text).encode())

    def _shown(self, value: Any, path: Sequence[str], secrets: set[str]) -> Any:
        """A part of a refused event, redacted; what was hidden is added to `secrets`."""
        if isinstance(value, dict):
            type_ = value.get("type")
            shown = {}
            for key, item in value.items():
                is_object = key == "id" and len(path) > 1 and isinstance(type_, str)
                name = OBJECT_PREFIX + str(type_) if is_object else str(key)
                clean = self._milestones.replaced(str(key))
                secrets.update({str(key)} if clean != key else ())
                shown[clean] = self._shown(item, (*path, name), secrets)
            return shown
        if isinstance(value, list):
            return [self._shown(item, path, secrets) for item in value]
        if value is None or isinstance(value, bool):
            return value
        text = attribute_text(value)
        kept = self._shown_text(path, text)
        if kept == text:
            return value
        secrets.add(text)
        return kept

    def _shown_text(self, path: Sequence[str], text: str) -> str:
        rules = self._milestones
        if path in (("id",), ("source",)):
            key = EVENT_ID_ATTRIBUTE if path[0] == "id" else EVENT_SOURCE_ATTRIBUTE
            return self.identity(key, text)
        name = path[-1] if path else ""
        is_object = name.startswith(OBJECT_PREFIX)
        action = rules.action_for(path)
        if action is Action.ALLOW:
            return text
        if action is not None:
            return rules.hashed(name, text) if is_object else MASK
        structural = _CONTEXT_KEYS | _NATIVE_KEYS | _KEPT_UNLISTED
        if rules.rules.drop_unlisted and not is_object and name not in structural:
            return MASK
        return rules.value(name, text) or MASK if is_object else rules.searched(name, text)


def extension_key(name: str) -> str:
    """The key by which rules know an event's extension."""
    return OBJECT_PREFIX + name if name == _TRANSACTION else name


def _without(text: str, secrets: set[str]) -> str:
    """A sentence without the values that it quotes."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            for spelled in {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]}:
                text = text.replace(spelled, MASK)
    return text


def redacting_log_lines(redactor: Redactor) -> Callable[[Any, str, Any], Any]:
    """A step of a structlog pipeline: no log line holds what any pattern matches."""

    def redact(_logger: Any, _method: str, line: Any) -> Any:
        for name, value in line.items():
            if isinstance(value, str):
                line[name] = redactor.text(value)
            elif isinstance(value, BaseException | list | tuple | dict):
                line[name] = redactor.text(str(value))
        return line

    return redact
