"""Process views: the directly-follows map, the variants, and how instances fit the definition."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from dashboards.api.parameters import (
    DEFAULT_LIMIT,
    FACET_PREFIX,
    FacetParameters,
    Time,
    paged,
)
from dashboards.api.problems import documented
from dashboards.api.shapes import Shape
from dashboards.api.view_shapes import (
    ConformanceShape,
    EdgeShape,
    GroupShape,
    MapShape,
    MilestoneShape,
    NodeShape,
    VariantShape,
    VersionShape,
)
from dashboards.services import Services
from dashboards.wording import milestone_titles
from suture.contracts.process import InstanceStatus
from suture.definitions.process import ProcessDefinition
from suture.errors import InvalidQuery, NotFound
from suture.store.paging import MAX_LIMIT, decode_cursor
from suture.store.reading.conformance import FACET, PERIODS, VERSION
from suture.store.reading.views import ALL_EDGES, ViewFilter

_MOST_FOUND = 2**62


class ViewQuery(FacetParameters):
    """Which instances; `from` / `to` are half-open over started_at, `facet.<name>` is a filter."""

    from_: Time | None = Field(default=None, alias="from")
    to: Time | None = None
    status: InstanceStatus | None = None


class MapQuery(ViewQuery):
    """With `limit` only the most frequent edges."""

    limit: int | None = Field(default=None, ge=1, le=ALL_EDGES)


class VariantQuery(ViewQuery):
    """A page of variants."""

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    cursor: str | None = Field(
        default=None, description="The `next_cursor` of the page before; opaque."
    )


class ConformanceQuery(ViewQuery):
    """`by`: facet.<name>, version, at most one of day, week and month; several with commas."""

    by: str = ""
    limit: int = Field(default=MAX_LIMIT, ge=1, le=MAX_LIMIT, description="Of groups.")


class VariantList(Shape):
    """A page of variants, most frequent first; `variants` and `instances` count all of them."""

    items: list[VariantShape]
    variants: int
    instances: int
    next_cursor: str | None


def map_of(services: Services, process: str, query: MapQuery) -> MapShape:
    """The directly-follows map; raises NotFound, and InvalidQuery for undeclared facets."""
    declared(services, process)
    wanted = view_filter(services, process, query)
    found = services.views.map(wanted, now=services.now(), limit=query.limit or ALL_EDGES)
    titles = milestone_titles(services.catalog, process)
    return MapShape(
        process=process,
        instances=found.instances,
        nodes=[NodeShape.of(node, titles) for node in found.nodes],
        edges=[EdgeShape.of(edge) for edge in found.edges],
        edges_total=found.edges_total,
    )


def variants_of(services: Services, process: str, query: VariantQuery) -> VariantList:
    """A page of variants; raises NotFound, and InvalidQuery for a cursor of something else."""
    declared(services, process)
    wanted = view_filter(services, process, query)
    parts = decode_cursor(query.cursor, (int, str)) if query.cursor else None
    after = (int(parts[0]), str(parts[1])) if parts else None
    if after and not 0 <= after[0] <= _MOST_FOUND:
        raise InvalidQuery("it is not one this list gave", field="cursor")
    found = services.views.variants(wanted, now=services.now(), limit=query.limit + 1, after=after)
    items, cursor = paged(
        found.items,
        query.limit,
        shape=lambda one: VariantShape.of(one, found.instances),
        position=lambda one: one.position,
    )
    return VariantList(
        items=items, variants=found.variants, instances=found.instances, next_cursor=cursor
    )


def conformance_of(services: Services, process: str, query: ConformanceQuery) -> ConformanceShape:
    """How instances fit; raises NotFound, and InvalidQuery for a `by` that makes no sense."""
    newest, versions = declared(services, process), services.catalog.versions_of(process)
    by = _dimensions(services.catalog.facets_of(process), query.by)
    wanted, now = view_filter(services, process, query), services.now()
    total, groups = services.conformance.split(wanted, versions, by, now=now, limit=query.limit)
    return ConformanceShape(
        process=process,
        expected=list(newest.expected_milestones),
        versions=[VersionShape.of(one, total) for one in versions],
        total=GroupShape.of(total),
        milestones=[MilestoneShape.of(one) for one in total.milestones],
        items=[GroupShape.of(one) for one in groups],
    )


def declared(services: Services, process: str) -> ProcessDefinition:
    """The newest version of a process; raises NotFound."""
    definition = services.catalog.processes.get(process)
    if definition is None:
        raise NotFound(f"There is no process {process!r}.")
    return definition


def view_filter(services: Services, process: str, query: ViewQuery) -> ViewFilter:
    """The filter a query means; raises InvalidQuery for facets that no version declares."""
    if strange := sorted(set(query.facets) - set(services.catalog.facets_of(process))):
        raise InvalidQuery(
            "the process does not declare this facet", field=f"{FACET_PREFIX}{strange[0]}"
        )
    return ViewFilter(
        environment=services.environment(query.environment),
        process=process,
        status=query.status,
        facets=query.facets,
        started_from=query.from_,
        started_to=query.to,
    )


def _dimensions(facets: Sequence[str], text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")] if text.strip() else []
    known_names = {VERSION, *PERIODS, *(f"{FACET}{facet}" for facet in facets)}
    for name in names:
        if name not in known_names:
            known = ", ".join((*PERIODS, VERSION, f"{FACET}<a declared facet>"))
            raise InvalidQuery(f"{name!r} is none of {known}", field="by")
    if len(set(names)) != len(names):
        raise InvalidQuery("the same name stands twice", field="by")
    if len(set(names) & set(PERIODS)) > 1:
        raise InvalidQuery(f"only one of {', '.join(PERIODS)} can be chosen", field="by")
    return names


def router(services: Services) -> APIRouter:
    """The calls about how processes really run."""
    api = APIRouter(tags=["process views"])

    @api.get("/processes/{process}/map", responses=documented(400, 401, 404))
    def process_map(process: str, query: Annotated[MapQuery, Query()]) -> MapShape:
        """Which milestone directly follows which, how often, and how long that takes."""
        return map_of(services, process, query)

    @api.get("/processes/{process}/variants", responses=documented(400, 401, 404))
    def variants(process: str, query: Annotated[VariantQuery, Query()]) -> VariantList:
        """The different sequences of milestones, most frequent first."""
        return variants_of(services, process, query)

    @api.get("/processes/{process}/conformance", responses=documented(400, 401, 404))
    def conformance(process: str, query: Annotated[ConformanceQuery, Query()]) -> ConformanceShape:
        """How the instances fit the declared order: together, and by facets and period."""
        return conformance_of(services, process, query)

    return api
