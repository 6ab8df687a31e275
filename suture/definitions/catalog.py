"""The catalogue: everything a configuration directory declares, checked as a whole."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suture.definitions.event_contract import EventContract, SpanContract
from suture.definitions.landscape import Owners, System, Systems
from suture.definitions.process import ObjectType, ProcessDefinition
from suture.definitions.process_versions import disagreements, in_order
from suture.definitions.redaction import Redaction, RedactionRule
from suture.definitions.sla import SlaDefinition
from suture.definitions.source import Model, parse, read_yaml
from suture.errors import DefinitionError, Problem

FILES = ("systems.yaml", "owners.yaml", "redaction.yaml")
FOLDERS = ("processes", "slas", "contracts", "mappings")


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """What is declared. Keys are names; event contracts are keyed by (type, version).

    Of a process in several versions `processes` holds the newest, `earlier` the others in the order
    in which they took effect.
    """

    processes: Mapping[str, ProcessDefinition] = field(default_factory=dict)
    earlier: Mapping[str, tuple[ProcessDefinition, ...]] = field(default_factory=dict)
    slas: Mapping[str, SlaDefinition] = field(default_factory=dict)
    systems: Mapping[str, System] = field(default_factory=dict)
    owners: Owners = field(default_factory=Owners)
    contracts: Mapping[tuple[str, str], EventContract] = field(default_factory=dict)
    span_contracts: Mapping[str, SpanContract] = field(default_factory=dict)
    redaction: Redaction = field(default_factory=Redaction)

    @property
    def object_types(self) -> dict[str, ObjectType]:
        """How each declared object type is normalised; types are global."""
        return {
            name: definition
            for process in self.every_version()
            for name, definition in process.objects.items()
        }

    def versions_of(self, process: str) -> tuple[ProcessDefinition, ...]:
        """All versions of a process in the order in which they take effect; none if undeclared."""
        newest = self.processes.get(process)
        return (*self.earlier.get(process, ()), newest) if newest else ()

    def version_of(self, process: str, version: int) -> ProcessDefinition | None:
        """One version of a process; the newest where that one is not declared any more."""
        found = (one for one in self.versions_of(process) if one.version == version)
        return next(found, self.processes.get(process))

    def facets_of(self, process: str) -> tuple[str, ...]:
        """The facets of a process: those of its newest version, then what only others declare."""
        found = (f for version in reversed(self.versions_of(process)) for f in version.facets)
        return tuple(dict.fromkeys(found))

    def every_version(self) -> Iterator[ProcessDefinition]:
        """All versions of all processes, newer ones of a process behind older ones."""
        for process in self.processes:
            yield from self.versions_of(process)

    @property
    def service_systems(self) -> dict[str, str]:
        """The system each declared service belongs to."""
        return {service: name for name, s in self.systems.items() for service in s.services}

    def slas_of(self, process: str) -> list[SlaDefinition]:
        """The rules about one process, by name."""
        return sorted((s for s in self.slas.values() if s.process == process), key=lambda s: s.sla)


class _Reader:
    """Collects definitions and problems while it walks a directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []
        self.origin: dict[tuple[str, Any], str] = {}
        # Names of definitions that are there and wrong, by folder; "" where one's is not known.
        self.failed: dict[str, set[str]] = defaultdict(set)

    def read(self, path: Path) -> Any:
        """The content of a file, or None once the problem with it is noted."""
        name = str(path.relative_to(self.folder))
        try:
            content = read_yaml(path, shown_as=name)
        except DefinitionError as error:
            self.problems.extend(error.problems)
            return None
        if content is None:
            self.problems.append(Problem(file=name, message="is empty"))
        return content

    def parse(self, model: type[Model], content: Any, file: str, entry: str = "") -> Model | None:
        """The definition, or None once the problems with it are noted."""
        try:
            return parse(model, content, file=file, entry=entry)
        except DefinitionError as error:
            self.problems.extend(error.problems)
            return None

    def documents(self, subfolder: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in sorted((self.folder / subfolder).glob("*.y*ml")):
            name = str(path.relative_to(self.folder))
            content = self.read(path)
            if content is None:
                self.failed[subfolder].add("")
                continue
            for document in content if isinstance(content, list) else [content]:
                if isinstance(document, dict):
                    yield name, document
                else:
                    self.failed[subfolder].add("")
                    message = "expected a mapping, or a list of mappings"
                    self.problems.append(Problem(file=name, message=message))

    def add(self, into: dict[Any, Any], key: Any, value: Any, *, kind: str, file: str) -> None:
        if key in into:
            shown = key if isinstance(key, str) else " version ".join(key)
            message = f"declared twice, also in {self.origin[kind, key]}"
            self.problems.append(Problem(file=file, entry=shown, message=message))
            return
        into[key] = value
        self.origin[kind, key] = file

    def collect(self, subfolder: str, model: type[Model], name_field: str) -> dict[str, Model]:
        found: dict[str, Model] = {}
        for file, document in self.documents(subfolder):
            entry = str(document.get(name_field, ""))
            item = self.parse(model, document, file, entry)
            if item is not None:
                self.add(found, entry, item, kind=subfolder, file=file)
        return found

    def processes(self) -> dict[str, tuple[ProcessDefinition, ...]]:
        """The versions of each process, in the order in which they take effect."""
        found: dict[tuple[str, str], ProcessDefinition] = {}
        for file, document in self.documents("processes"):
            entry = str(document.get("process", ""))
            item = self.parse(ProcessDefinition, document, file, entry)
            if item is None:
                self.failed["processes"].add(entry)
            else:
                key = (item.process, str(item.version))
                self.add(found, key, item, kind="processes", file=file)
        names = dict.fromkeys(name for name, _ in found)
        return {
            name: in_order([one for (process, _), one in found.items() if process == name])
            for name in names
        }

    def contracts(self) -> tuple[dict[tuple[str, str], EventContract], dict[str, SpanContract]]:
        events: dict[tuple[str, str], EventContract] = {}
        spans: dict[str, SpanContract] = {}
        for file, document in self.documents("contracts"):
            is_span = "span_contract" in document
            entry = str(document.get("span_contract" if is_span else "contract", ""))
            model: type[SpanContract | EventContract] = SpanContract if is_span else EventContract
            item = self.parse(model, document, file, entry)
            if isinstance(item, SpanContract):
                self.add(spans, item.span_contract, item, kind="span contracts", file=file)
            elif isinstance(item, EventContract):
                item = self.with_schema(item, file)
                self.add(events, (item.contract, item.version), item, kind="contracts", file=file)
        return events, spans

    def with_schema(self, contract: EventContract, file: str) -> EventContract:
        try:
            return contract.with_schema((self.folder / file).parent)
        except ValueError as error:
            entry = contract.contract
            problem = Problem(file=file, entry=entry, field="schema", message=str(error))
            self.problems.append(problem)
            return contract

    def single(self, name: str, model: type[Model]) -> Model:
        path = self.folder / name
        content = self.read(path) if path.exists() else None
        if content is None:
            return model()
        return self.parse(model, content, name) or model()

    def redaction(self) -> Redaction:
        """Rule by rule, so that every problem names its rule."""
        name = "redaction.yaml"
        path = self.folder / name
        content = self.read(path) if path.exists() else None
        rules = content.get("rules") if isinstance(content, dict) else None
        sound = True
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            named = isinstance(rule, dict) and isinstance(rule.get("rule"), str)
            entry = rule["rule"] if named else f"rule {index + 1}"
            sound = self.parse(RedactionRule, rule, name, entry) is not None and sound
        if content is None or not sound:
            return Redaction()
        return self.parse(Redaction, content, name) or Redaction()


def load_catalog(folder: Path) -> Catalog:
    """Read and check a configuration directory; raises DefinitionError with every problem."""
    if not folder.is_dir():
        raise DefinitionError([Problem(file=str(folder), message="no such directory")])
    reader = _Reader(folder)
    for entry in sorted(folder.iterdir()):
        if entry.name not in FILES + FOLDERS and not entry.name.startswith((".", "README")):
            known = ", ".join(FILES + tuple(f"{name}/" for name in FOLDERS))
            message = f"is none of the known entries: {known}"
            reader.problems.append(Problem(file=entry.name, message=message))
    contracts, span_contracts = reader.contracts()
    versions = reader.processes()
    catalog = Catalog(
        processes={name: several[-1] for name, several in versions.items()},
        earlier={name: several[:-1] for name, several in versions.items() if several[1:]},
        slas=reader.collect("slas", SlaDefinition, "sla"),
        systems=reader.single("systems.yaml", Systems).systems,
        owners=reader.single("owners.yaml", Owners),
        contracts=contracts,
        span_contracts=span_contracts,
        redaction=reader.redaction(),
    )
    problems = [*reader.problems, *_cross_check(catalog, reader.origin, reader.failed["processes"])]
    if problems:
        raise DefinitionError(problems)
    return catalog


def _cross_check(
    catalog: Catalog, origin: Mapping[tuple[str, Any], str], failed_processes: Set[str]
) -> Iterator[Problem]:
    """What does not fit together. Nothing is held against a definition that is there and wrong.

    So of a process that failed, no rule about it is judged. Files without folders that failed are
    empty here, and an empty one is not held against what names its systems or teams.
    """
    yield from _check_versions(catalog, origin)
    yield from _check_slas(catalog, origin, failed_processes)
    yield from _check_object_types(catalog, origin)
    yield from _check_services(catalog)
    yield from _check_default_versions(catalog, origin)
    yield from _check_systems(catalog, origin)
    yield from _check_owners(catalog, origin)


def _check_slas(
    catalog: Catalog, origin: Mapping[tuple[str, Any], str], failed_processes: Set[str]
) -> Iterator[Problem]:
    for sla in catalog.slas.values():
        file = origin["slas", sla.sla]
        process = catalog.processes.get(sla.process)
        if sla.process in failed_processes:
            continue
        if process is None:
            if "" not in failed_processes:
                message = f"there is no process {sla.process!r}"
                yield Problem(file=file, entry=sla.sla, field="process", message=message)
            continue
        for version in catalog.versions_of(sla.process):
            yield from _check_sla(sla, version, file, newest=version is process)


def _check_sla(
    sla: SlaDefinition, process: ProcessDefinition, file: str, *, newest: bool
) -> Iterator[Problem]:
    """A rule holds for every version of its process, but for older ones that lack its `from`.

    Their instances never start its clock. One that started it and could not stop would be late.
    """
    declared = process.milestone_names
    if sla.from_milestone and sla.from_milestone not in declared and not newest:
        return
    named = sla.process if newest else f"{sla.process} version {process.version}"
    for key, name in (("from", sla.from_milestone), ("to", sla.to_milestone)):
        if name and name not in declared:
            message = f"{name!r} is not a milestone of {named}"
            yield Problem(file=file, entry=sla.sla, field=key, message=message)
    for segment in sla.segments:
        for facet in sorted(set(segment.when) - set(process.facets)):
            message = f"{facet!r} is not a facet of {named}"
            yield Problem(file=file, entry=sla.sla, field="segments.when", message=message)


def _check_versions(catalog: Catalog, origin: Mapping[tuple[str, Any], str]) -> Iterator[Problem]:
    for name in catalog.earlier:
        for version, field_, message in disagreements(catalog.versions_of(name)):
            file, entry = _file_of(version, origin), f"{name} version {version.version}"
            yield Problem(file=file, entry=entry, field=field_, message=message)


def _file_of(process: ProcessDefinition, origin: Mapping[tuple[str, Any], str]) -> str:
    return origin["processes", (process.process, str(process.version))]


def _check_object_types(
    catalog: Catalog, origin: Mapping[tuple[str, Any], str]
) -> Iterator[Problem]:
    declared: dict[str, tuple[str, ObjectType]] = {}
    for process in catalog.every_version():
        for name in sorted(process.object_types):
            definition = process.objects.get(name, ObjectType())
            first, known = declared.setdefault(name, (process.process, definition))
            if known != definition and first != process.process:
                yield Problem(
                    file=_file_of(process, origin),
                    entry=process.process,
                    field=f"objects.{name}",
                    message=f"is declared differently in process {first}; object types are global",
                )


def _check_services(catalog: Catalog) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, system in catalog.systems.items():
        for service in system.services:
            if service in seen:
                message = f"service {service!r} also belongs to {seen[service]}"
                yield Problem(file="systems.yaml", entry=name, field="services", message=message)
            seen[service] = name


def _check_default_versions(
    catalog: Catalog, origin: Mapping[tuple[str, Any], str]
) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for key, contract in sorted(catalog.contracts.items()):
        if not contract.default:
            continue
        known = first.setdefault(contract.contract, contract.version)
        if known != contract.version:
            yield Problem(
                file=origin["contracts", key],
                entry=f"{contract.contract} version {contract.version}",
                field="default",
                message=f"version {known} is the default already",
            )


def _check_systems(catalog: Catalog, origin: Mapping[tuple[str, Any], str]) -> Iterator[Problem]:
    if not catalog.systems:
        return
    for file, entry, field_, system in _named_systems(catalog, origin):
        if system is not None and system not in catalog.systems:
            message = f"there is no system {system!r} in systems.yaml"
            yield Problem(file=file, entry=entry, field=field_, message=message)


def _named_systems(
    catalog: Catalog, origin: Mapping[tuple[str, Any], str]
) -> Iterator[tuple[str, str, str, str | None]]:
    """(file, entry, field, system) wherever a system is named."""
    for process in catalog.every_version():
        file = _file_of(process, origin)
        for milestone in process.milestones:
            yield file, process.process, f"milestones.{milestone.name}.system", milestone.system
    for key, contract in catalog.contracts.items():
        yield origin["contracts", key], contract.contract, "system", contract.system
    for name, span_contract in catalog.span_contracts.items():
        yield origin["span contracts", name], name, "system", span_contract.system


def _check_owners(catalog: Catalog, origin: Mapping[tuple[str, Any], str]) -> Iterator[Problem]:
    teams = catalog.owners.teams
    if not teams:
        return
    for file, entry, field_, team in _named_teams(catalog, origin):
        if team is not None and team not in teams:
            message = f"there is no team {team!r} in owners.yaml"
            yield Problem(file=file, entry=entry, field=field_, message=message)


def _named_teams(
    catalog: Catalog, origin: Mapping[tuple[str, Any], str]
) -> Iterator[tuple[str, str, str, str | None]]:
    """(file, entry, field, team) wherever a team is named."""
    for index, rule in enumerate(catalog.owners.rules):
        yield "owners.yaml", "rules", f"{index}.team", rule.team
    for name, team in catalog.owners.teams.items():
        for step in team.escalate:
            yield "owners.yaml", name, "escalate", step.to
    for name, system in catalog.systems.items():
        yield "systems.yaml", name, "owner", system.owner
    for process in catalog.every_version():
        yield _file_of(process, origin), process.process, "owner", process.owner
    for sla in catalog.slas.values():
        yield origin["slas", sla.sla], sla.sla, "owner", sla.owner
    for key, contract in catalog.contracts.items():
        yield origin["contracts", key], contract.contract, "owner", contract.owner
    for name, span_contract in catalog.span_contracts.items():
        yield origin["span contracts", name], name, "owner", span_contract.owner
