"""The command line: parses, and hands over to `suture.app.commands`."""

import sys

import click

from suture import __version__
from suture.app.commands.checking import config
from suture.app.commands.importing import import_command
from suture.app.commands.maintenance import correlate, migrate_command
from suture.app.commands.serving import collector, demo, serve, web, worker
from suture.errors import DefinitionError, SutureError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="suture")
def suture() -> None:
    """Integration observability and business-SLA monitoring for healthcare enterprises."""


for command in (
    serve,
    demo,
    collector,
    worker,
    web,
    import_command,
    config,
    correlate,
    migrate_command,
):
    suture.add_command(command)


def main() -> None:
    """Run the command line; errors of ours become one line and exit code 1."""
    try:
        suture(prog_name="suture")
    except DefinitionError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        sys.exit(1)
    except SutureError as error:
        click.echo(f"suture: {error.message}", err=True)
        sys.exit(1)
