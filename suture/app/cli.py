"""The command line: parses, and hands over to `suture.app.commands`."""

import sys
from importlib import import_module

import click

from suture import __version__
from suture.errors import DefinitionError, SutureError

COMMANDS = {
    "serve": "serving:serve",
    "demo": "serving:demo",
    "collector": "serving:collector",
    "worker": "serving:worker",
    "web": "serving:web",
    "import": "importing:import_command",
    "config": "checking:config",
    "contracts": "contracts:contracts",
    "dead-letters": "dead_letters:dead_letters",
    "links": "links:links",
    "keys": "keys:keys",
    "explain": "explain:explain",
    "export": "exporting:export",
    "process": "processes:process",
    "correlate": "maintenance:correlate",
    "migrate": "maintenance:migrate_command",
}
"""Where each command stands. It is imported when it is asked for, since the pages and the engine
take seconds that no other command should wait for."""


class _Commands(click.Group):
    """A group that imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order they are shown."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(f"suture.app.commands.{module}"), name)
        return command if isinstance(command, click.Command) else None


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="suture")
def suture() -> None:
    """Integration observability and business-SLA monitoring for healthcare enterprises."""


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
