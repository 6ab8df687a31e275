"""Small values that several definitions share: durations, shares, names."""

import re
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*")
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+")
_UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: Any) -> timedelta:
    """'90s', '30m', '16h', '2d', '1d 4h' as a timedelta; raises ValueError otherwise.

    A day is 24 hours of wall-clock time.
    """
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not _DURATION.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is not a duration such as 30m, 16h or 2d")
    parts = _DURATION_PART.findall(text)
    try:
        span = timedelta(seconds=sum(float(count) * _UNIT_SECONDS[unit] for count, unit in parts))
    except OverflowError:
        raise ValueError(f"{text!r} is longer than can be counted") from None
    if not span:
        raise ValueError(f"{text!r} is not longer than nothing")
    return span


def format_duration(span: timedelta) -> str:
    """A duration for a sentence, in its two largest units: '1,204 d 4 h', '12 min', '0.4 s'."""
    total = abs(span.total_seconds())
    sign = "-" if span.total_seconds() < 0 else ""
    if total < 60:
        return f"{sign}{total:.3g} s"
    whole = round(total)
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    parts: list[str] = []
    for size, unit in units:
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count:,} {unit}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return sign + " ".join(parts)


def parse_share(value: Any) -> float:
    """'95%' or 0.95 as a share between 0 and 1; raises ValueError otherwise."""
    try:
        if isinstance(value, str) and value.strip().endswith("%"):
            share = float(value.strip()[:-1]) / 100
        elif isinstance(value, int | float) and not isinstance(value, bool):
            share = float(value)
        else:
            raise ValueError
    except ValueError:
        raise ValueError(f"{value!r} is not a share such as 95%") from None
    if not 0 < share <= 1:
        raise ValueError(f"{value!r} is not between 0% and 100%")
    return share


def _require_name(text: str) -> str:
    if not text or text != text.strip() or any(ord(c) < 32 for c in text):
        raise ValueError(f"{text!r} is not a name")
    return text


def _require_type_name(text: str) -> str:
    _require_name(text)
    if ":" in text:
        raise ValueError(f"{text!r} holds ':', which separates type and id")
    return text


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _as_date(value: Any) -> Any:
    return value if isinstance(value, date) or value is None else date.fromisoformat(str(value))


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Share = Annotated[float, BeforeValidator(parse_share)]
Name = Annotated[str, AfterValidator(_require_name)]
TypeName = Annotated[str, AfterValidator(_require_type_name)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_as_tuple)]
Date = Annotated[date, BeforeValidator(_as_date)]
