"""The command line: parses, and hands over to `suture.app.commands`."""

import os
import sys
from importlib import import_module

import click

from suture import __version__
from suture.errors import DefinitionError, SutureError

COMMANDS = {
    "serve": ("serving:serve", "Run everything in one process."),
    "demo": ("serving:demo", "Run everything, fed by a simulated three-hospital network."),
    "collector": ("serving:collector", "Run the doors and the loader, on a ClickHouse server."),
    "worker": ("serving:worker", "Run stitching, SLAs and alerting, on a ClickHouse server."),
    "web": ("serving:web", "Run the dashboards and the API, on a ClickHouse server."),
    "import": (
        "importing:import_command",
        "Import event logs: CSV, XES (also .gz), Parquet, OCEL 2.0 JSON or SQLite.",
    ),
    "config": ("checking:config", "Work with the configuration directory."),
    "contracts": ("contracts:contracts", "Work with event contracts."),
    "dead-letters": ("dead_letters:dead_letters", "Look at refused input, and act on it."),
    "links": (
        "links:links",
        "Look at pairs of objects that are not linked by themselves, and decide about them.",
    ),
    "keys": ("keys:keys", "API keys: who may send, read, operate, administer."),
    "explain": ("explain:explain", "Print an instance's timeline with the causes of its delays."),
    "export": (
        "exporting:export",
        "Export the instances of a process with their objects and events as OCEL 2.0.",
    ),
    "process": (
        "processes:process",
        "How a process really runs: its map, its variants, and how it fits its definition.",
    ),
    "correlate": (
        "maintenance:correlate",
        "Recompute instances from the stored facts, as after a change of definitions.",
    ),
    "migrate": ("maintenance:migrate_command", "Bring the schema of the store up to date."),
}
"""Where each command stands, and what it does. It is imported when it is asked for, since the pages
and the engine take seconds that no other command, and no list of them, should wait for."""


class _Commands(click.Group):
    """A group that imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order they are shown."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(f"suture.app.commands.{module}"), name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without a look at them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, purpose) for name, (_, purpose) in COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="suture")
def suture() -> None:
    """Integration observability and business-SLA monitoring for healthcare enterprises."""


def main() -> None:
    """Run the command line; errors of ours become one line and exit code 1."""
    # NumPy comes along for Arrow. Nobody needs its linear algebra, which would start a thread for
    # each core, and each would spin for a while.
    os.putenv("OPENBLAS_NUM_THREADS", "1")
    try:
        suture(prog_name="suture")
    except DefinitionError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        sys.exit(1)
    except SutureError as error:
        click.echo(f"suture: {error.message}", err=True)
        sys.exit(1)
