"""`suture process …`: how a process really runs, as tables in a terminal or as JSON lines."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import quote

import click
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.table import Table

from dashboards.api.views import (
    ConformanceQuery,
    MapQuery,
    VariantQuery,
    ViewQuery,
    conformance_of,
    map_of,
    variants_of,
)
from dashboards.services import Services
from suture.app.commands.letters_api import running
from suture.app.commands.looking import readers
from suture.app.commands.options import common_options, settings_from
from suture.contracts.process import InstanceStatus
from suture.definitions.values import format_duration
from suture.errors import InvalidQuery
from suture.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

_LEAST_WIDTH, _FILE_WIDTH = 12, 160
"""Characters of a column of words, and of a line that no terminal limits."""


@dataclass(frozen=True, kw_only=True)
class _View:
    """One call of the API, and how it is asked without one."""

    name: str
    query: type[ViewQuery]
    read: Callable[[Services, str, Any], BaseModel]


_MAP = _View(name="map", query=MapQuery, read=map_of)
_VARIANTS = _View(name="variants", query=VariantQuery, read=variants_of)
_CONFORMANCE = _View(name="conformance", query=ConformanceQuery, read=conformance_of)

_OPTIONS = (
    click.option("--from", metavar="TIME", help="Instances that began at or after this time."),
    click.option("--to", metavar="TIME", help="Instances that began before this time."),
    click.option("--status", type=click.Choice([s.value for s in InstanceStatus])),
    click.option("--facet", "facets", metavar="NAME=VALUE", multiple=True, help="By a facet."),
    click.option("--json", "as_json", is_flag=True, help="One JSON object a line."),
    click.option("--environment", help="Instead of the installation's own."),
    common_options("url", "config", "data", "store"),
)


def _common(command: Command) -> Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return click.argument("process")(command)


@click.group()
def process() -> None:
    """How a process really runs: its map, its variants, and how it fits its definition.

    With --url a running platform is asked, with the key in SUTURE_API_KEY; else the installation
    itself is opened, which must not be running then. A time is RFC 3339, or a date for its
    midnight in UTC.
    """


@process.command("map")
@click.option("--limit", type=int, help="Only the most frequent transitions.")
@_common
def process_map(process: str, as_json: bool, **options: Any) -> None:
    """Print which milestone directly follows which, how often, and how long that takes."""
    found = _asked(_MAP, process, options)
    if as_json:
        return _lines(found["edges"])
    rows = (
        [
            edge["from"] or "(start)", edge["to"] or "(end)", _whole(edge["count"]),
            _whole(edge["instances"]), _long(edge["median_seconds"]), _long(edge["p95_seconds"]),
        ]
        for edge in found["edges"]
    )  # fmt: skip
    _table(("from", "to", "times", "instances", "median", "p95"), rows, words=2)
    return None


@process.command()
@click.option("--limit", type=int, help="How many, most frequent first (default: 50).")
@_common
def variants(process: str, as_json: bool, **options: Any) -> None:
    """Print the different sequences of milestones, most frequent first."""
    found = _asked(_VARIANTS, process, options)
    if as_json:
        return _lines(found["items"])
    rows = (
        [
            " > ".join(one["milestones"]), _whole(one["count"]), f"{one['share']:.1%}",
            _long(one["median_seconds"]), _long(one["p95_seconds"]),
        ]
        for one in found["items"]
    )  # fmt: skip
    _table(("milestones", "instances", "share", "median", "p95"), rows, words=1)
    rest = found["variants"] - len(found["items"])
    if rest:
        click.echo(f"and {rest:,} rarer variant{'' if rest == 1 else 's'}")
    return None


@process.command()
@click.option("--by", metavar="NAMES", help="facet.NAME, version, and one of day, week, month.")
@click.option("--limit", type=int, help="How many groups at most (default: 1000).")
@_common
def conformance(process: str, as_json: bool, **options: Any) -> None:
    """Print how many instances skip, swap and repeat declared milestones."""
    found = _asked(_CONFORMANCE, process, options)
    groups = [*found["items"], found["total"]]
    if as_json:
        return _lines(groups)
    names = list(found["items"][0]["by"]) if found["items"] else []
    columns = ("instances", "conforming", "skipped", "out_of_order", "start_inferred", "repeated")
    rows = (
        [
            *(group["by"].get(name) or ("–" if group["by"] else "all") for name in names),
            *(_whole(group[column]) for column in columns),
            "" if group["fitness"] is None else f"{group['fitness']:.3f}",
        ]
        for group in groups
    )
    heads = (*names, *(column.replace("_", " ") for column in columns), "fitness")
    _table(heads, rows, words=len(names))
    return None


def _asked(view: _View, process: str, options: dict[str, Any]) -> Mapping[str, Any]:
    """What the API answers, from a running platform or from the installation's own store."""
    url = options.pop("url")
    given = _parameters(options)
    settings = settings_from({n: options.get(n) for n in ("config", "data", "store")})
    if url:
        with running(url, settings) as api:
            path = f"/processes/{quote(process, safe='')}/{view.name}"
            found: Mapping[str, Any] = api.get(path, **given)
            return found
    try:
        query = view.query.model_validate(given)
    except ValidationError as error:
        mistake = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in mistake["loc"]) or "query"
        raise InvalidQuery(f"{name}: {mistake['msg'].removeprefix('Value error, ')}") from error
    return _read(view, process, query, settings)


def _parameters(options: dict[str, Any]) -> dict[str, Any]:
    names = ("from", "to", "status", "environment", "limit", "by")
    given = {name: options.pop(name) for name in names if name in options}
    for facet in options.pop("facets"):
        name, equals, value = facet.partition("=")
        if not (name and equals):
            raise InvalidQuery(f"--facet: {facet!r} is not NAME=VALUE")
        given[f"facet.{name}"] = value
    return {name: value for name, value in given.items() if value is not None}


def _read(view: _View, process: str, query: ViewQuery, settings: Settings) -> Mapping[str, Any]:
    with readers(settings) as services:
        found = view.read(services, process, query)
    return found.model_dump(mode="json", by_alias=True)


def _lines(items: Sequence[Mapping[str, Any]]) -> None:
    for item in items:
        click.echo(json.dumps(item))


def _table(heads: Sequence[str], rows: Iterator[list[str]], *, words: int) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, head in enumerate(heads):
        if index < words:
            table.add_column(head, overflow="fold", min_width=_LEAST_WIDTH)
        else:
            table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    console.print(table)


def _whole(number: int) -> str:
    return f"{number:,}"


def _long(seconds: float | None) -> str:
    return "" if seconds is None else format_duration(timedelta(seconds=seconds))
