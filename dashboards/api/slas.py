"""SLAs: the rules, how often they held, and their verdicts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from dashboards.api.parameters import PageParameters, Parameters, Time, page_of
from dashboards.api.problems import documented
from dashboards.api.shapes import ObjectShape, Period, Shape, VerdictShape, verdict_fields
from dashboards.coverage import coverage_of
from dashboards.services import Services
from suture.contracts.alert import Severity
from suture.contracts.objects import ObjectKey
from suture.contracts.verdict import Attainment, VerdictState, Window
from suture.definitions.sla import SlaDefinition, parse_window
from suture.errors import InvalidQuery, NotFound
from suture.store.verdicts import VerdictFilter, attainment, verdict_counts, verdict_page


class SlaSegmentShape(Shape):
    """Another allowance for instances whose facets have these values."""

    when: dict[str, str]
    within_seconds: float


class SlaShape(Shape):
    """A rule, and how many of its verdicts stand where now."""

    sla: str
    version: int
    title: str
    process: str
    kind: str
    from_: str | None = Field(alias="from")
    to: str | None
    within_seconds: float
    segments: list[SlaSegmentShape]
    at_risk: float = Field(description="The share of the allowance from which it is at risk.")
    target: float
    window_seconds: float
    severity: Severity
    owner: str | None
    counts: dict[VerdictState, int]


class SlaList(Shape):
    """A page of the declared rules, by name."""

    items: list[SlaShape]
    next_cursor: str | None


class AttainmentFigures(Shape):
    """How often a rule held in a window, for one group of instances."""

    by: dict[str, str] = Field(description="The facet values of the group; empty for the total.")
    met: int
    breached: int
    pending: int
    unknown: int
    ratio: float | None
    target: float
    budget_remaining_ratio: float | None


class AttainmentShape(AttainmentFigures):
    """Attainment in total; `items` and `total` are there where `by` was asked for."""

    sla: str
    window: Period
    coverage: float | None
    items: list[AttainmentFigures] = Field(default_factory=list)
    total: AttainmentFigures


class JudgedInstance(VerdictShape):
    """A verdict of the rule, with the instance it is about."""

    process: str
    anchor: ObjectShape
    facets: dict[str, str]


class VerdictList(Shape):
    """A page of verdicts, latest deadline first."""

    items: list[JudgedInstance]
    next_cursor: str | None


class AttainmentQuery(Parameters):
    """`window` is a duration up to now (28d), or a month (2026-04); the rule's own by default."""

    window: str | None = None
    by: str | None = Field(default=None, description="A facet, or several with commas.")
    as_known_at: Time | None = None


class VerdictQuery(PageParameters):
    """Filters of the list."""

    state: VerdictState | None = None
    window: str | None = None
    as_known_at: Time | None = None


def router(services: Services) -> APIRouter:
    """The calls about rules."""
    api = APIRouter(tags=["slas"])
    _add_rules(api, services)
    _add_attainment(api, services)
    _add_verdicts(api, services)
    return api


def _add_rules(api: APIRouter, services: Services) -> None:
    @api.get("/slas", responses=documented(400, 401))
    def slas(query: Annotated[PageParameters, Query()]) -> SlaList:
        """A page of the declared rules, by name."""
        environment = services.environment(query.environment)
        counts = verdict_counts(services.store, environment=environment)
        items, cursor = page_of(
            sorted(services.catalog.slas.values(), key=lambda rule: rule.sla),
            query,
            shape=lambda rule: _rule(rule, counts.get((rule.process, rule.sla), {})),
            position=lambda rule: (rule.sla,),
            types=(str,),
        )
        return SlaList(items=items, next_cursor=cursor)

    @api.get("/slas/{sla}", responses=documented(400, 401, 404))
    def sla(sla: str, query: Annotated[Parameters, Query()]) -> SlaShape:
        """One rule."""
        rule = _declared(services, sla)
        environment = services.environment(query.environment)
        counts = verdict_counts(services.store, environment=environment)
        return _rule(rule, counts.get((rule.process, rule.sla), {}))


