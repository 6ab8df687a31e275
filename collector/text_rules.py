"""The rules of redaction about one signal, applied to one text at a time. Pure.

What this says of a value is what the store's SQL says of it on telemetry.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import msgspec

from suture.contracts.milestone import attribute_text
from suture.definitions.process import NormalizationStep
from suture.definitions.redaction import (
    BASE64_TEXT,
    HASH_DIGITS,
    HASH_PREFIX,
    IDENTITY_KEYS,
    MASK,
    STRUCTURED,
    Action,
    SignalRules,
    compile_pattern,
)

SHORT = 200
"""Characters of a key and a value whose redaction is remembered."""
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


class TextRules:
    """The rules about one signal, applied to one text at a time."""

    def __init__(self, rules: SignalRules, key: bytes) -> None:
        """Prepare the rules; `key` is what hashes are keyed with."""
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
        is_short = len(key) + len(value) <= SHORT
        return (self._remembered if is_short else self._value)(key, value)

    def _value(self, key: str, value: str) -> str | None:
        action, is_identity, is_listed = self._about(key)
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
        action, _, is_listed = self._about(key)
        if action is not None or not is_listed:
            return None
        inside = [rf"\A{STRUCTURED}", rf"\A{BASE64_TEXT}\z"]
        return "|".join(inside + [f"(?s:{self.rules.any_pattern})"] * bool(self._any))

    def _about(self, key: str) -> tuple[Action | None, bool, bool]:
        return (self._of_key if len(key) <= SHORT else self._key)(key)

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
