"""Links between objects: those that wait for a decision, and the decisions people take."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from dashboards.api.parameters import PageParameters, Parameters, cursor_time, paged
from dashboards.api.problems import documented
from dashboards.api.shapes import ObjectShape, Shape
from dashboards.letters import actor_named
from dashboards.links import LONGEST_REASON, link_named, object_named
from dashboards.services import Services
from suture.clock import to_micros
from suture.contracts.links import DecisionAction, LinkKey, LinkState
from suture.contracts.objects import ObjectKey
from suture.contracts.process import EvidenceKind
from suture.definitions.process import Cardinality
from suture.errors import InvalidQuery
from suture.store.paging import decode_cursor, encode_cursor
from suture.store.reading.links import WAITING, AmbiguousLink, Candidate, LinkDecision

ANONYMOUS = "api"
"""Who acts where a call names nobody and no key says who it is."""


class EvidenceShape(Shape):
    """One thing that supports a link."""

    kind: EvidenceKind
    source: str
    id: str
    occurred_at: datetime
    unsure: bool = Field(description="True where a trace names several objects: it supports none.")


class CandidateShape(Shape):
    """A pair of objects that evidence names."""

    id: str = Field(description="What to accept, block, split or undo.")
    from_: ObjectShape = Field(alias="from")
    to: ObjectShape
    accepted: bool
    state: LinkState | None = Field(description="Why it is no link; null where it is accepted.")
    evidence: list[EvidenceShape] = Field(description="Strongest first.")


class PathShape(Shape):
    """The declared path that a pair lies on."""

    from_: str = Field(alias="from")
    to: str
    cardinality: Cardinality


class AmbiguousLinkShape(Shape):
    """A pair that is no link until somebody decides."""

    id: str
    process: str
    path: PathShape | None = Field(description="Null where it is declared no more.")
    from_: ObjectShape = Field(alias="from")
    to: ObjectShape
    state: LinkState
    candidates: list[CandidateShape] = Field(
        description="It, and those that share an object with it that may have one partner only."
    )
    affected_anchors_count: int = Field(description="Instances that reach either object.")


class AmbiguousLinks(Shape):
    """A page of pairs, in the order of their objects."""

    items: list[AmbiguousLinkShape]
    next_cursor: str | None


class LinkNameShape(Shape):
    """A pair that was decided about."""

    id: str
    from_: ObjectShape = Field(alias="from")
    to: ObjectShape


class LinkDecisionShape(Shape):
    """Something a person said about links."""

    id: str
    at: datetime
    actor: str
    action: DecisionAction
    process: str
    reason: str
    links: list[LinkNameShape] = Field(description="Several where an object was split off.")
    undoes: str | None = Field(description="The decision that this one takes back.")
    undone_by: str | None = Field(description="The decision that took this one back.")


class LinkDecisions(Shape):
    """A page of decisions, latest first."""

    items: list[LinkDecisionShape]
    next_cursor: str | None


class AmbiguousQuery(PageParameters):
    """Filters of the list."""

    process: str | None = None
    state: LinkState | None = Field(
        default=None, description="Those refused and unsure unless one is named."
    )
    object: str | None = Field(default=None, description="type:id of an object at either end.")


class DecisionQuery(PageParameters):
    """Filters of the decisions."""

    process: str | None = None


class LinkAct(BaseModel):
    """Who decides, and why."""

    model_config = ConfigDict(extra="forbid")

    actor: str | None = Field(default=None, min_length=1, max_length=200)
    reason: str = Field(default="", max_length=LONGEST_REASON)


class SplitAct(LinkAct):
    """Which object is split off: the one at this end, from all at the other."""

    side: Literal["from", "to"] = "to"


def router(services: Services) -> APIRouter:
    """The calls about links."""
    api = APIRouter(tags=["links"])
    _add_reads(api, services)
    _add_acts(api, services)
    return api


def _add_reads(api: APIRouter, services: Services) -> None:
    @api.get("/links/ambiguous", responses=documented(400, 401))
    def ambiguous(query: Annotated[AmbiguousQuery, Query()]) -> AmbiguousLinks:
        """Pairs of objects that wait for a decision, with what supports each candidate."""
        _require_process(services, query.process)
        parts = decode_cursor(query.cursor, (str, str, str)) if query.cursor else None
        after = None
        if parts:
            process, x, y = map(str, parts)
            after = LinkKey(process=process, from_object=x, to_object=y)
        states = [query.state] if query.state else WAITING
        rows = services.links.ambiguous(
            environment=services.environment(query.environment),
            process=query.process,
            states=states,
            about=object_named(services.catalog, query.object),
            limit=query.limit + 1,
            after=after,
        )
        items, cursor = paged(
            rows,
            query.limit,
            shape=_ambiguous,
            position=lambda row: (row.key.process, row.key.from_object, row.key.to_object),
        )
        return AmbiguousLinks(items=items, next_cursor=cursor)

    @api.get("/links/decisions", responses=documented(400, 401))
    def decisions(query: Annotated[DecisionQuery, Query()]) -> LinkDecisions:
        """What people decided about links, latest first."""
        _require_process(services, query.process)
        parts = decode_cursor(query.cursor, (int, str)) if query.cursor else None
        rows = services.links.decisions(
            environment=services.environment(query.environment),
            process=query.process,
            limit=query.limit + 1,
            before=(cursor_time(int(parts[0])), str(parts[1])) if parts else None,
        )
        more = len(rows) > query.limit
        rows = rows[: query.limit]
        cursor = encode_cursor(to_micros(rows[-1].at), rows[-1].id) if more else None
        return LinkDecisions(items=[decision_shape(row) for row in rows], next_cursor=cursor)


def _add_acts(api: APIRouter, services: Services) -> None:
    refusals = documented(400, 401, 403, 404)

    def done(
        decide: Callable[..., LinkDecision],
        id_: str,
        act: LinkAct,
        query: Parameters,
        **more: Literal["from", "to"],
    ) -> LinkDecisionShape:
        key = link_named(id_, services.environment(query.environment))
        actor = actor_named(act.actor, ANONYMOUS)
        return decision_shape(
            decide(key, actor=actor, at=services.now(), reason=act.reason, **more)
        )

    @api.post("/links/{id}/accept", responses=refusals)
    def accept(
        id: str, query: Annotated[Parameters, Query()], act: LinkAct | None = None
    ) -> LinkDecisionShape:
        """Say that these two objects belong together."""
        return done(services.link_desk.accept, id, act or LinkAct(), query)

    @api.post("/links/{id}/block", responses=refusals)
    def block(
        id: str, query: Annotated[Parameters, Query()], act: LinkAct | None = None
    ) -> LinkDecisionShape:
        """Say that they do not, whatever names them."""
        return done(services.link_desk.block, id, act or LinkAct(), query)

    @api.post("/links/{id}/split", responses=refusals)
    def split(
        id: str, query: Annotated[Parameters, Query()], act: SplitAct | None = None
    ) -> LinkDecisionShape:
        """Block every link that one of the objects has on this path by now."""
        given = act or SplitAct()
        return done(services.link_desk.split, id, given, query, side=given.side)

    @api.post("/links/{id}/undo", responses=refusals)
    def undo(
        id: str, query: Annotated[Parameters, Query()], act: LinkAct | None = None
    ) -> LinkDecisionShape:
        """Take back the decision about it that counts; the one before it counts again."""
        return done(services.link_desk.undo, id, act or LinkAct(), query)


def decision_shape(decision: LinkDecision) -> LinkDecisionShape:
    """A decision as it is answered."""
    return LinkDecisionShape(
        id=decision.id,
        at=decision.at,
        actor=decision.actor,
        action=decision.action,
        process=decision.process,
        reason=decision.reason,
        links=[
            LinkNameShape(id=link.id, from_=_object(link.from_object), to=_object(link.to_object))
            for link in decision.links
        ],
        undoes=decision.undoes,
        undone_by=decision.undone_by,
    )


def _require_process(services: Services, process: str | None) -> None:
    if process is not None and process not in services.catalog.processes:
        raise InvalidQuery(f"there is no process {process!r}", field="process")


def _object(text: str) -> ObjectShape:
    return ObjectShape.of(ObjectKey.decode(text))


def _ambiguous(link: AmbiguousLink) -> AmbiguousLinkShape:
    path = None
    if link.path is not None:
        path = PathShape(
            from_=link.path.from_type, to=link.path.to_type, cardinality=link.path.cardinality
        )
    return AmbiguousLinkShape(
        id=link.key.id,
        process=link.key.process,
        path=path,
        from_=_object(link.key.from_object),
        to=_object(link.key.to_object),
        state=link.state,
        candidates=[_candidate(one) for one in link.candidates],
        affected_anchors_count=link.affected,
    )


def _candidate(one: Candidate) -> CandidateShape:
    evidence = [
        EvidenceShape(
            kind=EvidenceKind(found.kind),
            source=found.source,
            id=found.id,
            occurred_at=found.occurred_at,
            unsure=found.unsure,
        )
        for found in one.evidence
    ]
    return CandidateShape(
        id=one.key.id,
        from_=_object(one.key.from_object),
        to=_object(one.key.to_object),
        accepted=one.state is None,
        state=one.state,
        evidence=evidence,
    )