def _add_attainment(api: APIRouter, services: Services) -> None:
    @api.get("/slas/{sla}/attainment", responses=documented(400, 401, 404))
    def sla_attainment(sla: str, query: Annotated[AttainmentQuery, Query()]) -> AttainmentShape:
        """How often a rule held in a window, in total and by facets."""
        rule, now = _declared(services, sla), services.now()
        window = _window(rule, query.window, now)
        environment = services.environment(query.environment)
        report = attainment(
            services.store,
            VerdictFilter(
                environment=environment,
                process=rule.process,
                sla=sla,
                as_known_at=query.as_known_at,
            ),
            target=rule.target,
            window=window,
            by=_facets(services, rule, query.by),
        )
        process = services.catalog.processes[rule.process]
        coverage = coverage_of(
            services, environment=environment, start=window.start, end=window.end, now=now
        )
        total = _figures(report.total)
        return AttainmentShape(
            **total.model_dump(),
            sla=sla,
            window=Period(from_=window.start, to=window.end),
            coverage=coverage.of_process(process),
            items=[_figures(one) for one in report.items],
            total=total,
        )


def _add_verdicts(api: APIRouter, services: Services) -> None:
    @api.get("/slas/{sla}/verdicts", responses=documented(400, 401, 404))
    def verdicts(sla: str, query: Annotated[VerdictQuery, Query()]) -> VerdictList:
        """A page of verdicts, latest deadline first."""
        rule, now = _declared(services, sla), services.now()
        chosen = VerdictFilter(
            environment=services.environment(query.environment),
            process=rule.process,
            sla=sla,
            window=_window(rule, query.window, now) if query.window else None,
            as_known_at=query.as_known_at,
        )
        page = verdict_page(
            services.store,
            chosen,
            now=now,
            states=[query.state] if query.state else [],
            limit=query.limit,
            cursor=query.cursor,
        )
        return VerdictList(
            items=[
                JudgedInstance(
                    **verdict_fields(verdict),
                    process=verdict.process,
                    anchor=ObjectShape.of(ObjectKey.decode(verdict.anchor)),
                    facets=dict(verdict.facets),
                )
                for verdict in page.items
            ],
            next_cursor=page.next_cursor,
        )


def _declared(services: Services, sla: str) -> SlaDefinition:
    rule = services.catalog.slas.get(sla)
    if rule is None:
        raise NotFound(f"There is no rule {sla!r}.")
    return rule


def _window(rule: SlaDefinition, text: str | None, now: datetime) -> Window:
    return parse_window(text, now) if text else Window(start=now - rule.window, end=now)


def _facets(services: Services, rule: SlaDefinition, text: str | None) -> list[str]:
    names = [name.strip() for name in text.split(",")] if text is not None else []
    declared = services.catalog.processes[rule.process].facets
    if strange := [name for name in names if name not in declared]:
        raise InvalidQuery(f"{strange[0]!r} is no facet of {rule.process}", field="by")
    return names


def _rule(rule: SlaDefinition, counts: Mapping[VerdictState, int]) -> SlaShape:
    return SlaShape(
        sla=rule.sla,
        version=rule.version,
        title=rule.title,
        process=rule.process,
        kind=rule.kind,
        from_=rule.from_milestone,
        to=rule.to_milestone,
        within_seconds=rule.within.total_seconds(),
        segments=[
            SlaSegmentShape(when=dict(one.when), within_seconds=one.within.total_seconds())
            for one in rule.segments
        ],
        at_risk=rule.at_risk,
        target=rule.target,
        window_seconds=rule.window.total_seconds(),
        severity=rule.severity,
        owner=rule.owner,
        counts={state: counts.get(state, 0) for state in VerdictState},
    )


def _figures(one: Attainment) -> AttainmentFigures:
    return AttainmentFigures(
        by=dict(one.by),
        met=one.met,
        breached=one.breached,
        pending=one.pending,
        unknown=one.unknown,
        ratio=one.ratio,
        target=one.target,
        budget_remaining_ratio=one.budget_remaining_ratio,
    )
