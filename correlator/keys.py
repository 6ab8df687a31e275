"""Object keys: what makes two mentions of a business key the same object.

An id is normalised by its type's declared steps, in order, and scoped by an attribute of the event
where the type says so. Facts keep the raw ids.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import polars as pl

from suture.contracts.objects import ObjectKey
from suture.definitions.process import NormalizationStep, ObjectType

_SHORT_ID = 200
"""Characters of an id up to which it is remembered: together at most a few megabytes."""


def scope_attributes(types: Mapping[str, ObjectType]) -> tuple[str, ...]:
    """The attributes that scope some type, in a fixed order."""
    return tuple(sorted({t.scope for t in types.values() if t.scope}))


def object_key(
    types: Mapping[str, ObjectType],
    *,
    environment: str,
    type_: str,
    id_: str,
    attributes: Mapping[str, str],
) -> str:
    """The encoded key of one mention; `attributes` are those of the event that made it."""
    definition = types.get(type_, ObjectType())
    scope = attributes.get(definition.scope, "") if definition.scope else ""
    return ObjectKey(
        environment=environment, type=type_, scope=scope, id=normalize(id_, definition.normalize)
    ).encode()


def normalize(id_: str, steps: Sequence[NormalizationStep]) -> str:
    """One id after the given steps."""
    if not steps:
        return id_
    # All spans of a trace may name the same few objects.
    one = _normalized_once if len(id_) <= _SHORT_ID else _normalized_once.__wrapped__
    return one(id_, tuple(steps))


@lru_cache(maxsize=8192)
def _normalized_once(id_: str, steps: tuple[NormalizationStep, ...]) -> str:
    frame = pl.DataFrame({"id": [id_]}).select(_normalized(pl.col("id"), steps))
    return str(frame.item())


def with_object_keys(
    mentions: pl.DataFrame, types: Mapping[str, ObjectType], scopes: Sequence[str]
) -> pl.DataFrame:
    """Add the column `object` to mentions of objects.

    `mentions` has text columns `environment`, `type`, `id`, and a list column `scope_values` that
    runs parallel to `scopes` (see `scope_attributes`).
    """
    id_ = pl.col("id")
    scope: pl.Expr = pl.lit("")
    for name, definition in types.items():
        here = pl.col("type") == name
        if definition.normalize:
            normalized = _normalized(pl.col("id"), definition.normalize)
            id_ = pl.when(here).then(normalized).otherwise(id_)
        if definition.scope:
            value = pl.col("scope_values").list.get(scopes.index(definition.scope))
            scope = pl.when(here).then(value).otherwise(scope)
    key = pl.concat_str(
        [_quoted(pl.col("environment")), _quoted(pl.col("type")), _quoted(scope), id_],
        separator="|",
    )
    return mentions.with_columns(object=key)


def environment_of(key: str) -> pl.Expr:
    """The environment that the object keys in a column begin with."""
    quoted = pl.col(key).str.splitn("|", 2).struct.field("field_0")
    return unquoted(quoted)


def type_of(key: str) -> pl.Expr:
    """The types that the object keys in a column name."""
    return unquoted(pl.col(key).str.splitn("|", 3).struct.field("field_1"))


def unquoted(part: pl.Expr) -> pl.Expr:
    """Undo the escaping of the first three parts of a key."""
    return part.str.replace_all("%7C", "|", literal=True).str.replace_all("%25", "%", literal=True)


def _quoted(part: pl.Expr) -> pl.Expr:
    return part.str.replace_all("%", "%25", literal=True).str.replace_all("|", "%7C", literal=True)


def _normalized(id_: pl.Expr, steps: Sequence[NormalizationStep]) -> pl.Expr:
    for step in steps:
        id_ = _step(id_, step)
    return id_


def _step(id_: pl.Expr, step: NormalizationStep) -> pl.Expr:
    match step:
        case "trim":
            return id_.str.strip_chars()
        case "upper":
            return id_.str.to_uppercase()
        case "lower":
            return id_.str.to_lowercase()
        case "strip_leading_zeros":
            # An id of zeros alone is the number zero, not nothing.
            stripped = id_.str.strip_chars_start("0")
            return pl.when((stripped == "") & (id_ != "")).then(pl.lit("0")).otherwise(stripped)
        case "alphanumeric":
            return id_.str.replace_all(r"[^0-9A-Za-z]", "")
