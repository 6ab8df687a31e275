"""`suture config check`: every definition, with file, entry and field of each mistake."""

from collections.abc import Iterator
from pathlib import Path

import click

from collector.files.mapping import LogMapping, read_mapping
from suture.app.config_dir import config_dir
from suture.definitions.catalog import Catalog, load_catalog
from suture.definitions.contract_changes import changes, successions
from suture.errors import DefinitionError, Problem


@click.group()
def config() -> None:
    """Work with the configuration directory."""


@config.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
def check(folder: Path | None) -> None:
    """Check every definition; each mistake is named with its file, entry and field.

    A version of an event contract that leaves out what others rely on is a mistake too.
    """
    where = config_dir(folder)
    catalog = load_catalog(where)
    if broken := list(_broken_successions(catalog)):
        raise DefinitionError(broken)
    mappings = _mappings(where)
    counts = (
        (len(catalog.processes), "processes"),
        (len(catalog.slas), "SLAs"),
        (len(catalog.contracts) + len(catalog.span_contracts), "contracts"),
        (len(mappings), "mappings"),
        (len(catalog.systems), "systems"),
        (len(catalog.owners.teams), "teams"),
    )
    click.echo(
        f"{where}: " + ", ".join(f"{count} {name}" for count, name in counts) + ", no mistakes"
    )


def _mappings(folder: Path) -> list[LogMapping]:
    """The mappings of a directory; raises DefinitionError with every mistake in any of them."""
    found, problems = [], list[Problem]()
    for path in sorted(folder.glob("mappings/*.y*ml")):
        try:
            found.append(read_mapping(path, shown_as=str(path.relative_to(folder))))
        except DefinitionError as error:
            problems += error.problems
    if problems:
        raise DefinitionError(problems)
    return found


def _broken_successions(catalog: Catalog) -> Iterator[Problem]:
    for old, new in successions(catalog):
        for change in changes(old, new, catalog):
            if change.breaking:
                users = f"; used by {', '.join(change.used_by)}" if change.used_by else ""
                yield Problem(
                    file="contracts",
                    entry=f"{new.contract} version {new.version}",
                    field=change.field,
                    message=f"{change.message} (version {old.version} gives it){users}",
                )
