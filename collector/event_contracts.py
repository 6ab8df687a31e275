"""Event contracts: from a producer's own CloudEvent to a milestone. Pure.

A contract is chosen by the event's type and version. The version is what the extension
`dataversion` or `version` says, else what `dataschema` ends with (`…/v2`, `….v2.json`, `…/2`, or a
live version's own spelling). An event that names none goes by the version that is declared the
default, else by the only one that is live. Versions compare as text.

Reasons name fields and what a schema demands of them, never the values that were sent: reasons are
stored and shown where payloads may not be.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import validator_for
from referencing import Registry

from collector.cloudevents import CloudEvent
from collector.expressions import Expression
from collector.refusals import quoted
from suture.contracts.milestone import Outcome, attribute_text
from suture.contracts.objects import ObjectRef
from suture.definitions.event_contract import EventContract
from suture.errors import InvalidInput

VERSION_EXTENSIONS = ("dataversion", "version")

VIOLATIONS_TOLD = 20
"""So many violations of a schema are named in a reason; further ones are counted up to a bound."""
VIOLATIONS_COUNTED = 200

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
        self.objects = {t: Expression(e) for t, e in contract.objects.items()}
        self.attributes = {n: Expression(e) for n, e in contract.attributes.items()}
        self.outcome = Expression(contract.outcome) if contract.outcome else None
        self.reason = Expression(contract.reason) if contract.reason else None
        schema = contract.schema_document
        self.schema = None if schema is None else _Schema(schema)


class _Schema:
    """A JSON Schema: a fast look at each event, and a slow one that can tell what is wrong."""

    def __init__(self, schema: dict[str, Any]) -> None:
        kind = validator_for(schema, default=Draft202012Validator)
        # A registry of its own, and no network: nothing is ever fetched for a reference.
        registry: Registry[Any] = Registry()
        self._telling = kind(schema, registry=registry)
        self._quick: jsonschema_rs.Validator | None = None
        # It may hold a regular expression, say, that only Python can read.
        with suppress(ValueError, jsonschema_rs.ValidationError):
            self._quick = jsonschema_rs.validator_for(schema, validate_formats=False, offline=True)

    def errors(self, data: Any) -> list[ValidationError]:
        """What is wrong with an event's data, up to a bound."""
        if self._quick is not None and self._quick.is_valid(data):
            return []
        return list(islice(self._telling.iter_errors(data), VIOLATIONS_COUNTED))


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
        self._defaults: dict[str, str] = {}
        for (type_, version), contract in sorted(contracts.items()):
            self._by_type.setdefault(type_, {})[version] = _Compiled(contract)
            if contract.default:
                self._defaults[type_] = version
        for type_, live in self._by_type.items():
            if len(live) == 1:
                self._defaults.setdefault(type_, next(iter(live)))

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
            raise ContractBroken(f"type: there is no event contract for {quoted(event.type)}")
        owner = next(iter(live.values())).contract.owner
        version = named_version(event, live) or self._defaults.get(event.type)
        known = ", ".join(live)
        if version is None:
            raise ContractBroken(
                f"version: several versions of {event.type} are live ({known}) and none is the"
                " default; name one in the extension 'dataversion' or at the end of dataschema",
                owner=owner,
            )
        if version not in live:
            raise ContractBroken(
                f"version: there is no version {quoted(version)} of {event.type}; live: {known}",
                owner=owner,
            )
        return live[version]


def named_version(event: CloudEvent, live: Collection[str] = ()) -> str | None:
    """The contract version that an event names, None where it names none.

    `live` are versions that `dataschema` may end with in their own spelling, `2026-04` say.
    """
    for name in VERSION_EXTENSIONS:
        if name in event.extensions:
            return event.extensions[name]
    schema = event.dataschema
    last = re.split(r"[/:]", schema.rstrip("/"))[-1].removesuffix(".json")
    for spelled in (schema, last, last.removeprefix("v")):
        if spelled and spelled in live:
            return spelled
    match = _SCHEMA_VERSION.search(schema)
    return match[1] if match else None


def _apply(compiled: _Compiled, event: CloudEvent) -> MappedEvent:
    _validate(compiled, event)
    attributes = {
        name: value
        for name, expression in compiled.attributes.items()
        if (value := expression.search(event.content, f"attributes.{name}")) is not None
    }
    reason = compiled.reason.search(event.content, "reason") if compiled.reason else None
    return MappedEvent(
        contract=compiled.contract,
        objects=tuple(_objects(compiled, event)),
        attributes={name: attribute_text(value) for name, value in attributes.items()},
        outcome=_outcome(compiled, event),
        reason=attribute_text(reason),
    )


def _validate(compiled: _Compiled, event: CloudEvent) -> None:
    """Raises InvalidInput with the path of every violation, as far as they are told."""
    if compiled.schema is None:
        return
    try:
        errors = compiled.schema.errors(event.data)
    except RecursionError:
        raise InvalidInput("data: nests too deeply to be checked") from None
    if not errors:
        return
    told = sorted({f"{_path(error)}: {_violation(error)}" for error in errors})
    more = len(told) - VIOLATIONS_TOLD
    tail = f"; and {more} more" if more > 0 else ""
    raise InvalidInput("; ".join(told[:VIOLATIONS_TOLD]) + tail)


def _path(error: ValidationError) -> str:
    return str(error.json_path).replace("$", "data", 1)[:200]


def _violation(error: ValidationError) -> str:
    """What is wrong, in words that hold nothing of what was sent."""
    rule: Any = error.validator
    demanded: Any = error.validator_value
    given: Any = error.instance
    match rule:
        case "required":
            missing = [name for name in demanded if name not in given]
            return f"lacks {', '.join(map(repr, missing))}"
        case "type":
            wanted = demanded if isinstance(demanded, str) else " or ".join(map(str, demanded))
            return f"is of type {_kind(given)}, not {wanted}"
        case "enum":
            return f"is none of {', '.join(map(str, demanded))}"[:300]
        case "const":
            return f"is not {demanded!r}"[:300]
        case "additionalProperties" | "unevaluatedProperties":
            return "has properties that the schema does not know"
        case "pattern" | "format":
            return f"does not have the {rule} {str(demanded)[:200]!r}"
    told = f" {demanded!r}" if isinstance(demanded, int | float) else ""
    return f"breaks the schema's {rule}{told}"


def _kind(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", type(None): "null", bool: "boolean"}
    return names.get(type(value), "integer" if isinstance(value, int) else "number")


def _objects(compiled: _Compiled, event: CloudEvent) -> Iterator[ObjectRef]:
    for type_, expression in compiled.objects.items():
        field = f"objects.{type_}"
        for id_ in _flat(expression.search(event.content, field)):
            if isinstance(id_, bool) or not isinstance(id_, str | int):
                raise InvalidInput(f"{field}: {_kind(id_)} is neither text nor a whole number")
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
    value = compiled.outcome.search(event.content, "outcome")
    try:
        return Outcome(value)
    except ValueError:
        given = compiled.outcome.text
        raise InvalidInput(f"outcome: {given!r} gives none of ok, failed, rejected") from None
