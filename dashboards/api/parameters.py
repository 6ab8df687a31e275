"""What queries have in common: times, objects, cursors, and names nobody knows being refused."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from suture.clock import from_micros
from suture.errors import InvalidQuery
from suture.store.paging import MAX_LIMIT, encode_cursor

DEFAULT_LIMIT = 50

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})")
_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)

Item = TypeVar("Item")
Row = TypeVar("Row")


def parse_time(text: Any) -> Any:
    """An RFC 3339 time, or a date for its midnight in UTC, as an aware instant in UTC.

    The one way in which times are taken, in queries and on the command line; raises ValueError for
    anything else. A time without an offset is refused: nobody knows whose it is.
    """
    if isinstance(text, datetime) or text is None:
        return text
    whole_day = isinstance(text, str) and _DATE.fullmatch(text)
    if not isinstance(text, str) or not (whole_day or _RFC3339.fullmatch(text)):
        raise ValueError(f"{text!r} is no time such as 2026-11-22 or 2026-11-22T09:00:00Z")
    try:
        if whole_day:
            instant = datetime.combine(date.fromisoformat(text), time.min, UTC)
        else:
            instant = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no time of any calendar") from error
    if not _FIRST <= instant < _LAST:
        raise ValueError(f"{text!r} is outside the years 1900 to 2261")
    return instant


def split_object(text: str) -> tuple[str, str]:
    """Type and id of `type:id`; the id may hold ':'. Raises ValueError where a part is missing."""
    type_, _, id_ = text.partition(":")
    if not (type_ and id_):
        raise ValueError(f"{text!r} is no object such as requisition:R-10044")
    return type_, id_


def _require_object(text: str) -> str:
    split_object(text)
    return text


Time = Annotated[
    datetime,
    BeforeValidator(parse_time, json_schema_input_type=str),
    Field(json_schema_extra={"anyOf": [{"format": "date-time"}, {"format": "date"}]}),
]
ObjectText = Annotated[str, AfterValidator(_require_object)]


class Parameters(BaseModel):
    """Base of a route's query parameters; one that is not declared is a 400."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    environment: str | None = Field(
        default=None,
        min_length=1,
        description="The deployment environment asked about; the installation's own by default.",
    )


class PageParameters(Parameters):
    """Parameters of a list."""

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    cursor: str | None = Field(
        default=None, description="The `next_cursor` of the page before; opaque."
    )


def cursor_time(micros: int) -> datetime:
    """The instant a cursor names; raises InvalidQuery where there is none."""
    try:
        instant = from_micros(micros)
    except OverflowError as error:
        raise InvalidQuery("cursor: it is not one this list gave") from error
    if not _FIRST <= instant < _LAST:
        raise InvalidQuery("cursor: it is not one this list gave")
    return instant


def paged(
    rows: Sequence[Row],
    limit: int,
    *,
    shape: Callable[[Row], Item],
    position: Callable[[Row], tuple[str | int, ...]],
) -> tuple[list[Item], str | None]:
    """Items and the next cursor, from one row more than the limit."""
    shown = rows[:limit]
    cursor = encode_cursor(*position(shown[-1])) if len(rows) > limit else None
    return [shape(row) for row in shown], cursor
