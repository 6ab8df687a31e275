"""Event contracts: from a producer's own CloudEvent to a milestone. Pure.

A contract is chosen by the event's type and version. The version is what the extension
`dataversion` or `version` says, else what `dataschema` ends with (`…/v2`, `….v2.json`, `…/2`), else
the only one that is live. Versions compare as text.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from collector.cloudevents import CloudEvent
from suture.contracts.milestone import Outcome, attribute_text
from suture.contracts.objects import ObjectRef
from suture.definitions.event_contract import EventContract
from suture.errors import InvalidInput

VERSION_EXTENSIONS = ("dataversion", "version")

_SCHEMA_VERSION = re.compile(r"(?:[/:._-]v|[/:])(\d+(?:\.\d+)*)(?:\.json)?/?$", re.IGNORECASE)


class ContractBroken(InvalidInput):
    """The event breaks its contract."""

    def __init__(self, message: str, *, owner: str = "") -> None:
        """Name the team that owns the contract, where one was found."""
        super().__init__(message)
        self.owner = owner


class _Compiled:
    """A contract with its expressions and schema ready to use."""

    def __init__(self, contract: EventContract) -> None:
        self.contract = contract
        self.objects = {t: jmespath.compile(e) for t, e in contract.objects.items()}
        self.attributes = {n: jmespath.compile(e) for n, e in contract.attributes.items()}
        self.outcome = jmespath.compile(contract.outcome) if contract.outcome else None
        self.reason = jmespath.compile(contract.reason) if contract.reason else None
        schema = contract.schema_document
        self.validator = Draft202012Validator(schema) if schema is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedEvent:
    """What a contract says of an event."""

    contract: EventContract
    objects: tuple[ObjectRef, ...]
    attributes: Mapping[str, str]
    outcome: Outcome
    reason: str


class EventContracts:
    """All live contracts, ready to map events."""

    def __init__(self, contracts: Mapping[tuple[str, str], EventContract]) -> None:
        """Prepare the contracts of a catalogue, keyed by (type, version)."""
        self._by_type: dict[str, dict[str, _Compiled]] = {}
        for (type_, version), contract in sorted(contracts.items()):
            self._by_type.setdefault(type_, {})[version] = _Compiled(contract)

    def map(self, event: CloudEvent) -> MappedEvent:
        """Map an event by its contract; raises ContractBroken with a reason for its producer."""
        compiled = self._choose(event)
        try:
            return _apply(compiled, event)
        except InvalidInput as error:
            contract = compiled.contract
            message = f"contract {contract.contract} version {contract.version}: {error.message}"
            raise ContractBroken(message, owner=contract.owner) from error

    def _choose(self, event: CloudEvent) -> _Compiled:
        live = self._by_type.get(event.type)
        if not live:
            raise ContractBroken(f"type: there is no event contract for {event.type!r}")
        owner = next(iter(live.values())).contract.owner
        version = named_version(event)
        if version is None and len(live) == 1:
            return next(iter(live.values()))
        known = ", ".join(live)
        if version is None:
            raise ContractBroken(
                f"version: several versions of {event.type} are live ({known}); name one in the"
                " extension 'dataversion' or at the end of dataschema",
                owner=owner,
            )
        if version not in live:
            raise ContractBroken(
                f"version: there is no version {version!r} of {event.type}; live: {known}",
                owner=owner,
            )
        return live[version]


def named_version(event: CloudEvent) -> str | None:
    """The contract version that an event names, None where it names none."""
    for name in VERSION_EXTENSIONS:
        if name in event.extensions:
            return event.extensions[name]
    match = _SCHEMA_VERSION.search(event.dataschema)
    return match[1] if match else None


def _apply(compiled: _Compiled, event: CloudEvent) -> MappedEvent:
    _validate(compiled, event)
    attributes = {
        name: value
        for name, expression in compiled.attributes.items()
        if (value := _search(expression, event, f"attributes.{name}")) is not None
    }
    reason = _search(compiled.reason, event, "reason") if compiled.reason else None
    return MappedEvent(
        contract=compiled.contract,
        objects=tuple(_objects(compiled, event)),
        attributes={name: attribute_text(value) for name, value in attributes.items()},
        outcome=_outcome(compiled, event),
        reason=attribute_text(reason),
    )


def _validate(compiled: _Compiled, event: CloudEvent) -> None:
    if compiled.validator is None:
        return
    worst = best_match(compiled.validator.iter_errors(event.data))
    if worst is not None:
        raise InvalidInput(f"{worst.json_path.replace('$', 'data', 1)}: {worst.message[:300]}")


def _objects(compiled: _Compiled, event: CloudEvent) -> Iterator[ObjectRef]:
    for type_, expression in compiled.objects.items():
        field = f"objects.{type_}"
        for id_ in _flat(_search(expression, event, field)):
            if isinstance(id_, bool) or not isinstance(id_, str | int):
                raise InvalidInput(f"{field}: {id_!r} is neither text nor a whole number")
            if text := str(id_).strip():
                yield ObjectRef(type=type_, id=text)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _flat(item)
    elif value is not None:
        yield value


def _outcome(compiled: _Compiled, event: CloudEvent) -> Outcome:
    if compiled.outcome is None:
        return Outcome.OK
    value = _search(compiled.outcome, event, "outcome")
    try:
        return Outcome(value)
    except ValueError:
        raise InvalidInput(f"outcome: {value!r} is none of ok, failed, rejected") from None


def _search(expression: ParsedResult, event: CloudEvent, field: str) -> Any:
    try:
        return expression.search(event.content)
    except JMESPathError as error:
        raise InvalidInput(f"{field}: {error}") from error
