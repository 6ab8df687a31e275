"""Ids as people type them: brought into the form that object keys have.

A person asks for `po-0077` and means the purchase order that producers call PO-77. The steps are
those that the type's definition declares, in its order.
"""

import re
from collections.abc import Sequence

from suture.definitions.catalog import Catalog
from suture.definitions.process import NormalizationStep, ObjectType

_NOT_ALPHANUMERIC = re.compile(r"[^0-9A-Za-z]")


def normalized(catalog: Catalog, type_: str, id_: str) -> str:
    """`id_` as keys of objects of this type hold it."""
    return apply_steps(id_, catalog.object_types.get(type_, ObjectType()).normalize)


def apply_steps(id_: str, steps: Sequence[NormalizationStep]) -> str:
    """`id_` after these steps, one by one."""
    for step in steps:
        id_ = _apply(id_, step)
    return id_


def _apply(id_: str, step: NormalizationStep) -> str:
    match step:
        case "trim":
            return id_.strip()
        case "upper":
            return id_.upper()
        case "lower":
            return id_.lower()
        case "strip_leading_zeros":
            # An id of zeros alone is the number zero, not nothing.
            return id_.lstrip("0") or id_[:1]
        case "alphanumeric":
            return _NOT_ALPHANUMERIC.sub("", id_)
