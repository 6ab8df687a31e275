"""Dead letters: refused input, with the reason, and what can be done about it."""

import base64
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from dashboards.api.parameters import PageParameters, Parameters, Spans, Time, cursor_time, paged
from dashboards.api.problems import documented
from dashboards.api.shapes import Shape
from dashboards.letters import Do, act_on_all, act_on_one, actor_named, may_act, require_narrow
from dashboards.services import PayloadReader, Services
from suture.clock import to_micros
from suture.contracts.dead_letter import LetterAction, LetterState
from suture.errors import NotFound
from suture.store.paging import decode_cursor, encode_cursor
from suture.store.reading.dead_letters import (
    BEGIN,
    DeadLetter,
    DeadLetterFilter,
    GroupBy,
    LetterEvent,
)
from suture.store.reading.processes import END

LISTED_PAYLOAD_BYTES = 64 * 1024
"""A larger payload is null in the list, and given with the single dead letter."""
MOST_AT_ONCE = 10_000
ANONYMOUS = "api"
"""Who acts where a call names nobody and no key says who it is."""


class DeadLetterShape(Shape):
    """One refused input; the same input refused again counts up."""

    id: str
    state: LetterState
    source: str
    event_id: str
    type: str
    reason: str = Field(description="Why it was refused the last time.")
    owner: str | None = Field(description="The team that answers for it; null: nobody is named.")
    door: str = Field(description="Where it came in.")
    environment: str = Field(description="Empty where it could not be read.")
    first_seen_at: datetime
    last_seen_at: datetime
    count: int
    acted_by: str | None = Field(description="Who replayed, tried to, or discarded it last.")
    acted_at: datetime | None
    payload_bytes: int
    preview: str = Field(description="The beginning of what was sent, redacted.")
    payload: str | None = Field(
        description="What was sent; null where it is not kept or the key may not see it."
    )
    payload_encoding: Literal["text", "base64"] | None


class LetterEventShape(Shape):
    """Something that happened to a dead letter; `actor` is null where it came by itself."""

    at: datetime
    action: LetterAction
    actor: str | None
    comment: str
    reason: str


class DeadLetterDetail(DeadLetterShape):
    """A dead letter with what happened to it, latest first."""

    events: list[LetterEventShape]


class DeadLetterList(Shape):
    """A page of refused inputs, last seen first."""

    items: list[DeadLetterShape]
    next_cursor: str | None


class LetterGroupShape(Shape):
    """Dead letters that have one value in common."""

    value: str
    letters: int
    open: int
    count: int = Field(description="How often they were refused.")
    first_seen_at: datetime
    last_seen_at: datetime
    sources: list[str] = Field(description="At most ten.")
    owners: list[str] = Field(description="At most ten.")
    reason: str = Field(description="Of the one seen last.")
    latest: str = Field(description="The id of the one seen last.")


_GROUP_FIELDS = LetterGroupShape.model_fields.keys() - {"count"}


class LetterGroups(Shape):
    """Groups of dead letters, those with most letters first."""

    items: list[LetterGroupShape]
    next_cursor: None = None


class ActResultShape(Shape):
    """What an act came to. A replay that is refused again is done, and leaves the letter open."""

    id: str
    state: LetterState
    done: bool
    reason: str


class BulkResultShape(Shape):
    """What acting on all under a filter came to."""

    matched: int
    done: int
    refused: int = Field(description="Tried, and refused again.")
    undone: int = Field(description="Nothing could be done about these.")
    results: list[ActResultShape] = Field(description="Of those not done; at most a hundred.")
    next_cursor: str | None = Field(description="To go on with; null when all were acted on.")


class Filters(Spans):
    """Which letters are meant."""

    source: str = ""
    type: str = ""
    reason: str = Field(default="", description="A part of the reason, in any case.")
    owner: str = Field(default="", description="A team; '-' for letters that nobody is named for.")
    door: str = ""
    state: LetterState | None = None
    from_: Time | None = Field(default=None, alias="from", description="Last seen from then on.")
    to: Time | None = Field(default=None, description="Last seen before then.")

    def wanted(self, environment: str) -> DeadLetterFilter:
        """As the reader takes it."""
        return DeadLetterFilter(
            environment=environment,
            source=self.source,
            type=self.type,
            reason=self.reason,
            owner=self.owner,
            door=self.door,
            state=self.state,
            seen_from=self.from_ or BEGIN,
            seen_to=self.to or END,
        )


class DeadLetterQuery(Filters, PageParameters):
    """Filters of the list."""


class GroupQuery(Filters, Parameters):
    """Filters of the groups, and by what they are made."""

    by: GroupBy = "type"
    limit: int = Field(default=100, ge=1, le=1000)


class LetterAct(BaseModel):
    """Who acts, and a remark."""

    model_config = ConfigDict(extra="forbid")

    actor: str | None = Field(default=None, min_length=1, max_length=200)
    comment: str = Field(default="", max_length=4000)


