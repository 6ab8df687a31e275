"""Redaction of milestones and dead letters, before they are kept. Pure.

What the store does to telemetry by SQL is done here to milestone events, value by value and with
the same results, so that an object that is hashed on a span and in an event is the same object.
Dead letters keep their payload whole, in a file that only its owner can read; what is shown of
them, preview and reason, is redacted.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import msgspec

from collector.bodies import is_too_deep
from collector.refusals import Refusal, preview
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
    BASE64_TEXT,
    HASH_DIGITS,
    HASH_PREFIX,
    IDENTITY_KEYS,
    MASK,
    STRUCTURED,
    Action,
    Redacted,
    Redaction,
    SignalRules,
    compile_pattern,
)

_TRANSACTION = "bamtxid"
_KEPT_UNLISTED = frozenset(
    {"traceparent", "sequence", "recordedtime", "expirytime", "dataclassification"}
)
"""Extensions with a meaning and a form of their own; they stay where unlisted text is dropped."""
_CONTEXT_KEYS = frozenset({"specversion", "type", "time", "subject", "datacontenttype"})
_NATIVE_KEYS = frozenset({"milestone", "outcome", "type", "id", "sequence", "environment"})
_SHORTEST_SECRET = 3
_PREVIEW_SEARCHED = 64 * 1024
SHORT = 200
"""Characters of a value whose redaction is remembered."""
_JSON_KEY = compile_pattern(r'"((?:[^"\\]|\\.)*)"\s*:')
_JSON_ESCAPE = compile_pattern(r"\\(?:u[0-9a-fA-F]{4}|.)")
_HASHED = re.compile(rf"{HASH_PREFIX}[0-9a-f]{{{HASH_DIGITS}}}")

_STEPS: dict[NormalizationStep, Callable[[str], str]] = {
    "trim": str.strip,
    "upper": str.upper,
    "lower": str.lower,
    "strip_leading_zeros": lambda text: re.sub(r"\A0+(?=.)", "", text, flags=re.DOTALL),
    "alphanumeric": lambda text: re.sub(r"[^0-9A-Za-z]", "", text),
}


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
        self._milestones = _Rules(self.rules[Redacted.MILESTONES], key)
        everywhere = [(r.action, source) for r in redaction.rules for source in r.values]
        self._anywhere = _Rules(SignalRules(patterns=tuple(everywhere)), key)

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
        return replace(
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
        found = {}
        for name, value in extensions.items():
            key = OBJECT_PREFIX + name if name == _TRANSACTION else name
            kept = self._milestones.value(key, value)
            if kept is None and name in _KEPT_UNLISTED:
                kept = self.plain(value)
            if kept is not None:
                found[name] = kept
        return found

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
        secrets: set[str] = set()
        shown = self._preview(refusal.payload, secrets)
        letter = refusal.letter
        return replace(
            refusal,
            letter=replace(
                letter,
                environment=self.plain(letter.environment),
                source=self.identity(EVENT_SOURCE_ATTRIBUTE, letter.source),
                event_id=self.identity(EVENT_ID_ATTRIBUTE, letter.event_id),
                type=self.text(self.plain(letter.type)),
                reason=self.text(_without(letter.reason, secrets)),
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
        return preview(self.text(text[:_PREVIEW_SEARCHED]).encode())

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


class _Rules:
    """The rules about one signal, applied to one text at a time."""

    def __init__(self, rules: SignalRules, key: bytes) -> None:
        self.rules = rules
        self.keys = [(action, compile_pattern(source)) for action, source in rules.keys]
        self._patterns = [(action, compile_pattern(source)) for action, source in rules.patterns]
        self._any = compile_pattern(rules.any_pattern) if rules.patterns else None
        self._hidden = compile_pattern(rules.hidden_keys) if rules.hidden_keys else None
        self._listed = compile_pattern(rules.listed_keys)
        self._identity = compile_pattern(IDENTITY_KEYS)
        self._token = compile_pattern(BASE64_TEXT)
        self._quoted_token = compile_pattern(f'"({BASE64_TEXT})"')
        self._cached_action = lru_cache(maxsize=4096)(self._action)
        self._hmac = partial(hmac.new, key, digestmod=hashlib.sha256)
        # Facets and business keys come again and again.
        self._of_key = lru_cache(maxsize=4096)(self._key)
        self._remembered = lru_cache(maxsize=32768)(self._value)

    def value(self, key: str, value: str) -> str | None:
        """The value of an attribute; None where it is dropped."""
        return self._remembered(key, value) if len(value) <= SHORT else self._value(key, value)

    def _value(self, key: str, value: str) -> str | None:
        action, is_identity, is_listed = self._of_key(key)
        if action is not None:
            if action is Action.ALLOW:
                return value
            hashes = action is Action.HASH or is_identity
            return self.hashed(key, value) if hashes else MASK
        if not is_listed:
            return None
        if is_identity and self._any:
            found = not _HASHED.fullmatch(value) and (self._any.search(value) or self._hides(value))
            return self.hashed(key, value) if found else value
        return self.searched(key, value)

    def suspicious(self, key: str) -> str | None:
        """What every value is found by that is not kept as it is; None where any may change."""
        action, _, is_listed = self._of_key(key)
        if action is not None or not is_listed:
            return None
        inside = [rf"\A{STRUCTURED}", rf"\A{BASE64_TEXT}\z"]
        return "|".join(inside + [f"(?s:{self.rules.any_pattern})"] * bool(self._any))

    def _key(self, key: str) -> tuple[Action | None, bool, bool]:
        """What a rule says of a key, whether it names an identity, and whether it may be kept."""
        is_listed = not self.rules.drop_unlisted or self._listed.fullmatch(key) is not None
        is_identity = self._identity.fullmatch(key) is not None
        found = (action for action, pattern in self.keys if pattern.fullmatch(key))
        return next(found, None), is_identity, is_listed

    def hashed(self, key: str, value: str) -> str:
        """A value as its keyed hash, a list as that of its items."""
        if not value or _HASHED.fullmatch(value):
            return value
        items = _json_list(value)
        if items is None:
            return self._hash(self._normalized(key, value))
        return json.dumps(
            [self._hash(self._normalized(key, item)) for item in items], separators=(",", ":")
        )

    def searched(self, key: str, text: str) -> str:
        """A text with its matches replaced; all of it, where they are in what it encodes."""
        if not text:
            return text
        found = self.replaced(text)
        if text[0] in "[{" and (self._names_hidden(key, text) or self._escaped(found)):
            return MASK
        return MASK if self._hides(text) else found

    def replaced(self, text: str) -> str:
        """A text with what the patterns match replaced."""
        if self._any is None or not self._any.search(text):
            return text
        for action, pattern in self._patterns:
            instead = self._hash if action is Action.HASH else _masked
            text = pattern.sub(lambda match, made=instead: made(match[0]), text)  # type: ignore[misc]
        return text

    def named(self, value: Any, path: tuple[str, ...]) -> Any:
        """A part of an event in which everything that rules name by its key is hidden."""
        if path and not isinstance(value, list):
            action = self.action_for(path)
            if action is not None:
                return self._hidden_all(action, value)
        if isinstance(value, dict):
            return {key: self.named(item, (*path, str(key))) for key, item in value.items()}
        if isinstance(value, list):
            return [self.named(item, path) for item in value]
        return value

    def action_for(self, path: Sequence[str]) -> Action | None:
        """What is done with a part of an event, by the first rule that names its key."""
        # The same few places come again and again; a long one is not worth its memory.
        is_short = sum(map(len, path)) < SHORT
        return (self._cached_action if is_short else self._action)(tuple(path))

    def _action(self, path: tuple[str, ...]) -> Action | None:
        spellings = _spellings(path)
        for action, pattern in self.keys:
            if any(pattern.fullmatch(key) for key in spellings):
                return action
        return None

    def _hidden_all(self, action: Action, value: Any) -> Any:
        if action is Action.ALLOW or value is None:
            return value
        if action is Action.DENY:
            return MASK
        if isinstance(value, dict):
            return {key: self._hidden_all(action, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._hidden_all(action, item) for item in value]
        return self.hashed("", attribute_text(value))

    def _hash(self, text: str) -> str:
        digest = self._hmac(msg=text.encode()).hexdigest()
        return HASH_PREFIX + digest[:HASH_DIGITS]

    def _normalized(self, key: str, value: str) -> str:
        for step in self.rules.normalized_keys.get(key, ()):
            value = _STEPS[step](value)
        return value

    def _names_hidden(self, key: str, text: str) -> bool:
        if self._hidden is None:
            return False
        names = [match[1] for match in _JSON_KEY.finditer(text)]
        return any(self._hidden.fullmatch(spelled) for n in names for spelled in (n, f"{key}.{n}"))

    def _escaped(self, text: str) -> bool:
        return self._any is not None and bool(self._any.search(_JSON_ESCAPE.sub(" ", text)))

    def _hides(self, text: str) -> bool:
        """Whether base64 in a text decodes to a match."""
        if self._any is None:
            return False
        if text[:1] in ("[", "{"):
            tokens = [match[1] for match in self._quoted_token.finditer(text)]
        else:
            tokens = [text] if self._token.fullmatch(text) else []
        return any(self._any.search(_decoded(token)) for token in tokens)


def _masked(text: str) -> str:
    return MASK


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode("utf-8", errors="replace")
    except (binascii.Error, ValueError):
        return ""


def _json_list(text: str) -> list[str] | None:
    """The items of a JSON list as text, None for what is no list."""
    if not text.startswith("["):
        return None
    try:
        items = msgspec.json.decode(text, type=list[msgspec.Raw])
        return [
            msgspec.json.decode(raw) if bytes(raw)[:1] == b'"' else bytes(raw).decode()
            for raw in items
        ]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _spellings(path: Sequence[str]) -> tuple[str, ...]:
    """The keys that a rule may call a part of an event by: its own, and with what it lies in."""
    return tuple(".".join(path[begin:]) for begin in range(len(path)))


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
