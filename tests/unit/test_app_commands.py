"""The command line as a whole: one name for one thing, and true words about defaults."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from suture.app.cli import suture
from suture.errors import DefinitionError


def _commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, *path, name)
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(_commands(suture))
ASKS_A_PLATFORM = ("dead-letters", "links", "explain", "process")


def _names(command: click.Command) -> set[str]:
    return {name for one in command.params for name in one.opts}


def test_a_range_of_time_is_from_and_to_everywhere() -> None:
    ranged = {name for name, command in COMMANDS.items() if "--from" in _names(command)}
    assert {"export", "process map", "dead-letters list"} <= ranged
    for name, command in COMMANDS.items():
        assert not _names(command) & {"--since", "--until", "--before", "--after"}, name
        assert name not in ranged or "--to" in _names(command), name


@pytest.mark.parametrize("name", [n for n in COMMANDS if n.startswith(ASKS_A_PLATFORM)])
def test_the_platform_that_is_asked_is_its_url(name: str) -> None:
    assert "--url" in _names(COMMANDS[name])


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_no_keys_are_said_to_be_none(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(suture, ["keys", "list", "--data", str(tmp_path / "data"), *words])
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "none\n")
    assert list(tmp_path.iterdir()) == []


def test_the_demonstration_says_where_its_data_is() -> None:
    told = {one.name: one.help for one in COMMANDS["demo"].params if isinstance(one, click.Option)}
    assert "default: a temporary one" in (told["data"] or "")


def test_mistakes_in_mappings_are_all_named_within_the_directory(tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / "mappings" / name).write_text("source: /x\ncase: 5\n")
    done = CliRunner().invoke(suture, ["config", "check", str(tmp_path)])
    assert isinstance(done.exception, DefinitionError)
    assert [str(problem) for problem in done.exception.problems] == [
        f"mappings/{name}: /x: case: expected a column's name, or {{from: column}}"
        for name in ("a.yaml", "b.yaml")
    ]
