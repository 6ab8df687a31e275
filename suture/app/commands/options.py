"""Options that commands share. Each is also an environment variable `SUTURE_…`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from suture.errors import InstallationError
from suture.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

_DIRECTORY = click.Path(file_okay=False, path_type=Path)

_OPTIONS = {
    "config": click.option(
        "--config", type=_DIRECTORY, help="Configuration directory (default: the shipped example)."
    ),
    "data": click.option(
        "--data", type=_DIRECTORY, help="Directory for the spool and the store (default: ./data)."
    ),
    "kept_data": click.option(
        "--data",
        type=_DIRECTORY,
        help="Directory for the spool and the store, which is kept (default: a temporary one).",
    ),
    "store": click.option(
        "--store",
        metavar="URL",
        help="chdb:///directory, or http(s)://user:password@host/database.",
    ),
    "host": click.option("--host", help="Address to listen on (default: 127.0.0.1)."),
    "ingest_port": click.option(
        "--ingest-port", type=int, help="OTLP/HTTP and milestones (default: 4318; 0: any free)."
    ),
    "grpc_port": click.option(
        "--grpc-port", type=int, help="OTLP/gRPC (default: 4317; 0: any free)."
    ),
    "web_port": click.option(
        "--web-port", type=int, help="Dashboards and API (default: 8050; 0: any free)."
    ),
    "url": click.option("--url", metavar="URL", help="A running platform's web address."),
}


def common_options(*names: str) -> Callable[[Command], Command]:
    """Add some of the shared options to a command, in the order given."""

    def decorate(command: Command) -> Command:
        for name in reversed(names):
            command = _OPTIONS[name](command)
        return command

    return decorate


def settings_from(options: dict[str, Any]) -> Settings:
    """Settings from the environment, overridden by the options that were given.

    Raises InstallationError naming every variable that is wrong.
    """
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = []
        for mistake in error.errors(include_url=False):
            name = "_".join(str(part) for part in mistake["loc"])
            text = str(mistake["msg"]).removeprefix("Value error, ")
            lines.append(f"SUTURE_{name.upper()}: {text}" if name else text)
        raise InstallationError("; ".join(lines)) from error