class BulkAct(Filters, LetterAct):
    """On which letters to act; those that are open unless a state is named."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    state: LetterState | None = LetterState.OPEN
    all: bool = Field(default=False, description="Needed where no filter is given.")
    limit: int = Field(default=MOST_AT_ONCE, ge=1, le=MOST_AT_ONCE)
    cursor: str | None = Field(default=None, description="The `next_cursor` of the call before.")


def router(services: Services) -> APIRouter:
    """The calls about dead letters."""
    api = APIRouter(tags=["dead letters"])
    _add_reads(api, services)
    _add_acts(api, services)
    return api


def _add_reads(api: APIRouter, services: Services) -> None:
    @api.get("/dead-letters", responses=documented(400, 401))
    def dead_letters(query: Annotated[DeadLetterQuery, Query()]) -> DeadLetterList:
        """A page of refused inputs, last seen first."""
        wanted = query.wanted(services.environment(query.environment))
        rows = services.dead_letters.page(
            wanted, limit=query.limit + 1, after=_position(query.cursor)
        )
        items, cursor = paged(
            rows,
            query.limit,
            shape=lambda row: _shape(row, services.payload, LISTED_PAYLOAD_BYTES),
            position=lambda row: (to_micros(row.last_seen_at), row.id),
        )
        return DeadLetterList(items=items, next_cursor=cursor)

    @api.get("/dead-letters/groups", responses=documented(400, 401))
    def groups(query: Annotated[GroupQuery, Query()]) -> LetterGroups:
        """Refused inputs by type, reason, source, owner or door, the largest groups first."""
        wanted = query.wanted(services.environment(query.environment))
        found = services.dead_letters.groups(wanted, by=query.by, limit=query.limit)
        items = [
            LetterGroupShape(**{n: getattr(one, n) for n in _GROUP_FIELDS}, count=one.seen)
            for one in found
        ]
        return LetterGroups(items=items)

    @api.get("/dead-letters/{id}", responses=documented(400, 401, 404))
    def dead_letter(id: str, query: Annotated[Parameters, Query()]) -> DeadLetterDetail:
        """One refused input with its whole payload, and what happened to it."""
        environment = services.environment(query.environment)
        found = services.dead_letters.one(id, environment=environment)
        if found is None:
            raise NotFound(f"There is no dead letter {id!r}.")
        plain = _shape(found, services.payload, found.payload_bytes)
        events = [_event(event) for event in services.dead_letters.log(id)]
        return DeadLetterDetail(**plain.model_dump(), events=events)


def _add_acts(api: APIRouter, services: Services) -> None:
    def one(do: Do, id_: str, act: LetterAct | None, query: Parameters) -> ActResultShape:
        given = act or LetterAct()
        result = act_on_one(
            services,
            do,
            id_,
            environment=services.environment(query.environment),
            actor=actor_named(given.actor, ANONYMOUS),
            comment=given.comment,
        )
        return ActResultShape.model_validate(result, from_attributes=True)

    def many(do: Do, act: BulkAct, query: Parameters) -> BulkResultShape:
        wanted = act.wanted(services.environment(query.environment))
        require_narrow(wanted, everything=act.all)
        found = act_on_all(
            services,
            do,
            wanted,
            actor=actor_named(act.actor, ANONYMOUS),
            comment=act.comment,
            limit=act.limit,
            after=_position(act.cursor),
        )
        cursor = encode_cursor(to_micros(found.after[0]), found.after[1]) if found.after else None
        return BulkResultShape(
            matched=found.matched,
            done=found.done,
            refused=found.refused,
            undone=found.undone,
            results=[ActResultShape.model_validate(r, from_attributes=True) for r in found.told],
            next_cursor=cursor,
        )

    refusals = documented(400, 401, 403, 404, 503)

    @api.post("/dead-letters/{id}/replay", responses=refusals)
    def replay(
        id: str, query: Annotated[Parameters, Query()], act: LetterAct | None = None
    ) -> ActResultShape:
        """Try it again, by the contracts as they are now; exactly once."""
        return one("replay", id, act, query)

    @api.post("/dead-letters/{id}/discard", responses=refusals)
    def discard(
        id: str, query: Annotated[Parameters, Query()], act: LetterAct | None = None
    ) -> ActResultShape:
        """Say that nobody needs it."""
        return one("discard", id, act, query)

    @api.post("/dead-letters/replay", responses=refusals)
    def replay_all(act: BulkAct, query: Annotated[Parameters, Query()]) -> BulkResultShape:
        """Try all letters under a filter again."""
        return many("replay", act, query)

    @api.post("/dead-letters/discard", responses=refusals)
    def discard_all(act: BulkAct, query: Annotated[Parameters, Query()]) -> BulkResultShape:
        """Say of all letters under a filter that nobody needs them."""
        return many("discard", act, query)


def _position(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    micros, id_ = decode_cursor(cursor, (int, str))
    return cursor_time(int(micros)), str(id_)


def _event(event: LetterEvent) -> LetterEventShape:
    return LetterEventShape(
        at=event.at,
        action=event.action,
        actor=event.actor or None,
        comment=event.comment,
        reason=event.reason,
    )


def _shape(letter: DeadLetter, read: PayloadReader, largest: int) -> DeadLetterShape:
    raw = read(letter.id) if letter.payload_bytes <= largest and may_act() else None
    text, encoding = _readable(raw)
    return DeadLetterShape(
        id=letter.id,
        state=letter.state,
        source=letter.source,
        event_id=letter.event_id,
        type=letter.type,
        reason=letter.reason,
        owner=letter.owner or None,
        door=letter.door,
        environment=letter.environment,
        first_seen_at=letter.first_seen_at,
        last_seen_at=letter.last_seen_at,
        count=letter.count,
        acted_by=letter.acted_by or None,
        acted_at=letter.acted_at,
        payload_bytes=letter.payload_bytes,
        preview=letter.preview,
        payload=text,
        payload_encoding=encoding,
    )


def _readable(raw: bytes | None) -> tuple[str | None, Literal["text", "base64"] | None]:
    if raw is None:
        return None, None
    try:
        return raw.decode("utf-8"), "text"
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode("ascii"), "base64"
