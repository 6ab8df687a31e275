"""`suture config check`: every definition, with file, entry and field of each mistake."""

from pathlib import Path

import click

from collector.files.mapping import read_mapping
from suture.app.config_dir import config_dir
from suture.definitions.catalog import load_catalog


@click.group()
def config() -> None:
    """Work with the configuration directory."""


@config.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
def check(folder: Path | None) -> None:
    """Check every definition; each mistake is named with its file, entry and field."""
    where = config_dir(folder)
    catalog = load_catalog(where)
    mappings = [read_mapping(path) for path in sorted(where.glob("mappings/*.y*ml"))]
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
