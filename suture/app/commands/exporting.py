"""`suture export`: the instances of a process as a file that other tools read."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from suture.app.commands.options import common_options, settings_from
from suture.app.config_dir import config_dir
from suture.app.installation import open_store
from suture.app.ocel.export import SQLITE_SUFFIXES, ExportProgress, Form, export_process
from suture.clock import SystemClock, parse_time
from suture.definitions.catalog import load_catalog
from suture.errors import InstallationError, InvalidQuery, NotFound, StoreLocked
from suture.store.reading.exporting import ExportFilter

FORMATS = ("ocel", "ocel-json", "ocel-sqlite")


class _Instant(click.ParamType[datetime]):
    """An instant as the API takes it."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        try:
            return parse_time(value)
        except ValueError as error:
            self.fail(str(error))


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--process", required=True, help="Whose instances.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="ocel",
    help="ocel: SQLite where FILE ends with .sqlite, .sqlite3 or .db, else JSON.",
)
@click.option("--from", "from_", type=_Instant(), help="Started at or after this time.")
@click.option("--to", type=_Instant(), help="Started before this time.")
@click.option("--facet", "facets", metavar="NAME=VALUE", multiple=True, help="With this facet.")
@click.option("--environment", help="Instead of the installation's own.")
@click.option(
    "--mapping",
    "mapping_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a mapping too, by which 'suture import' takes FILE in again.",
)
@common_options("config", "data", "store")
def export(
    file: Path,
    process: str,
    format_: str,
    from_: datetime | None,
    to: datetime | None,
    facets: tuple[str, ...],
    environment: str | None,
    mapping_file: Path | None,
    **options: Any,
) -> None:
    """Export the instances of a process with their objects and events as OCEL 2.0.

    FILE is JSON (packed where it ends with .gz) or SQLite. It is replaced when all is written.
    """
    settings = settings_from(options)
    catalog = load_catalog(config_dir(settings.config))
    if process not in catalog.processes:
        known = ", ".join(sorted(catalog.processes)) or "none"
        raise NotFound(f"there is no process {process!r} in the configuration; there is {known}")
    definition = catalog.processes[process]
    wanted = ExportFilter(
        environment=environment or settings.environment,
        process=process,
        started_from=from_,
        started_to=to,
        facets=_facets(facets, process, catalog.facets_of(process)),
        first_mentions=process in catalog.earlier,
    )
    try:
        with open_store(settings, existing=True) as store, _progress_bars() as progress:
            result = export_process(
                store,
                definition,
                wanted,
                file,
                form=_form(format_, file),
                now=SystemClock().now(),
                progress=progress,
            )
    except StoreLocked as error:
        raise StoreLocked(f"{error.message}; export while the platform is stopped") from error
    if mapping_file is not None:
        _write_mapping(mapping_file, result.mapping)
    totals = result.totals
    click.echo(
        f"{file}: {result.instances:,} instances, {totals.events:,} events,"
        f" {totals.objects:,} objects, {totals.relations:,} relations"
    )


def _form(format_: str, file: Path) -> Form:
    if format_ == "ocel":
        return "sqlite" if file.suffix.lower() in SQLITE_SUFFIXES else "json"
    return "sqlite" if format_ == "ocel-sqlite" else "json"


def _facets(given: tuple[str, ...], process: str, declared: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--facet")
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise InvalidQuery(f"facet: {process} declares no {name!r}; it has {known}")
        if name in found:
            raise InvalidQuery(f"facet: {name} is given twice")
        found[name] = value
    return found


def _write_mapping(path: Path, mapping: dict[str, Any]) -> None:
    text = yaml.safe_dump(mapping, sort_keys=False, allow_unicode=True)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InstallationError(f"{path}: cannot be written: {error.strerror}") from error


@contextmanager
def _progress_bars() -> Iterator[Callable[[ExportProgress], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} {task.fields[unit]}"),
        TimeElapsedColumn(),
    )
    units = {"reading": "instances", "writing": "events and objects"}
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {
            step: bars.add_task(step, total=1, unit=unit, visible=False)
            for step, unit in units.items()
        }

        def show(progress: ExportProgress) -> None:
            task = tasks[progress.step]
            bars.update(task, completed=progress.done, total=progress.total, visible=True)

        yield show
