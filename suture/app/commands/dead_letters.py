"""`suture dead-letters`: look at refused input, try it again, or say that nobody needs it."""

import base64
import getpass
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import click

from suture.app.commands.letters_api import Api, opened, running
from suture.app.commands.options import common_options, settings_from
from suture.contracts.dead_letter import LetterState
from suture.errors import InvalidQuery

Command = TypeVar("Command", bound=Callable[..., Any])

PAGE = 200
IN_BULK = 1000
_FILTERS = ("type", "source", "reason", "owner", "door", "state", "from", "to")
_STATES = click.Choice([*(state.value for state in LetterState), "any"])
_GROUPS = click.Choice(["type", "reason", "source", "owner", "door"])


def _where(command: Command) -> Command:
    """Options that say which installation."""
    environment = click.option("--environment", help="Instead of the installation's own.")
    where = common_options("config", "data", "store")
    return common_options("url")(environment(where(command)))


def _which(command: Command) -> Command:
    """Options that say which letters."""
    options = [
        click.option("--type", help="Of this event type."),
        click.option("--source", help="Of this source."),
        click.option("--reason", help="Whose reason contains this."),
        click.option("--owner", help="Of this team; '-' where nobody is named."),
        click.option("--door", help="That came in by: milestones, traces, logs or loader."),
        click.option("--state", type=_STATES, default="open", show_default=True),
        click.option("--from", metavar="TIME", help="Last seen from then on."),
        click.option("--to", metavar="TIME", help="Last seen before then."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group("dead-letters")
def dead_letters() -> None:
    """Look at refused input, and act on it.

    With --url it speaks to a running platform, with the key in SUTURE_API_KEY; else it opens the
    installation itself, which must not be running then. A time is RFC 3339, or a date for its
    midnight in UTC.
    """


@dead_letters.command("list")
@_which
@click.option("--by", type=_GROUPS, help="Count them by this instead.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@_where
def list_letters(by: str | None, limit: int, as_json: bool, **options: Any) -> None:
    """List them, those seen last first."""
    wanted, environment = _filters(options), options.pop("environment")
    with _api(options, acting=False) as api:
        if by is not None:
            query = {**wanted, "by": by, "limit": min(limit, 1000), "environment": environment}
            items = api.get("/dead-letters/groups", **query)["items"]
        else:
            items = list(_all(api, wanted, environment, limit))
    told = json.dumps if as_json else _group_line if by else _letter_lines
    for item in items:
        click.echo(told(item))
    if not items:
        click.echo("none", err=True)


@dead_letters.command()
@click.argument("id_", metavar="ID")
@click.option("--payload", "only_payload", is_flag=True, help="Write what was sent, nothing else.")
@_where
def show(id_: str, only_payload: bool, **options: Any) -> None:
    """Show one with what was sent and what happened to it."""
    environment = options.pop("environment")
    with _api(options, acting=False) as api:
        letter = api.get(f"/dead-letters/{id_}", environment=environment)
    if only_payload:
        sys.stdout.buffer.write(_payload(letter))
        return
    for name in ("id", "state", "reason", "owner", "type", "source", "event_id", "door", "count"):
        value = letter[name]
        click.echo(f"{name:<13} {'nobody is named' if name == 'owner' and not value else value}")
    for name in ("first_seen_at", "last_seen_at", "payload_bytes"):
        click.echo(f"{name:<13} {letter[name]}")
    click.echo("history")
    for event in letter["events"]:
        who = f" by {event['actor']}" if event["actor"] else ""
        tail = ": ".join(filter(None, (event["comment"], event["reason"])))
        click.echo(f"  {event['at']}  {event['action']}{who}  {tail}".rstrip())
    kept = letter["payload"] is not None
    click.echo("payload" if kept else "beginning of the payload; the rest is not kept or not shown")
    click.echo(letter["payload"] if kept else letter["preview"])


def _act_command(do: str, text: str) -> None:
    @dead_letters.command(do, help=text)
    @click.argument("ids", nargs=-1, metavar="[ID]...")
    @_which
    @click.option("--all", "everything", is_flag=True, help="All there are.")
    @click.option("--actor", help="Who does it; the name of the user by default.")
    @click.option("--comment", default="", help="A remark, kept with it.")
    @_where
    @click.pass_context
    def command(
        context: click.Context,
        /,
        ids: tuple[str, ...],
        everything: bool,
        actor: str | None,
        comment: str,
        **options: Any,
    ) -> None:
        wanted, environment = _filters(options), options.pop("environment")
        named = {name: value for name, value in wanted.items() if name != "state"}
        if bool(ids) == bool(named or everything):
            raise click.UsageError("name ids, or a filter, or --all")
        body: dict[str, Any] = {"actor": actor or getpass.getuser(), "comment": comment}
        with _api(options, acting=True) as api:
            if ids:
                results = [
                    api.post(f"/dead-letters/{id_}/{do}", body, environment=environment)
                    for id_ in ids
                ]
            else:
                body |= {**wanted, "all": everything, "state": wanted.get("state")}
                results = _in_bulk(api, do, body, environment)
        if not _told(do, results):
            context.exit(1)


_act_command(
    "replay",
    "Try refused input again, by the contracts as they are now; exactly once. Exit code 1 says that"
    " some was refused again, or could not be tried.",
)
_act_command("discard", "Say that nobody needs it. What was sent stays for its retention.")


def _api(options: dict[str, Any], *, acting: bool) -> AbstractContextManager[Api]:
    url = options.pop("url")
    settings = settings_from(options)
    return running(url, settings) if url else opened(settings, acting=acting)


def _filters(options: dict[str, Any]) -> dict[str, Any]:
    """Takes the filters out of the options; a state that does not matter is left out."""
    given = {name: options.pop(name) for name in _FILTERS}
    return {n: v for n, v in given.items() if v is not None and (n, v) != ("state", "any")}


def _all(
    api: Api, wanted: Mapping[str, Any], environment: str | None, limit: int
) -> Iterator[Mapping[str, Any]]:
    cursor, left = None, limit
    while left > 0:
        page = api.get(
            "/dead-letters",
            **wanted,
            environment=environment,
            limit=min(left, PAGE),
            cursor=cursor,
        )
        yield from page["items"]
        left -= len(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return


def _in_bulk(
    api: Api, do: str, body: Mapping[str, Any], environment: str | None
) -> list[Mapping[str, Any]]:
    done: list[Mapping[str, Any]] = []
    cursor = None
    while True:
        part = {**body, "cursor": cursor, "limit": IN_BULK}
        answer = api.post(f"/dead-letters/{do}", part, environment=environment)
        done.append(answer)
        cursor = answer["next_cursor"]
        if cursor is None:
            return done


def _told(do: str, results: Sequence[Mapping[str, Any]]) -> bool:
    """Say what came of it; False where something was refused again, or nothing could be done."""
    acted = refused = undone = 0
    reasons: list[str] = []
    for result in results:
        if "matched" in result:
            acted += result["done"]
            refused += result["refused"]
            undone += result["undone"]
            reasons += [f"{one['id']}: {one['reason']}" for one in result["results"]]
            continue
        acted += result["done"] and result["state"] != LetterState.OPEN
        refused += result["done"] and result["state"] == LetterState.OPEN
        undone += not result["done"]
        reasons += [f"{result['id']}: {result['reason']}"] if result["reason"] else []
    verb = "replayed" if do == "replay" else "discarded"
    counts = [f"{acted:,} {verb}"]
    counts += [f"{refused:,} refused again"] if refused else []
    counts += [f"{undone:,} left as they were"] if undone else []
    click.echo(", ".join(counts))
    for reason in reasons[:100]:
        click.echo(f"  {reason}", err=True)
    return not (refused or undone)


def _letter_lines(letter: Mapping[str, Any]) -> str:
    owner = letter["owner"] or "nobody is named"
    seen = f"×{letter['count']}  {letter['last_seen_at'][:19]}Z"
    what = " from ".join(filter(None, (letter["type"] or "unknown type", letter["source"])))
    return f"{letter['id']}  {letter['state']}  {seen}  {owner}\n    {what}: {letter['reason']}"


def _group_line(group: Mapping[str, Any]) -> str:
    sources = ", ".join(source or "unknown" for source in group["sources"][:3])
    letters = "letter " if group["letters"] == 1 else "letters"
    counts = f"{group['letters']:>7} {letters}  {group['open']:>7} open  ×{group['count']}"
    return f"{counts}  {group['last_seen_at'][:19]}Z  {group['value'] or '(none)'}  from {sources}"


def _payload(letter: Mapping[str, Any]) -> bytes:
    if letter["payload"] is None:
        raise InvalidQuery("what was sent is not kept any more, or the key may not see it")
    if letter["payload_encoding"] == "base64":
        return base64.b64decode(letter["payload"])
    return str(letter["payload"]).encode()
