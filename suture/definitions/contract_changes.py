"""What a newer version of an event contract no longer gives, and who relies on it. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from suture.definitions.catalog import Catalog
from suture.definitions.contract_fields import absent_fields
from suture.definitions.event_contract import EventContract
from suture.definitions.process import ProcessDefinition
from suture.definitions.sla import SlaDefinition


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Something that differs between two versions.

    `breaking` where somebody relies on what is gone; `used_by` names them. `field` is a field of
    the contract: `attributes.facility`, `objects.requisition`, `milestone`, `outcome`.
    """

    field: str
    message: str
    breaking: bool
    used_by: tuple[str, ...] = ()

    def __str__(self) -> str:
        users = f"; used by {', '.join(self.used_by)}" if self.used_by else ""
        return f"{self.field}: {self.message}{users}"


def changes(old: EventContract, new: EventContract, catalog: Catalog) -> list[Change]:
    """What `new` no longer gives that `old` gave, breaking changes first.

    What `new` says that it drops is no breaking change.
    """
    found = [
        *_milestone(old, new, catalog),
        *_objects(old, new, catalog),
        *_attributes(old, new, catalog),
        *_outcome(old, new, catalog),
        *_fields(old, new, catalog),
    ]
    return sorted(found, key=lambda change: not change.breaking)


def successions(catalog: Catalog) -> Iterator[tuple[EventContract, EventContract]]:
    """Neighbouring versions of each type that has several: (older, newer), by their numbers."""
    by_type: dict[str, list[EventContract]] = {}
    for contract in catalog.contracts.values():
        by_type.setdefault(contract.contract, []).append(contract)
    for _, versions in sorted(by_type.items()):
        yield from pairwise(sorted(versions, key=lambda c: _in_order(c.version)))


def users_of_attribute(catalog: Catalog, contract: EventContract, name: str) -> tuple[str, ...]:
    """Who relies on an attribute of a contract's milestones."""
    found = []
    for process in _processes_with(catalog, contract.milestone):
        where = f"process {process.process}"
        found += [f"{where} (facet)"] if name in process.facets else []
        found += [f"{where} (money)"] if name == process.money else []
        found += [f"{where} (expect)"] if name == process.completes_with.expect else []
        for sla in catalog.slas_of(process.process):
            if _mentions_attribute(sla, name):
                found.append(f"SLA {sla.sla}")
    for type_, definition in sorted(catalog.object_types.items()):
        if definition.scope == name and type_ in contract.objects:
            found.append(f"object type {type_} (scope)")
    for place, rule in enumerate(catalog.owners.rules, start=1):
        if name in rule.facet:
            found.append(f"rule {place} of owners.yaml")
    return tuple(found)


def users_of_object(catalog: Catalog, contract: EventContract, type_: str) -> tuple[str, ...]:
    """The processes in which a type of object stands that also have the contract's milestone."""
    return tuple(
        f"process {process.process}" + (" (anchor)" if process.anchor == type_ else "")
        for process in _processes_with(catalog, contract.milestone)
        if type_ in process.object_types
    )


def users_of_milestone(catalog: Catalog, name: str) -> tuple[str, ...]:
    """The processes and SLAs that name a milestone."""
    processes = [f"process {process.process}" for process in _processes_with(catalog, name)]
    slas = [f"SLA {sla.sla}" for _, sla in sorted(catalog.slas.items()) if _mentions(sla, name)]
    return (*processes, *slas)


def _milestone(old: EventContract, new: EventContract, catalog: Catalog) -> Iterator[Change]:
    if old.milestone == new.milestone:
        return
    users = users_of_milestone(catalog, old.milestone)
    message = f"{old.milestone} becomes {new.milestone}"
    yield Change(field="milestone", message=message, breaking=bool(users), used_by=users)


def _objects(old: EventContract, new: EventContract, catalog: Catalog) -> Iterator[Change]:
    for type_ in old.objects:
        if type_ not in new.objects:
            yield Change(
                field=f"objects.{type_}",
                message="the object type disappears",
                breaking=type_ not in new.drops,
                used_by=users_of_object(catalog, old, type_),
            )


def _attributes(old: EventContract, new: EventContract, catalog: Catalog) -> Iterator[Change]:
    for name in old.attributes:
        if name not in new.attributes:
            users = users_of_attribute(catalog, old, name)
            yield Change(
                field=f"attributes.{name}",
                message="the attribute disappears",
                breaking=bool(users) and name not in new.drops,
                used_by=users,
            )


def _outcome(old: EventContract, new: EventContract, catalog: Catalog) -> Iterator[Change]:
    if old.outcome and not new.outcome:
        users = users_of_milestone(catalog, new.milestone)
        yield Change(
            field="outcome",
            message="disappears, so that every event reaches its milestone",
            breaking=bool(users) and "outcome" not in new.drops,
            used_by=users,
        )


def _fields(old: EventContract, new: EventContract, catalog: Catalog) -> Iterator[Change]:
    """Fields that an expression reads and the newer schema does not know any more."""
    if new.schema_document is None:
        return
    for field, expression, users in _expressions(new, catalog):
        absent = absent_fields(
            expression, new.schema_document, alternatives=not field.startswith("outcome")
        )
        before = absent_fields(expression, old.schema_document) if old.schema_document else absent
        never_known = {absence.path for absence in before}
        for absence in sorted(absent, key=lambda absence: absence.path):
            if absence.forbidden or absence.path not in never_known:
                yield Change(
                    field=field,
                    message=f"its schema has no {absence.path}, which {expression!r} reads",
                    breaking=bool(users) and field.partition(".")[2] not in new.drops,
                    used_by=users,
                )


def _expressions(
    contract: EventContract, catalog: Catalog
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(field, expression, users) of all that a contract reads off its events."""
    for type_, expression in contract.objects.items():
        yield f"objects.{type_}", expression, users_of_object(catalog, contract, type_)
    for name, expression in contract.attributes.items():
        yield f"attributes.{name}", expression, users_of_attribute(catalog, contract, name)
    if contract.outcome:
        yield "outcome", contract.outcome, users_of_milestone(catalog, contract.milestone)


def _in_order(version: str) -> list[str | int]:
    """A sort key that puts version 9 before version 10; equality stays that of text."""
    return [int(p) if p.isdecimal() else p for p in re.split(r"(\d+)", version)]


def _processes_with(catalog: Catalog, milestone: str) -> list[ProcessDefinition]:
    return [
        process
        for _, process in sorted(catalog.processes.items())
        if milestone in process.milestone_names
    ]


def _mentions(sla: SlaDefinition, milestone: str) -> bool:
    """Whether a rule names a milestone anywhere, whatever its kind."""
    content = sla.model_dump(mode="json", exclude={"sla", "title", "process", "owner", "kind"})
    return any(value == milestone for _, value in _leaves(content))


def _mentions_attribute(sla: SlaDefinition, name: str) -> bool:
    """Whether a rule names an attribute: as a facet, or as what it compares or is due by."""
    if any(name in segment.when for segment in sla.segments):
        return True
    return any(
        (key == "attribute" and value == name) or f"attributes.{name}" in str(value).split()
        for key, value in _leaves(sla.model_dump(mode="json"))
    )


def _leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _leaves(value, str(name))
    elif isinstance(node, list | tuple):
        for item in node:
            yield from _leaves(item, key)
    else:
        yield key, node
