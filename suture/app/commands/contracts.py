"""`suture contracts`: what samples would become, what is live, and what a new version breaks."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from collector.cloudevents import STRUCTURED
from collector.milestones import MilestoneReader, Reading
from collector.redaction import Redactor
from correlator.keys import object_key
from suture.app.commands.options import common_options, settings_from
from suture.app.config_dir import config_dir
from suture.clock import SystemClock, rfc3339
from suture.contracts.milestone import Milestone
from suture.contracts.objects import ObjectKey
from suture.definitions.catalog import Catalog, load_catalog
from suture.definitions.contract_changes import changes, users_of_milestone
from suture.definitions.event_contract import EventContract, SpanContract
from suture.definitions.source import parse, read_yaml
from suture.errors import DefinitionError, InvalidInput, Problem

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def contracts() -> None:
    """Work with event contracts."""


@contracts.command()
@click.argument("sample", type=_FILE)
@click.option(
    "--contract",
    "files",
    multiple=True,
    type=_FILE,
    help="A contract that is not in the directory yet, or a new text of one that is.",
)
@common_options("config")
@click.pass_context
def check(context: click.Context, /, sample: Path, files: tuple[Path, ...], **options: Any) -> None:
    """Show what the events in SAMPLE would become, or why they would be refused.

    SAMPLE is a CloudEvent as JSON, a list of them, or one on each line. Exit code 1 says that one
    would be refused. Nothing is sent or stored.
    """
    settings = settings_from(options)
    catalog = load_catalog(config_dir(settings.config))
    for path in files:
        added = {(c.contract, c.version): c for c in read_contracts(path)}
        catalog = replace(catalog, contracts={**catalog.contracts, **added})
    key = settings.redaction_key.get_secret_value() if settings.redaction_key else ""
    redactor = Redactor.of(catalog, key.encode())
    reader = MilestoneReader(catalog, redactor)
    now = SystemClock().now()
    refused = 0
    for place, event in enumerate(_events(sample), start=1):
        body = json.dumps(event).encode()
        reading = reader.read({"content-type": STRUCTURED}, body, now=now)
        reading = replace(reading, accepted=[redactor.milestone(m) for m in reading.accepted])
        refused += bool(reading.refusals)
        click.echo("\n".join(_told(catalog, place, event, reading)))
    if refused:
        context.exit(1)


@contracts.command("list")
@common_options("config")
def list_contracts(**options: Any) -> None:
    """List the contracts that are live."""
    catalog = load_catalog(config_dir(settings_from(options).config))
    for _, contract in sorted(catalog.contracts.items()):
        default = " (default)" if contract.default else ""
        schema = f", schema {contract.schema_file}" if contract.schema_file else ""
        click.echo(f"{contract.contract} version {contract.version}{default}")
        click.echo(_live(contract) + schema)
    for _, of_span in sorted(catalog.span_contracts.items()):
        match = " ".join(filter(None, (of_span.match.service, of_span.match.span_name)))
        click.echo(f"{of_span.span_contract} version {of_span.version}, spans of {match}")
        click.echo(_live(of_span))


def _live(contract: EventContract | SpanContract) -> str:
    return f"    {contract.milestone} of {contract.system}, owner {contract.owner}"


@contracts.command()
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@common_options("config")
@click.pass_context
def compare(context: click.Context, /, old: Path, new: Path, **options: Any) -> None:
    """Compare the contracts of two files; exit code 1 says that NEW breaks somebody.

    It does where a field that processes, SLAs, facets, money, completion or scopes use disappears,
    or an object type does. Who uses it is named.
    """
    catalog = load_catalog(config_dir(settings_from(options).config))
    before = {c.contract: c for c in read_contracts(old)}
    after = {c.contract: c for c in read_contracts(new)}
    broken = False
    for type_, contract in before.items():
        if type_ not in after:
            users = ", ".join(users_of_milestone(catalog, contract.milestone)) or "nobody"
            click.echo(f"{type_}: has no contract in {new}; used by {users}")
            broken = True
            continue
        found = changes(contract, after[type_], catalog)
        broken = broken or any(change.breaking for change in found)
        click.echo(f"{type_}: version {contract.version} → {after[type_].version}")
        for change in found:
            click.echo(f"  {'breaks' if change.breaking else 'differs'}  {change}")
        if not found:
            click.echo("  nothing that was given disappears")
    if broken:
        context.exit(1)


def read_contracts(path: Path) -> list[EventContract]:
    """The event contracts of a file, with their schemas; raises DefinitionError."""
    content = read_yaml(path)
    documents = content if isinstance(content, list) else [content]
    found = []
    for document in documents:
        if isinstance(document, dict) and "span_contract" in document:
            continue
        entry = str(document.get("contract", "")) if isinstance(document, dict) else ""
        contract = parse(EventContract, document, file=str(path), entry=entry)
        try:
            found.append(contract.with_schema(path.parent))
        except ValueError as error:
            problem = Problem(file=str(path), entry=entry, field="schema", message=str(error))
            raise DefinitionError([problem]) from error
    if not found:
        raise DefinitionError([Problem(file=str(path), message="holds no event contract")])
    return found


def _events(path: Path) -> list[Any]:
    """The events of a file: one, a list, or one a line; raises InvalidInput for what is no JSON."""
    text = path.read_text(encoding="utf-8")
    try:
        content = json.loads(text)
    except ValueError:
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise InvalidInput(f"{path} is not JSON: {error}") from error
    return content if isinstance(content, list) else [content]


def _told(catalog: Catalog, place: int, event: Any, reading: Reading) -> Iterator[str]:
    named = event if isinstance(event, Mapping) else {}
    head = f"event {place} ({named.get('source', '?')}, {named.get('id', '?')}): "
    if reading.refusals:
        letter = reading.refusals[0].letter
        yield head + "REFUSED"
        yield f"  reason      {letter.reason}"
        yield f"  owner       {letter.owner or 'nobody is named'}"
        return
    (milestone,) = reading.accepted
    yield head + milestone.milestone
    if milestone.contract:
        yield f"  contract    {milestone.contract} version {milestone.contract_version}"
    yield f"  occurred    {rfc3339(milestone.occurred_at)}"
    yield f"  system      {milestone.system}"
    yield f"  environment {milestone.environment}"
    outcome = milestone.outcome.value
    yield f"  outcome     {outcome}" + (f": {milestone.reason}" if milestone.reason else "")
    yield from _objects(catalog, milestone)
    for name, value in milestone.attributes.items():
        yield f"  attribute   {name} = {value}"
    users = users_of_milestone(catalog, milestone.milestone)
    yield f"  used by     {', '.join(users) or 'nothing: no process names this milestone'}"


def _objects(catalog: Catalog, milestone: Milestone) -> Iterator[str]:
    types = catalog.object_types
    for ref in milestone.objects:
        key = ObjectKey.decode(
            object_key(
                types,
                environment=milestone.environment,
                type_=ref.type,
                id_=ref.id,
                attributes=milestone.attributes,
            )
        )
        scope = f" in {key.scope}" if key.scope else ""
        sent = f"   (sent as {ref.id})" if key.id != ref.id else ""
        yield f"  object      {key.type} {key.id}{scope}{sent}"
