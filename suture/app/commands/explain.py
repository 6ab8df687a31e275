"""`suture explain`: one instance in a terminal, its milestones and where the time between went."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import click
from rich.console import Console
from rich.text import Text

from dashboards.api.instances import InstanceDetailQuery, detail_of
from suture.app.commands.letters_api import running
from suture.app.commands.links import pair_name
from suture.app.commands.looking import readers
from suture.app.commands.options import common_options, settings_from
from suture.contracts.attribution import Cause
from suture.definitions.values import format_duration
from suture.settings import Settings

BAR = 40
"""Characters of a bar."""

COLOURS: Mapping[str, str] = {
    Cause.TRANSPORT: "blue",
    Cause.TRANSFORMATION: "magenta",
    Cause.DOWNSTREAM: "red",
    Cause.BUSINESS_RULE: "yellow",
    Cause.PLANNED_WAIT: "cyan",
    Cause.EXTERNAL: "green",
    Cause.UNOBSERVED: "bright_black",
}


@click.command()
@click.argument("process")
@click.argument("anchor")
@common_options("config", "data", "store")
@click.option("--scope", default="", help="Tells anchors with one id apart, where they are scoped.")
@click.option("--environment", help="Instead of the installation's own.")
@common_options("url")
def explain(process: str, anchor: str, url: str | None, **options: Any) -> None:
    """Print an instance's timeline with the causes of its delays.

    PROCESS is a declared process, ANCHOR the id of the instance's anchor, such as R-10044. With
    --url it asks a running platform, with the key in SUTURE_API_KEY; else it opens the installation
    itself, which must not be running then.
    """
    scope, environment = options.pop("scope"), options.pop("environment")
    settings = settings_from(options)
    if url:
        path = f"/instances/{quote(process, safe='')}/{quote(anchor, safe='')}"
        with running(url, settings) as api:
            found = api.get(path, scope=scope, environment=environment)
    else:
        found = _read(settings, process, anchor, scope=scope, environment=environment)
    console = Console(highlight=False)
    for line in told(found):
        console.print(line, soft_wrap=True)


def told(found: Mapping[str, Any]) -> Iterator[Text]:
    """The lines that tell an instance, as the API gives it."""
    anchor = found["anchor"]
    scope = f" ({anchor['scope']})" if anchor.get("scope") else ""
    yield Text.assemble(
        (f"{anchor['type']} {anchor['id']}{scope}", "bold"),
        f"  {found['process']}  {found['status']}  {_long(found['elapsed_seconds'])}",
    )
    yield Text(found["explanation"] or "Where its time went is not computed yet.")
    yield Text("")
    members = {(m["name"], m["occurred_at"]): m for m in found["milestones"]}
    for segment in found["segments"]:
        yield _milestone(members, segment["from"], segment["started_at"])
        yield from _segment(segment)
    if found["segments"] and (last := found["segments"][-1])["to"]:
        yield _milestone(members, last["to"], last["ended_at"])
    else:
        yield Text("now", style="dim")
    if found["causes"]:
        yield Text("")
        yield from (_part(cause, found["elapsed_seconds"]) for cause in found["causes"])
    if found["ambiguous_links"]:
        yield Text("")
        yield Text("Named together, and not linked (see suture links ambiguous):")
        yield from (
            Text(f"    {pair_name(pair)} is {pair['state']}") for pair in found["ambiguous_links"]
        )
    if found["conflicts"]:
        yield Text("")
        yield Text("Sent again with another content; this one does not count:")
        yield from (_conflict(one) for one in found["conflicts"])


def _conflict(conflict: Mapping[str, Any]) -> Text:
    others = "; ".join(
        f"{other['milestone']} at {other['occurred_at']}, recorded {other['recorded_at']}"
        for other in conflict["others"]
    )
    return Text(f"    {conflict['source']} {conflict['id']}: {others}")


def _milestone(members: Mapping[tuple[str, str], Mapping[str, Any]], name: str, at: str) -> Text:
    when = datetime.fromisoformat(at).astimezone(UTC)
    member = members.get((name, at), {})
    line = Text.assemble((f"{when:%Y-%m-%d %H:%M:%S}", "dim"), "  ", (name, "bold"))
    if member.get("outcome", "ok") != "ok":
        reason = f": {member['reason']}" if member["reason"] else ""
        line.append(f"  {member['outcome']}{reason}", style="red")
    return line


def _segment(segment: Mapping[str, Any]) -> Iterator[Text]:
    seconds = segment["elapsed_seconds"]
    if not seconds:
        return
    bar = Text(f"    {_long(seconds):>12}  ")
    for cause in segment["causes"]:
        bar.append("█" * round(BAR * cause["seconds"] / seconds), style=COLOURS[cause["cause"]])
    yield bar
    for cause in segment["causes"]:
        where = f" at {cause['system']}" if cause["system"] else ""
        yield Text.assemble(
            f"    {_long(cause['seconds']):>12}  ",
            (f"{cause['cause']}{where}", COLOURS[cause["cause"]]),
            f"  {cause['reason']}",
            ("".join(f"  {id_}" for id_ in cause["evidence"][:2]), "dim"),
        )


def _part(cause: Mapping[str, Any], whole: float) -> Text:
    share = cause["seconds"] / whole if whole else 0.0
    return Text.assemble(
        f"    {_long(cause['seconds']):>12}  ",
        (f"{cause['cause']:<15}", COLOURS[cause["cause"]]),
        f"{share:6.1%}",
    )


def _long(seconds: float) -> str:
    return format_duration(timedelta(seconds=seconds))


def _read(
    settings: Settings, process: str, anchor: str, *, scope: str, environment: str | None
) -> Mapping[str, Any]:
    """The instance as the API would give it, from the installation's own store."""
    with readers(settings) as services:
        query = InstanceDetailQuery(scope=scope, environment=environment)
        found = detail_of(services, process, anchor, query)
    return found.model_dump(mode="json", by_alias=True)
