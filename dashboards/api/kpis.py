"""KPIs: the figures executives look at, with target, trend and coverage."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from dashboards.api.parameters import Parameters, Time
from dashboards.api.problems import documented
from dashboards.api.shapes import Shape
from dashboards.kpis import Measure, Unit, kpis_of
from dashboards.measuring import Figure, measure
from dashboards.services import Services
from suture.contracts.verdict import Window
from suture.errors import InvalidQuery

DEFAULT_WINDOW = timedelta(days=28)


class TrendPoint(Shape):
    """One stretch of a trend; value is null where nothing was counted in it."""

    from_: datetime = Field(alias="from")
    to: datetime
    value: float | None
    count: int
    running: int = Field(description="Instances that started in it and still run.")
    finished: bool = Field(
        description="False while more than 2 % of its instances run: until then the value is that"
        " of the quick ones."
    )


class KpiShape(Shape):
    """One KPI.

    A duration's value is the median over clocks that were decided in the time asked for and
    completed; a completion's is completed of all instances that started in it and no longer run.
    """

    kpi: str
    title: str
    description: str
    measure: Measure
    unit: Unit
    process: str | None
    sla: str | None
    by: dict[str, str]
    value: float | None
    p90: float | None
    count: int = Field(description="How many clocks or instances the value is of.")
    uncompleted: int | None = Field(
        description="Clocks that are breached and still open or were never completed: they count as"
        " breached, and not in value and p90. Null for a completion."
    )
    completed: int | None
    ended: int | None
    stalled: int | None
    running: int | None
    met: int | None
    breached: int | None
    pending: int | None
    unknown: int | None
    attainment: float | None
    target: float | None
    budget_remaining_ratio: float | None
    coverage: float | None
    trend: list[TrendPoint]


class KpiList(Shape):
    """All KPIs in a half-open stretch of time."""

    from_: datetime = Field(alias="from")
    to: datetime
    items: list[KpiShape]
    next_cursor: None = None


class KpiQuery(Parameters):
    """The last 28 days by default."""

    from_: Time | None = Field(default=None, alias="from")
    to: Time | None = None
    by: str | None = Field(default=None, description="A facet to split every KPI by.")


def router(services: Services) -> APIRouter:
    """The call about KPIs."""
    api = APIRouter(tags=["kpis"])

    @api.get("/kpis", responses=documented(400, 401))
    def kpis(query: Annotated[KpiQuery, Query()]) -> KpiList:
        """The KPIs with target, trend and coverage."""
        now = services.now()
        end = query.to or now
        window = Window(start=query.from_ or end - DEFAULT_WINDOW, end=end)
        if window.end <= window.start:
            raise InvalidQuery("it is not before 'to'", field="from")
        processes = services.catalog.processes.values()
        if query.by is not None and not any(query.by in p.facets for p in processes):
            raise InvalidQuery(f"no process declares the facet {query.by!r}", field="by")
        figures = measure(
            services,
            kpis_of(services.catalog),
            window,
            environment=services.environment(query.environment),
            now=now,
            facet=query.by,
        )
        return KpiList(
            from_=window.start,
            to=window.end,
            items=[_shape(figure, query.by) for figure in figures],
        )

    return api


def _shape(figure: Figure, by: str | None) -> KpiShape:
    kpi, held, stand = figure.kpi, figure.attainment, figure.completions
    return KpiShape(
        kpi=kpi.name,
        title=kpi.title,
        description=kpi.description,
        measure=kpi.measure,
        unit=kpi.unit,
        process=kpi.process,
        sla=kpi.sla,
        by={by: figure.facet} if by else {},
        value=figure.value,
        p90=figure.p90,
        count=figure.count,
        uncompleted=figure.uncompleted if kpi.measure is Measure.DURATION else None,
        completed=stand.completed if stand else None,
        ended=stand.ended if stand else None,
        stalled=stand.stalled if stand else None,
        running=stand.running if stand else None,
        met=held.met if held else None,
        breached=held.breached if held else None,
        pending=held.pending if held else None,
        unknown=held.unknown if held else None,
        attainment=held.ratio if held else None,
        target=held.target if held else None,
        budget_remaining_ratio=held.budget_remaining_ratio if held else None,
        coverage=figure.coverage,
        trend=[
            TrendPoint(
                from_=point.start,
                to=point.end,
                value=point.value,
                count=point.count,
                running=point.running,
                finished=point.finished,
            )
            for point in figure.trend
        ],
    )
