"""What queries have in common: times, objects, cursors, and names nobody knows being refused."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from suture.clock import from_micros, is_storable, parse_time
from suture.errors import InvalidQuery
from suture.store.paging import MAX_LIMIT, encode_cursor

DEFAULT_LIMIT = 50

Item = TypeVar("Item")
Row = TypeVar("Row")


def _as_time(value: object) -> object:
    """What is text as a time; what is one already, and nothing, as it is."""
    if isinstance(value, datetime) or value is None:
        return value
    return parse_time(str(value))


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
    BeforeValidator(_as_time, json_schema_input_type=str),
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
    if not is_storable(instant):
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
