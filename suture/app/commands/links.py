"""`suture links`: pairs of objects that wait for a decision, and the decisions."""

import getpass
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import click

from suture.app.commands.letters_api import Api, opened, running
from suture.app.commands.options import common_options, settings_from

Command = TypeVar("Command", bound=Callable[..., Any])

_MOST = 1000
_STATES = click.Choice(["refused", "unsure", "blocked"])


def _where(command: Command) -> Command:
    """Options that say which installation."""
    environment = click.option("--environment", help="Instead of the installation's own.")
    where = common_options("config", "data", "store")
    return common_options("url")(environment(where(command)))


@click.group()
def links() -> None:
    """Look at pairs of objects that are not linked by themselves, and decide about them.

    With --url it speaks to a running platform, with the key in SUTURE_API_KEY; else it opens the
    installation itself, which must not be running then.
    """


@links.command()
@click.option("--process", help="Of this process.")
@click.option("--state", type=_STATES, help="Only these; refused and unsure ones by default.")
@click.option("--object", "about", metavar="TYPE:ID", help="With this object at either end.")
@click.option("--limit", type=click.IntRange(min=1, max=_MOST), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@_where
def ambiguous(
    process: str | None,
    state: str | None,
    about: str | None,
    limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """List pairs that wait for a decision, with what supports each candidate."""
    environment = options.pop("environment")
    with _api(options, acting=False) as api:
        items = api.get(
            "/links/ambiguous",
            process=process,
            state=state,
            object=about,
            limit=limit,
            environment=environment,
        )["items"]
    for item in items:
        click.echo(json.dumps(item) if as_json else _lines(item))
    if not items:
        click.echo("none", err=True)


@links.command()
@click.option("--process", help="Of this process.")
@click.option("--limit", type=click.IntRange(min=1, max=_MOST), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@_where
def decisions(process: str | None, limit: int, as_json: bool, **options: Any) -> None:
    """List what was decided, latest first."""
    environment = options.pop("environment")
    with _api(options, acting=False) as api:
        items = api.get("/links/decisions", process=process, limit=limit, environment=environment)[
            "items"
        ]
    for item in items:
        click.echo(json.dumps(item) if as_json else _told(item))
    if not items:
        click.echo("none", err=True)


def _act_command(do: str, text: str, *, sided: bool = False) -> None:
    def command(id_: str, actor: str | None, reason: str, **options: Any) -> None:
        environment = options.pop("environment")
        body: dict[str, Any] = {"actor": actor or getpass.getuser(), "reason": reason}
        if sided:
            body["side"] = options.pop("side")
        with _api(options, acting=True) as api:
            click.echo(_told(api.post(f"/links/{id_}/{do}", body, environment=environment)))

    command = _where(command)
    if sided:
        command = click.option(
            "--side",
            type=click.Choice(["from", "to"]),
            default="to",
            show_default=True,
            help="Which end is split off from all at the other.",
        )(command)
    command = click.option("--reason", default="", help="Why, kept with it.")(command)
    command = click.option("--actor", help="Who does it; the name of the user by default.")(command)
    links.command(do, help=text)(click.argument("id_", metavar="ID")(command))


_act_command("accept", "Say that two objects belong together.")
_act_command("block", "Say that two objects do not belong together, whatever names them.")
_act_command("split", "Block every link that one of the two has on this path by now.", sided=True)
_act_command("undo", "Take back the decision about a link that counts.")


def _api(options: dict[str, Any], *, acting: bool) -> AbstractContextManager[Api]:
    url = options.pop("url")
    settings = settings_from(options)
    return running(url, settings) if url else opened(settings, acting=acting)


def _lines(item: Mapping[str, Any]) -> str:
    limit = f", {item['path']['cardinality']}" if item["path"] else ""
    reaching = f"{item['affected_anchors_count']} instances"
    lines = [f"{item['process']}: {pair_name(item)} is {item['state']}{limit}; {reaching}"]
    for one in item["candidates"]:
        lines.append(f"  {pair_name(one)}  {one['state'] or 'accepted'}\n    {one['id']}")
        lines += [
            f"    {found['kind']}  {found['occurred_at']}  {found['source']}  {found['id']}"
            + ("  names several" if found["unsure"] else "")
            for found in one["evidence"]
        ]
    return "\n".join(lines)


def _told(decision: Mapping[str, Any]) -> str:
    taken = f"  undone by {decision['undone_by']}" if decision["undone_by"] else ""
    of = f" of {decision['undoes']}" if decision["undoes"] else ""
    head = (
        f"{decision['id']}  {decision['at'][:19]}Z  {decision['action']}{of} by"
        f" {decision['actor']}{taken}"
    )
    reason = [f"    {decision['reason']}"] if decision["reason"] else []
    names = [f"    {decision['process']}: {pair_name(link)}" for link in decision["links"]]
    return "\n".join([head, *reason, *names])


def pair_name(pair: Mapping[str, Any]) -> str:
    """A pair of objects as one line, scopes in brackets."""
    ends = (pair["from"], pair["to"])
    return " -> ".join(
        f"{end['type']} {end['id']}" + (f" ({end['scope']})" if end.get("scope") else "")
        for end in ends
    )
