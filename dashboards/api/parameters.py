"""What queries have in common: times, objects, cursors, and names nobody knows being refused."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Self, TypeVar

from fastapi import Request
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from suture.clock import from_micros, is_storable, parse_time
from suture.definitions.catalog import Catalog
from suture.errors import InvalidQuery
from suture.store.paging import MAX_LIMIT, decode_cursor, encode_cursor

DEFAULT_LIMIT = 50
FACET_PREFIX = "facet."
_SPANS = (("from_", "to"), ("judged_from", "judged_to"))

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


def require_declared(
    catalog: Catalog,
    *,
    process: str | None = None,
    owner: str | None = None,
    sla: str | None = None,
) -> None:
    """Raise InvalidQuery for a process, team or rule that nobody declares; None is not asked."""
    if process is not None and process not in catalog.processes:
        raise InvalidQuery(f"there is no process {process!r}", field="process")
    if owner is not None and owner not in catalog.owners.teams:
        raise InvalidQuery(f"there is no team {owner!r}", field="owner")
    if sla is not None and sla not in catalog.slas:
        raise InvalidQuery(f"there is no rule {sla!r}", field="sla")


def _require_object(text: str) -> str:
    split_object(text)
    return text


Time = Annotated[
    datetime,
    BeforeValidator(_as_time, json_schema_input_type=str),
    Field(json_schema_extra={"anyOf": [{"format": "date-time"}, {"format": "date"}]}),
]
ObjectText = Annotated[str, AfterValidator(_require_object)]


def refused(field: str, message: str) -> ValidationError:
    """What a validator of several parameters raises about one of them."""
    context = {"error": ValueError(message)}
    return ValidationError.from_exception_data(
        "parameters", [{"type": "value_error", "loc": (field,), "input": None, "ctx": context}]
    )


async def require_single(request: Request) -> None:
    """A dependency: raises InvalidQuery where a parameter stands twice, as each has one value."""
    counts = Counter(name for name, _ in request.query_params.multi_items())
    for name, count in counts.items():
        if count > 1:
            raise InvalidQuery(f"it is given {count} times, and has one value", field=name)


class Spans(BaseModel):
    """Base of what holds stretches of time: one that ends before it begins is a 400."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for start, end in _SPANS:
            if {start, end} <= type(self).model_fields.keys():
                first, last = getattr(self, start), getattr(self, end)
                if first and last and first > last:
                    raise refused(start.rstrip("_"), f"it is after '{end}'")
        return self


class NoParameters(BaseModel):
    """Base of a route's query parameters; one that is not declared is a 400."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Parameters(Spans, NoParameters):
    """Query parameters of a route that reads business data."""

    environment: str | None = Field(
        default=None,
        min_length=1,
        description="The deployment environment asked about; the installation's own by default.",
    )


class Paging(NoParameters):
    """Where a page of a list begins, and how long it is."""

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    cursor: str | None = Field(
        default=None, description="The `next_cursor` of the page before; opaque."
    )


class PageParameters(Paging, Parameters):
    """Parameters of a list of business data."""


class FacetParameters(Parameters):
    """Parameters beside which `facet.<name>` filters by a facet's value."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        strange = [
            name
            for name in self.model_extra or {}
            if not name.startswith(FACET_PREFIX) or name == FACET_PREFIX
        ]
        if strange:
            raise ValidationError.from_exception_data(
                "parameters",
                [{"type": "extra_forbidden", "loc": (name,), "input": None} for name in strange],
            )
        return self

    @property
    def facets(self) -> dict[str, str]:
        """Facet filters by facet name."""
        extra = self.model_extra or {}
        return {name.removeprefix(FACET_PREFIX): str(value) for name, value in extra.items()}


def cursor_time(micros: int) -> datetime:
    """The instant a cursor names; raises InvalidQuery where there is none."""
    try:
        instant = from_micros(micros)
    except OverflowError as error:
        raise InvalidQuery("it is not one that this list gave", field="cursor") from error
    if not is_storable(instant):
        raise InvalidQuery("it is not one that this list gave", field="cursor")
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


def page_of(
    rows: Sequence[Row],
    query: Paging,
    *,
    shape: Callable[[Row], Item],
    position: Callable[[Row], tuple[str | int, ...]],
    types: Sequence[type],
) -> tuple[list[Item], str | None]:
    """A page of a list that is read as a whole, ascending by `position` (values of `types`)."""
    after = tuple(decode_cursor(query.cursor, types)) if query.cursor else ()
    rest = [row for row in rows if position(row) > after]
    return paged(rest, query.limit, shape=shape, position=position)
