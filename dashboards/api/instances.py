"""Instances: lists by filter, and one with everything that is known of it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field, model_validator

from dashboards.api.instance_shapes import (
    InstanceDetailShape,
    InstanceList,
    InstanceShape,
    instance_detail,
    instance_fields,
)
from dashboards.api.parameters import (
    FACET_PREFIX,
    FacetParameters,
    ObjectText,
    PageParameters,
    Parameters,
    Time,
    cursor_time,
    paged,
    refused,
    split_object,
)
from dashboards.api.problems import documented
from dashboards.keys import normalized
from dashboards.services import Services
from dashboards.wording import milestone_titles
from suture.clock import to_micros
from suture.contracts.objects import ObjectKey
from suture.contracts.process import InstanceStatus
from suture.contracts.verdict import VerdictState
from suture.definitions.process import ObjectType
from suture.errors import InvalidQuery, NotFound
from suture.store.paging import decode_cursor
from suture.store.reading.instances import InstanceDetail, InstanceFilter, Position
from suture.store.verdicts import verdicts_of


class InstanceQuery(PageParameters, FacetParameters):
    """Filters of the list; `facet.<name>` filters by a facet's value."""

    process: str | None = None
    status: InstanceStatus | None = None
    sla: str | None = Field(default=None, description="Narrows `sla_state` to one rule.")
    sla_state: VerdictState | None = None
    object: ObjectText | None = Field(default=None, description="`type:id`.")
    from_: Time | None = Field(default=None, alias="from")
    to: Time | None = None
    judged_from: Time | None = Field(
        default=None, description="With judged_to: has a verdict counted in this half-open time."
    )
    judged_to: Time | None = None
    probable_duplicates: bool = Field(
        default=False, description="Only those that another instance looks like."
    )

    @model_validator(mode="after")
    def _judged_within(self) -> "InstanceQuery":
        if self.judged_from and not self.judged_to:
            raise refused("judged_to", "it goes together with 'judged_from'")
        if self.judged_to and not self.judged_from:
            raise refused("judged_from", "it goes together with 'judged_to'")
        return self


_SCOPES_NAMED = 5

MOST_UNLINKED = 100
"""Pairs that are no link, of one instance."""

MOST_CONFLICTS = 100
"""Events with several contents, of one instance."""


class InstanceDetailQuery(Parameters):
    """`scope` tells objects with one id apart where their type is scoped."""

    scope: str = ""


def instance_filter(services: Services, query: InstanceQuery) -> InstanceFilter:
    """The filter a query means; raises InvalidQuery for names that nobody declared."""
    catalog = services.catalog
    if query.process is not None and query.process not in catalog.processes:
        raise InvalidQuery(f"there is no process {query.process!r}", field="process")
    if query.sla is not None and query.sla not in catalog.slas:
        raise InvalidQuery(f"there is no rule {query.sla!r}", field="sla")
    processes = [query.process] if query.process else list(catalog.processes)
    declared = {facet for process in processes for facet in catalog.facets_of(process)}
    if strange := sorted(set(query.facets) - declared):
        raise InvalidQuery("no process declares this facet", field=f"{FACET_PREFIX}{strange[0]}")
    type_, id_ = split_object(query.object) if query.object else (None, "")
    return InstanceFilter(
        environment=services.environment(query.environment),
        process=query.process,
        status=query.status,
        sla=query.sla,
        sla_state=query.sla_state,
        object_type=type_,
        object_id=normalized(catalog, type_, id_) if type_ else "",
        facets=query.facets,
        started_from=query.from_,
        started_to=query.to,
        judged_from=query.judged_from,
        judged_to=query.judged_to,
        probable_duplicates=query.probable_duplicates,
    )


def find_instance(
    services: Services,
    process: str,
    id_: str,
    *,
    environment: str | None,
    scope: str,
    now: datetime,
) -> InstanceDetail:
    """One instance by the anchor's id as a person writes it; raises NotFound.

    Whoever forgot the scope is told which there are.
    """
    definition = services.catalog.processes.get(process)
    if definition is None:
        raise NotFound(f"There is no process {process!r}.")
    anchor = ObjectKey(
        environment=services.environment(environment),
        type=definition.anchor,
        scope=scope,
        id=normalized(services.catalog, definition.anchor, id_),
    )
    versions = services.catalog.versions_of(process)
    found = services.instances.one(anchor=anchor, versions=versions, now=now)
    if found is None:
        message = f"There is no instance of {process} for {definition.anchor} {id_!r}"
        scoped = services.catalog.object_types.get(definition.anchor, ObjectType()).scope
        hint = _other_scopes(services, process, anchor, now) if scoped else ""
        raise NotFound(f"{message}{hint}.")
    return found


def _other_scopes(services: Services, process: str, anchor: ObjectKey, now: datetime) -> str:
    """In which scopes there are instances of this id, for a message; empty where there are none."""
    wanted = InstanceFilter(
        environment=anchor.environment,
        process=process,
        object_type=anchor.type,
        object_id=anchor.id,
    )
    rows = services.instances.page(wanted, now=now, limit=_SCOPES_NAMED)
    scopes = [repr(row.anchor.scope) for row in rows if row.anchor.id == anchor.id]
    given = f" in the scope {anchor.scope!r}" if anchor.scope else " without a scope"
    return f"{given}; there is one in the scope {', '.join(sorted(scopes))}" if scopes else given


def detail_of(
    services: Services, process: str, anchor_id: str, query: InstanceDetailQuery
) -> InstanceDetailShape:
    """All that is known of one instance; raises NotFound."""
    now = services.now()
    found = find_instance(
        services,
        process,
        anchor_id,
        environment=query.environment,
        scope=query.scope,
        now=now,
    )
    key = found.row.anchor
    verdicts = verdicts_of(
        services.store,
        environment=key.environment,
        process=process,
        anchor=key.encode(),
        now=now,
    )
    attribution = services.attributed(key.environment, process, key.encode())
    return instance_detail(
        found,
        verdicts,
        now,
        attribution=attribution,
        titles=milestone_titles(services.catalog, process),
        unlinked=services.links.among(process, found.objects, limit=MOST_UNLINKED),
        conflicts=services.conflicts.of_instance(process=process, anchor=key, limit=MOST_CONFLICTS),
    )


def router(services: Services) -> APIRouter:
    """The calls about instances."""
    api = APIRouter(tags=["instances"])

    @api.get("/instances", responses=documented(400, 401))
    def instances(query: Annotated[InstanceQuery, Query()]) -> InstanceList:
        """A page, newest started first; `from` / `to` are half-open over started_at."""
        wanted = instance_filter(services, query)
        parts = decode_cursor(query.cursor, (int, str, str)) if query.cursor else None
        after = None
        if parts:
            started, process, anchor = parts
            after = Position(
                started_at=cursor_time(int(started)), process=str(process), anchor=str(anchor)
            )
        now = services.now()
        rows = services.instances.page(wanted, now=now, limit=query.limit + 1, after=after)
        items, cursor = paged(
            rows,
            query.limit,
            shape=lambda row: InstanceShape(**instance_fields(row, now)),
            position=lambda row: (to_micros(row.started_at), row.process, row.anchor.encode()),
        )
        return InstanceList(items=items, next_cursor=cursor)

    @api.get("/instances/{process}/{anchor_id:path}", responses=documented(400, 401, 404))
    def instance(
        process: str, anchor_id: str, query: Annotated[InstanceDetailQuery, Query()]
    ) -> InstanceDetailShape:
        """One instance. The anchor's id is percent-encoded, comes last and may contain '/'."""
        return detail_of(services, process, anchor_id, query)

    return api
