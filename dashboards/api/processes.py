"""Processes: what is declared, and how its instances stand."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from dashboards.api.parameters import PageParameters, Parameters, Time, page_of
from dashboards.api.problems import documented
from dashboards.api.shapes import Shape
from dashboards.coverage import Coverage, coverage_of
from dashboards.services import Services
from suture.contracts.process import InstanceStatus, MilestoneKind
from suture.contracts.verdict import VerdictState
from suture.definitions.process import Cardinality, Domain, ProcessDefinition
from suture.errors import NotFound
from suture.store.reading.processes import BEGINNING, END, Standing


class PathShape(Shape):
    """Objects of one type lead on to objects of another."""

    from_: str = Field(alias="from")
    to: str
    cardinality: Cardinality


class DeclaredMilestone(Shape):
    """A milestone as declared."""

    name: str
    title: str
    system: str | None
    kind: MilestoneKind
    optional: bool = Field(description="May be left out, and may come at any time.")


class VersionShape(Shape):
    """A declared version, and from which day (UTC) it is in force."""

    version: int
    effective_from: date | None


class ProcessShape(Shape):
    """A process and how its instances stand."""

    process: str
    version: int
    title: str
    description: str
    domain: Domain
    owner: str
    anchor: str
    counts: dict[InstanceStatus, int]
    sla_states: dict[VerdictState, int] = Field(
        description="Instances by the worst of their verdicts; those without any are in none."
    )
    coverage: float | None = Field(
        description="Share of declared heartbeats that were met; null where none is declared."
    )


class ProcessDetail(ProcessShape):
    """A process with its whole definition, that of its newest version."""

    versions: list[VersionShape] = Field(description="In the order in which they take effect.")
    paths: list[PathShape]
    milestones: list[DeclaredMilestone]
    starts_with: list[str]
    completes_with: str
    ends_with: list[str]
    facets: list[str]
    slas: list[str]


class ProcessList(Shape):
    """A page of the declared processes, by name."""

    items: list[ProcessShape]
    next_cursor: str | None


class ProcessQuery(Parameters):
    """Counts are over instances that started in the half-open time from `from` to `to`."""

    from_: Time | None = Field(default=None, alias="from")
    to: Time | None = None


class ProcessListQuery(ProcessQuery, PageParameters):
    """A page of processes."""


def router(services: Services) -> APIRouter:
    """The calls about processes."""
    api = APIRouter(tags=["processes"])

    @api.get("/processes", responses=documented(400, 401))
    def processes(query: Annotated[ProcessListQuery, Query()]) -> ProcessList:
        """A page of the declared processes with counts by status and by worst verdict."""
        standings, coverage = _counts(services, query)
        items, cursor = page_of(
            sorted(services.catalog.processes.values(), key=lambda process: process.process),
            query,
            shape=lambda process: ProcessShape(**_fields(process, standings, coverage)),
            position=lambda process: (process.process,),
            types=(str,),
        )
        return ProcessList(items=items, next_cursor=cursor)

    @api.get("/processes/{process}", responses=documented(400, 401, 404))
    def process(process: str, query: Annotated[ProcessQuery, Query()]) -> ProcessDetail:
        """One process with its definition."""
        definition = services.catalog.processes.get(process)
        if definition is None:
            raise NotFound(f"There is no process {process!r}.")
        standings, coverage = _counts(services, query)
        rules = [sla.sla for sla in services.catalog.slas_of(process)]
        fields = _fields(definition, standings, coverage)
        fields["versions"] = [
            VersionShape(version=one.version, effective_from=one.effective_from)
            for one in services.catalog.versions_of(process)
        ]
        return _detail(definition, fields, rules)

    return api


def _counts(services: Services, query: ProcessQuery) -> tuple[dict[str, Standing], Coverage]:
    environment, now = services.environment(query.environment), services.now()
    standings = services.processes.standings(
        environment=environment,
        now=now,
        started_from=query.from_ or BEGINNING,
        started_to=query.to or END,
    )
    coverage = coverage_of(
        services, environment=environment, start=query.from_, end=query.to, now=now
    )
    return standings, coverage


def _fields(
    process: ProcessDefinition, standings: dict[str, Standing], coverage: Coverage
) -> dict[str, Any]:
    standing = standings.get(process.process, Standing())
    return {
        "process": process.process,
        "version": process.version,
        "title": process.title,
        "description": process.description,
        "domain": process.domain,
        "owner": process.owner,
        "anchor": process.anchor,
        "counts": {status: standing.statuses.get(status, 0) for status in InstanceStatus},
        "sla_states": {state: standing.states.get(state, 0) for state in VerdictState},
        "coverage": coverage.of_process(process),
    }


def _detail(process: ProcessDefinition, fields: dict[str, Any], rules: list[str]) -> ProcessDetail:
    return ProcessDetail(
        **fields,
        paths=[
            PathShape(from_=path.from_type, to=path.to_type, cardinality=path.cardinality)
            for path in process.paths
        ],
        milestones=[
            DeclaredMilestone(
                name=m.name,
                title=m.title or m.name,
                system=m.system,
                kind=m.kind,
                optional=m.optional,
            )
            for m in process.milestones
        ],
        starts_with=list(process.starts_with),
        completes_with=process.completes_with.milestone,
        ends_with=list(process.ends_with),
        facets=list(process.facets),
        slas=rules,
    )
