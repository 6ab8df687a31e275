"""Attribution: where the time of many instances went, and what the late ones have in common."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from dashboards.api.parameters import Parameters, Time
from dashboards.api.problems import documented
from dashboards.api.shapes import MICROS, Shape
from dashboards.common_to_late import Shared, shared_by_late
from dashboards.services import Services
from suture.contracts.attribution import Cause
from suture.errors import InvalidQuery
from suture.store.reading.attribution import DIMENSIONS, FACET, AttributionFilter, Share


class CauseSeconds(Shape):
    """One cause's part of a group."""

    cause: Cause
    seconds: float


class ShareShape(Shape):
    """How much time a group has: in seconds, as a share of all, and over how many instances."""

    by: dict[str, str | None] = Field(
        description="What the group is; `to` is null for steps that still run."
    )
    seconds: float
    share: float | None
    instances: int
    causes: list[CauseSeconds]


class AttributionShape(Shape):
    """Groups, most time first; they add up to the total."""

    items: list[ShareShape]
    total: ShareShape
    next_cursor: None = None


class SharedShape(Shape):
    """Something that late instances have in common."""

    kind: str = Field(description="facet, system, or error.")
    name: str
    value: str
    late: int = Field(description="Late instances that have it.")
    instances: int = Field(description="All instances that have it.")
    support: float = Field(description="The share of the late ones that have it.")
    late_ratio: float = Field(description="The share of those that have it that are late.")
    lift: float = Field(description="How many times as often they are late as all are.")
    chance: float = Field(
        description="How likely so many late ones, or more, would be if it had no bearing."
    )


class LateShape(Shape):
    """What late instances share that others do not, most telling first."""

    instances: int
    late: int
    items: list[SharedShape]
    next_cursor: None = None


class PeriodQuery(Parameters):
    """Which instances; `from` / `to` are half-open over started_at."""

    process: str | None = None
    from_: Time | None = Field(default=None, alias="from")
    to: Time | None = None


class AttributionQuery(PeriodQuery):
    """`by`: process, step, cause, system, or facet.<name>; several with commas."""

    by: str = "cause"


def router(services: Services) -> APIRouter:
    """The calls about where time goes."""
    api = APIRouter(tags=["attribution"])

    @api.get("/attribution", responses=documented(400, 401))
    def attribution(query: Annotated[AttributionQuery, Query()]) -> AttributionShape:
        """Where the time of the instances that started in a period went."""
        wanted = _wanted(services, query)
        by = _dimensions(services, query)
        items, total = services.attribution.shares(wanted, by, now=services.now())
        return AttributionShape(
            items=[_share(one, total.micros) for one in items], total=_share(total, total.micros)
        )

    @api.get("/attribution/late", responses=documented(400, 401))
    def late(query: Annotated[PeriodQuery, Query()]) -> LateShape:
        """What late instances (with a breached verdict) share that others do not."""
        found = shared_by_late(services.attribution, _wanted(services, query))
        return LateShape(
            instances=found.instances,
            late=found.late,
            items=[_shared(one) for one in found.items],
        )

    return api


def _wanted(services: Services, query: PeriodQuery) -> AttributionFilter:
    if query.process is not None and query.process not in services.catalog.processes:
        raise InvalidQuery(f"there is no process {query.process!r}", field="process")
    return AttributionFilter(
        environment=services.environment(query.environment),
        process=query.process,
        started_from=query.from_,
        started_to=query.to,
    )


def _dimensions(services: Services, query: AttributionQuery) -> list[str]:
    names = [name.strip() for name in query.by.split(",")]
    catalog = services.catalog
    chosen = [query.process] if query.process else list(catalog.processes)
    facets = {f"{FACET}{facet}" for process in chosen for facet in catalog.facets_of(process)}
    for name in names:
        if name not in DIMENSIONS and name not in facets:
            known = ", ".join((*DIMENSIONS, f"{FACET}<a declared facet>"))
            raise InvalidQuery(f"{name!r} is none of {known}", field="by")
    if len(set(names)) != len(names):
        raise InvalidQuery("the same name stands twice", field="by")
    return names


def _share(one: Share, whole: int) -> ShareShape:
    return ShareShape(
        by=dict(one.by),
        seconds=one.micros / MICROS,
        share=one.micros / whole if whole else None,
        instances=one.instances,
        causes=_causes(one.causes),
    )


def _causes(causes: Mapping[Cause, int]) -> list[CauseSeconds]:
    ranked = sorted(causes.items(), key=lambda item: (-item[1], item[0]))
    return [CauseSeconds(cause=cause, seconds=micros / MICROS) for cause, micros in ranked]


def _shared(one: Shared) -> SharedShape:
    return SharedShape(
        kind=one.feature.kind,
        name=one.feature.name,
        value=one.feature.value,
        late=one.feature.late,
        instances=one.feature.instances,
        support=one.support,
        late_ratio=one.late_ratio,
        lift=one.lift,
        chance=one.chance,
    )
