"""Which figures are shown, declared as data: one more KPI is one more entry.

Pure. A KPI is either the time that the clocks of one rule ran, or the share of instances that
completed. Of the built-in ones those are shown whose rule or process the configuration declares.
"""

from dataclasses import dataclass
from enum import StrEnum

from suture.contracts.alert import Severity
from suture.definitions.catalog import Catalog
from suture.definitions.sla import SlaDefinition


class Measure(StrEnum):
    """What a KPI counts."""

    DURATION = "duration"
    COMPLETION = "completion"


class Unit(StrEnum):
    """What the value of a KPI is in."""

    SECONDS = "seconds"
    RATIO = "ratio"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kpi:
    """One figure. `process` is None where it spans all; `sla` gives target and attainment."""

    name: str
    title: str
    description: str
    measure: Measure
    process: str | None = None
    sla: str | None = None

    @property
    def unit(self) -> Unit:
        """What its value is in."""
        return Unit.SECONDS if self.measure is Measure.DURATION else Unit.RATIO


ACROSS = Kpi(
    name="process_completion_rate",
    title="Cross-platform process completion rate",
    description="Completed of all instances that no longer run: completed, ended early or stalled.",
    measure=Measure.COMPLETION,
)

DURATIONS = (
    Kpi(
        name="requisition_cycle_time",
        title="Requisition cycle time",
        description="Median time from a requisition to its goods on the shelf.",
        measure=Measure.DURATION,
        process="requisition_to_fulfilment",
        sla="requisition-cycle-time",
    ),
    Kpi(
        name="schedule_to_staffing_latency",
        title="Schedule-to-staffing synchronisation latency",
        description="Median time from a scheduled procedure to the roster that knows of it.",
        measure=Measure.DURATION,
        process="procedure_schedule_to_staffing",
        sla="schedule-to-staffing-sync",
    ),
)

_SEVERITIES = list(Severity)


def kpis_of(catalog: Catalog) -> list[Kpi]:
    """The KPIs of a configuration: one across all, then per process its times and completion."""
    found = [ACROSS]
    for name in sorted(catalog.processes):
        named = [k for k in DURATIONS if k.process == name and k.sla in catalog.slas]
        found += named or _leading_rule(catalog, name)
        found.append(_completion(catalog, name))
    return found


def _leading_rule(catalog: Catalog, process: str) -> list[Kpi]:
    """A process without a KPI of its own is shown by its most severe rule."""
    rules = [rule for rule in catalog.slas_of(process) if rule.kind == "duration"]
    if not rules:
        return []
    rule = min(rules, key=lambda r: (-_SEVERITIES.index(r.severity), r.sla))
    return [
        Kpi(
            name=f"{process}.{rule.sla}",
            title=rule.sla.replace("-", " ").replace("_", " ").capitalize(),
            description=rule.title,
            measure=Measure.DURATION,
            process=process,
            sla=rule.sla,
        )
    ]


def _completion(catalog: Catalog, process: str) -> Kpi:
    rule = _completion_rule(catalog, process)
    return Kpi(
        name=f"{process}.completion_rate",
        title="Completion rate",
        description=ACROSS.description,
        measure=Measure.COMPLETION,
        process=process,
        sla=rule.sla if rule else None,
    )


def _completion_rule(catalog: Catalog, process: str) -> SlaDefinition | None:
    return next((r for r in catalog.slas_of(process) if r.kind == "completion"), None)
