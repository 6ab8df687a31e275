"""The SQL that redacts: what a view over telemetry gives, with the text in every column searched.

Columns are taken as they are found: every one that holds text is searched, so a new one is by
default. Most rows have nothing to hide, and one look at all their text at once tells; only the
others are worked on. That look may err towards yes. What repeats from row to row, keys and
resources, is looked at once per distinct text.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from suture.definitions.process import NormalizationStep
from suture.definitions.redaction import (
    BASE64_TEXT,
    IDENTITY_KEYS,
    MASK,
    STRUCTURED,
    Action,
    SignalRules,
    TextField,
)
from suture.errors import InstallationError
from suture.store.queries import load

_SQL = load("redaction")
_HOLE = re.compile(r"\{\{(\w+)\}\}")

UNTOUCHED = frozenset(
    {
        "TraceId",
        "SpanId",
        "ParentSpanId",
        "SpanKind",
        "StatusCode",
        "Links.TraceId",
        "Links.SpanId",
        "Exemplars.TraceId",
        "Exemplars.SpanId",
        "Kind",
    }
)
"""Text columns in which no text rides: ids in hexadecimal digits, and names of ours."""

FIELDS = {
    "SpanName": TextField.SPAN_NAME,
    "StatusMessage": TextField.STATUS_MESSAGE,
    "TraceState": TextField.TRACE_STATE,
    "Links.TraceState": TextField.TRACE_STATE,
    "Events.Name": TextField.EVENT_NAME,
    "EventName": TextField.EVENT_NAME,
    "ScopeName": TextField.SCOPE_NAME,
    "ScopeVersion": TextField.SCOPE_VERSION,
    "ResourceSchemaUrl": TextField.RESOURCE_SCHEMA_URL,
    "ScopeSchemaUrl": TextField.SCOPE_SCHEMA_URL,
    "Body": TextField.BODY,
    "SeverityText": TextField.SEVERITY_TEXT,
    "MetricName": TextField.METRIC_NAME,
    "MetricDescription": TextField.METRIC_DESCRIPTION,
    "MetricUnit": TextField.METRIC_UNIT,
}
_HOLE = re.compile(r"\{\{(\w+)\}\}")

_STEPS: dict[NormalizationStep, Callable[[str], str]] = {
    "trim": lambda v: rf"replaceRegexpAll({v}, '^\\s+|\\s+$', '')",
    "upper": lambda v: f"upperUTF8({v})",
    "lower": lambda v: f"lowerUTF8({v})",
    "strip_leading_zeros": lambda v: f"replaceRegexpOne({v}, '^0+(.)', '\\\\1')",
    "alphanumeric": lambda v: f"replaceRegexpAll({v}, '[^0-9A-Za-z]', '')",
}


_TEXT = "String"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """How a column of one type joins all text of its row, and how it is taken out again.

    Expressions over the column `{c}`: its `keys` and `values`, one per text, their `count`, all as
    one `text` to look at; `rebuilt` is the block that makes a column of its part of the results.
    """

    keys: str
    values: str
    count: str
    text: str
    rebuilt: str


_PARTS = {
    _TEXT: _Part(keys="['\\0']", values="[{c}]", count="1", text="{c}", rebuilt="rebuilt_text"),
    "Array(String)": _Part(
        keys="arrayMap(c -> '\\0', {c})",
        values="{c}",
        count="length({c})",
        text="arrayStringConcat({c}, '\\n')",
        rebuilt="rebuilt_texts",
    ),
    "Map(String, String)": _Part(
        keys="mapKeys({c})",
        values="mapValues({c})",
        count="length({c})",
        text="arrayStringConcat(mapValues({c}), '\\n')",
        rebuilt="rebuilt_map",
    ),
    "Array(Map(String, String))": _Part(
        keys="arrayFlatten(arrayMap(m -> mapKeys(m), {c}))",
        values="arrayFlatten(arrayMap(m -> mapValues(m), {c}))",
        count="arraySum(m -> length(m), {c})",
        text="arrayStringConcat(arrayMap(m -> arrayStringConcat(mapValues(m), '\\n'), {c}), '\\n')",
        rebuilt="rebuilt_maps",
    ),
}
"""By column type, LowCardinality aside."""


class RedactingSelect:
    """Writes the select of a view that redacts, over the `columns` (name to type) of another."""

    def __init__(self, columns: Mapping[str, str], rules: SignalRules, *, many: bool) -> None:
        """`many` says whether the engine can look for many patterns at once."""
        self._declared = dict(columns)
        self._columns = {name: _plain_type(kind) for name, kind in columns.items()}
        self._rules = rules
        self._many = many
        self._any = _literal(rules.any_pattern) if rules.patterns else ""
        self._searched = {
            name: kind
            for name, kind in sorted(self._columns.items(), key=lambda c: c[1] != _TEXT)
            if "String" in kind and name not in UNTOUCHED and self._action(name) is None
        }
        if odd := sorted(n for n, kind in self._searched.items() if kind not in _PARTS):
            raise InstallationError(f"{', '.join(odd)}: text in such columns cannot be redacted")

    @property
    def names(self) -> str:
        """The columns' names."""
        return ", ".join(f"`{name}`" for name in self._columns)

    @property
    def declared(self) -> str:
        """The columns, as a table of them is declared."""
        return ", ".join(f"`{name}` {kind}" for name, kind in self._declared.items())

    def looking(self, source: str, landing: str) -> str:
        """The select of a view that marks the rows which may have something to redact."""
        suspect = f"toUInt8({self._suspect()})"
        return filled("looking_select", suspect=suspect, source=source, landing=landing)

    def over(self, source: str) -> str:
        """The select of a view that redacts the marked rows of a table."""
        return filled(
            "redacting_select",
            columns=",\n".join(f"{self._column(name)} AS `{name}`" for name in self._columns),
            keys=", ".join(_PARTS[kind].keys.format(c=f"`{n}`") for n, kind in self._parts),
            values=", ".join(_PARTS[kind].values.format(c=f"`{n}`") for n, kind in self._parts),
            decision=self._decision(),
            key=self._replaced("k"),
            hashed=self._hash_whole("v", "k"),
            searched=self._text_searched("v"),
            mask=_literal(MASK),
            source=source,
        )

    @property
    def _parts(self) -> list[tuple[str, str]]:
        return list(self._searched.items())

    def _action(self, name: str) -> Action | None:
        """What a rule says of a whole column."""
        text_field = FIELDS.get(name)
        return self._rules.fields.get(text_field) if text_field else None

    # -- the first look ---------------------------------------------------------------------------

    def _suspect(self) -> str:
        """Whether a row may have something to redact."""
        in_keys, in_values = self._guards()
        looks = []
        if in_values:
            looks.append(self._found(self._text_of(self._texts(shared=False)), in_values))
            shared = self._text_of(self._texts(shared=True))
            looks.append(self._found(f"toLowCardinality({shared})", in_values))
        if in_keys:
            keys = self._text_of(self._keys())
            looks.append(self._found(f"toLowCardinality({keys})", in_keys))
        if self._rules.drop_unlisted:
            listed = f"match(k, {_whole(self._rules.listed_keys)})"
            looks += [f"NOT arrayAll(k -> {listed}, {keys})" for keys in self._key_lists()]
        return " OR ".join(looks) or "0"

    def _guards(self) -> tuple[list[str], list[str]]:
        """What a key, and what a value, has to match to be looked at more closely."""
        patterns = [source for _, source in self._rules.patterns]
        hidden = self._rules.hidden_keys
        in_values = list(patterns)
        if patterns or hidden:
            in_values.append(f"^{STRUCTURED}")
        if patterns:
            in_values.append(f"^{BASE64_TEXT}$")
        return patterns + ([f"^(?:{hidden})$"] if hidden else []), in_values

    def _found(self, text: str, sources: list[str]) -> str:
        # Texts stand on lines of their own, so the ends of a text are those of a line.
        lines = [f"(?m:{source})" for source in sources]
        if self._many:
            return f"multiMatchAny({text}, [{', '.join(map(_literal, lines))}])"
        return f"match({text}, {_literal('|'.join(lines))})"

    def _text_of(self, parts: list[str]) -> str:
        return f"arrayStringConcat([{', '.join(parts)}], '\\n')" if parts else "''"

    def _texts(self, *, shared: bool) -> list[str]:
        return [
            _PARTS[kind].text.format(c=f"`{name}`")
            for name, kind in self._parts
            if _is_shared(name) is shared
        ]

    def _keys(self) -> list[str]:
        return [f"arrayStringConcat({keys}, '\\n')" for keys in self._key_lists()]

    def _key_lists(self) -> list[str]:
        maps = [(name, kind) for name, kind in self._parts if "Map" in kind]
        return [_PARTS[kind].keys.format(c=f"`{name}`") for name, kind in maps]

    # -- what becomes of a suspect row ------------------------------------------------------------

    def _column(self, name: str) -> str:
        column, kind = f"`{name}`", self._columns[name]
        if (action := self._action(name)) is not None:
            return self._whole_field(column, kind, action)
        if name not in self._searched:
            return column
        return self._rebuilt(name, _PARTS[kind].rebuilt)

    def _whole_field(self, column: str, kind: str, action: Action) -> str:
        """A field that a rule names."""
        if action is Action.ALLOW:
            return column
        made = self._hash_whole("c", "")
        if action is Action.DENY:
            made = f"if(c = '', '', {_literal(MASK)})"
        if kind == _TEXT:
            return f"arrayMap(c -> {made}, [{column}])[1]"
        return f"arrayMap(c -> {made}, {column})"

    def _rebuilt(self, name: str, block: str) -> str:
        """What a block makes of a column's place in the array of everything that was searched."""
        begin = ["1"]
        for other, kind in self._parts:
            if other == name:
                break
            begin.append(_PARTS[kind].count.format(c=f"`{other}`"))
        column = f"`{name}`"
        count = _PARTS[self._columns[name]].count.format(c=column)
        return filled(block, first=f"({' + '.join(begin)})", c=column, count=count)

    def _decision(self) -> str:
        """0 keep, 1 mask, 2 hash, 3 search, 4 drop: what becomes of a value `v` of the key `k`."""
        identity = f"match(k, {_whole(IDENTITY_KEYS)})"
        codes = {Action.ALLOW: "0", Action.DENY: f"if({identity}, 2, 1)", Action.HASH: "2"}
        in_keys, in_values = self._guards()
        looks = [self._found("k", in_keys)] if in_keys else []
        looks += [self._found("v", in_values)] if in_values else []
        clean = f"NOT ({' OR '.join(looks)})" if looks else "1"
        if self._rules.drop_unlisted:
            clean = f"k != '\\0' AND match(k, {_whole(self._rules.listed_keys)}) AND {clean}"
        branches = [clean, "0", "k = '\\0'", "3"]
        for action, source in self._rules.keys:
            branches += [f"match(k, {_whole(source)})", codes[action]]
        if self._rules.drop_unlisted:
            branches += [f"NOT match(k, {_whole(self._rules.listed_keys)})", "4"]
        if self._rules.patterns:
            encoded = self._encoded("v")
            branches += [identity, f"if(match(v, {self._any}) OR {encoded}, 2, 0)"]
        return f"multiIf({', '.join([*branches, '3'])})"

    def _encoded(self, v: str) -> str:
        whole, quoted = _whole(BASE64_TEXT), _literal(f'"({BASE64_TEXT})"')
        return filled("encoded", v=v, any=self._any, whole=whole, quoted=quoted)

    def _text_searched(self, v: str) -> str:
        hidden, patterns = self._rules.hidden_keys, self._rules.patterns
        if not patterns and not hidden:
            return v
        return filled(
            "searched",
            v=v,
            replaced=self._replaced(v),
            hides=filled("hides", hidden=_whole(hidden)) if hidden else "0",
            escaped=filled("escaped", any=self._any) if patterns else "0",
            encoded=self._encoded("t") if patterns else "0",
            mask=_literal(MASK),
        )

    def _replaced(self, v: str) -> str:
        """A text with what the patterns match replaced."""
        for action, source in self._rules.patterns:
            if action is Action.HASH:
                hashed = filled("hash", v="found")
                v = filled("hash_matches", v=v, pattern=_literal(source), hash=hashed)
            else:
                v = filled("mask_matches", v=v, pattern=_literal(source), mask=_literal(MASK))
        return v

    def _hash_whole(self, v: str, k: str) -> str:
        return filled(
            "hash_whole",
            v=v,
            hash=filled("hash", v=self._normalized(k, "item")),
        )

    def _normalized(self, k: str, v: str) -> str:
        """An id as its type's declaration normalises it, so that all spellings hash alike."""
        branches = []
        for key, steps in self._rules.normalized_keys.items():
            normalized = v
            for step in steps:
                normalized = _STEPS[step](normalized)
            branches += [f"{k} = {_literal(key)}", normalized]
        return f"multiIf({', '.join([*branches, v])})" if k and branches else v


def filled(block: str, **holes: str) -> str:
    """A block of `redaction.sql` with its holes filled."""
    text = "\n".join(line for line in _SQL[block].splitlines() if not line.startswith("--"))
    # In one go: what fills a hole may look like another one.
    return _HOLE.sub(lambda hole: holes[hole[1]], text)


def _plain_type(kind: str) -> str:
    return kind.replace("LowCardinality(String)", "String")


def _is_shared(column: str) -> bool:
    """Whether a column says the same in many rows in a row."""
    return column.startswith(("Resource", "Scope", "Service"))


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _whole(source: str) -> str:
    return _literal(f"^(?:{source})$")
