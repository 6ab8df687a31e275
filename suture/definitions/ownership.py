"""Who answers for input that could not be taken: a contract's owner, a system's, or the default.

`owners.yaml` is asked as well as the contracts and `systems.yaml`. Of a rule only what is known of
a refused input can match: its contract and its system. In this order, the first that names a team:

1. the contract that the input broke, or the contracts of its type;
2. a rule that names the contract's type;
3. the system's `owner`, then a rule that names the system;
4. the rule without any condition, which is the default;
5. nobody: the empty text.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from suture.definitions.catalog import Catalog
from suture.definitions.landscape import OwnershipRule

TELEMETRY_SOURCE = "otel:"
"""What a source begins with that is an OpenTelemetry service."""


class Ownership:
    """Answers for one catalogue."""

    def __init__(self, catalog: Catalog) -> None:
        """Prepare the rules of a catalogue."""
        self._systems = catalog.systems
        self._services = catalog.service_systems
        rules = [rule for rule in catalog.owners.rules if _is_about_input(rule)]
        self._rules = sorted(rules, key=_conditions, reverse=True)
        self._contracts: dict[str, str] = {}
        for (type_, _), contract in sorted(catalog.contracts.items()):
            self._contracts.setdefault(type_, contract.owner)

    @property
    def default(self) -> str:
        """The team that answers where nothing else says who; empty for nobody."""
        return self._by_rule("", "")

    def of(self, *, source: str = "", type_: str = "", contract_owner: str = "") -> str:
        """The team that answers for a refused input; empty where nobody is named.

        `source` is an event's source or `otel:<service>`, `type_` an event's type, as far as they
        could be read. `contract_owner` is the owner of the contract that it broke.
        """
        system = self.system_of(source)
        return next((team for team in self._answers(contract_owner, type_, system) if team), "")

    def system_of(self, source: str) -> str:
        """The declared system of a source: of its service, or that its path begins with."""
        if source.startswith(TELEMETRY_SOURCE):
            return self._services.get(source.removeprefix(TELEMETRY_SOURCE), "")
        name = first_part(source)
        return name if name in self._systems else self._services.get(name, "")

    def _answers(self, contract_owner: str, type_: str, system: str) -> Iterator[str]:
        yield contract_owner or self._contracts.get(type_, "")
        if type_:
            yield self._by_rule(type_, system, contract=True)
        if system in self._systems:
            yield self._systems[system].owner or ""
        yield self._by_rule(type_, system)

    def _by_rule(self, type_: str, system: str, *, contract: bool = False) -> str:
        for rule in self._rules:
            if contract and rule.contract is None:
                continue
            if rule.contract in (None, type_) and rule.system in (None, system):
                return rule.team
        return ""


def first_part(source: str) -> str:
    """The first part of a source's path: `erp` of `/erp/mercy-west`; else its host, or all of it.

    The source has to be one that `urlsplit` takes; for any other it is the empty text.
    """
    try:
        parts = urlsplit(source)
    except ValueError:
        return ""
    return next(filter(None, parts.path.split("/")), parts.netloc or source)


def _is_about_input(rule: OwnershipRule) -> bool:
    return not (rule.process or rule.step or rule.cause or rule.facet)


def _conditions(rule: OwnershipRule) -> int:
    return 2 * (rule.contract is not None) + (rule.system is not None)
