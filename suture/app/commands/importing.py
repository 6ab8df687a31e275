"""`suture import`: event logs into the store, or through a running platform's door."""

import math
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from stamina.instrumentation import set_on_retry_hooks

from collector.files.importer import ImportResult, import_file
from collector.files.mapping import LogMapping, read_mapping
from collector.files.reading import Progress as Reading
from collector.files.sending import Door, SendResult, send_file
from collector.redaction import Redactor
from suture.access.exposure import shown_by
from suture.access.tls import client_context
from suture.app.commands.options import common_options, settings_from
from suture.app.commands.stopping import stoppable
from suture.app.config_dir import config_dir
from suture.app.installation import open_store
from suture.app.redaction_key import redaction_key
from suture.app.stages import Stages, meanwhile, work_off, work_off_all
from suture.clock import SystemClock
from suture.definitions.catalog import Catalog, load_catalog
from suture.settings import Settings

Result = ImportResult | SendResult
ImportOne = Callable[[Path, Callable[[Reading], None]], Result]

_BAR_WIDTH = 16
_BESIDE_THE_NAME = _BAR_WIDTH + len(" 100% 999.9/999.9 MB 999,999,999 events 0:00:00 ")


@dataclass
class _Taken:
    """How many events were taken by now, for when the command is stopped."""

    events: int = 0

    def add(self, events: int) -> None:
        self.events += events


@click.command("import")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--map",
    "mapping_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="How columns or attributes become milestones.",
)
@click.option("--to", metavar="URL", help="Send through a running platform's door instead.")
@common_options("config", "data", "store")
@click.pass_context
def import_command(
    context: click.Context,
    /,
    files: tuple[Path, ...],
    mapping_file: Path,
    to: str | None,
    **options: Any,
) -> None:
    """Import event logs: CSV, XES (also .gz), Parquet, OCEL 2.0 JSON or SQLite.

    Importing a file again changes nothing. What cannot be read is reported with its place, the rest
    is loaded, and the exit code is 1.
    """
    settings = settings_from(options)
    catalog = load_catalog(config_dir(settings.config))
    mapping = read_mapping(mapping_file)
    taken = _Taken()
    done = "stored" if to is None else "accepted"
    with stoppable(
        lambda: f"stopped: {taken.events:,} events are {done}; run it again to complete"
    ):
        if to is not None:
            complete = _send(to, files, mapping, catalog, settings, taken)
        else:
            complete = _import_here(files, mapping, catalog, settings, taken)
    if not complete:
        context.exit(1)


def _send(
    url: str,
    files: tuple[Path, ...],
    mapping: LogMapping,
    catalog: Catalog,
    settings: Settings,
    taken: _Taken,
) -> bool:
    key = settings.api_key.get_secret_value() if settings.api_key else None
    authorities = str(settings.tls_ca.resolve()) if settings.tls_ca else None
    trust = client_context(authorities, shown_by(settings)) if url.startswith("https:") else None
    clock = SystemClock()
    set_on_retry_hooks(())  # they would log every attempt, and the door says that it waits
    door = Door(
        url,
        api_key=key,
        clock=clock,
        trust=trust,
        on_wait=lambda why: click.echo(why, err=True),
    )
    with closing(door):

        def send(path: Path, progress: Callable[[Reading], None]) -> SendResult:
            return send_file(
                door,
                path,
                mapping,
                catalog=catalog,
                clock=clock,
                progress=progress,
                on_taken=taken.add,
            )

        return _import_all(files, send)


def _import_here(
    files: tuple[Path, ...],
    mapping: LogMapping,
    catalog: Catalog,
    settings: Settings,
    taken: _Taken,
) -> bool:
    clock = SystemClock()
    redactor = Redactor.of(catalog, redaction_key(settings, catalog).encode())
    with open_store(settings) as store:

        def load(path: Path, progress: Callable[[Reading], None]) -> ImportResult:
            return import_file(
                store,
                path,
                mapping,
                catalog=catalog,
                clock=clock,
                redactor=redactor,
                progress=progress,
                on_taken=taken.add,
            )

        with closing(Stages(store, catalog, settings)) as stages:
            # Reading keeps Python busy and stitching the store, so they go well together.
            with meanwhile(stages.stitching, clock.now):
                complete = _import_all(files, load)
            with Console(stderr=True).status("stitching and judging"):
                # Nothing is judged by a part of its events because that part came first in a file.
                work_off(stages.stitching, clock.now, seconds=math.inf)
                work_off_all(stages.chain, clock.now)
    return complete


def _import_all(files: tuple[Path, ...], import_one: ImportOne) -> bool:
    results = []
    for path in files:
        with progress_bar(path) as progress:
            result = import_one(path, progress)
        _report(result)
        results.append(result)
    return all(result.complete for result in results)


def fitted(name: str, width: int) -> str:
    """What a name begins and ends with, in so many columns of a terminal or a few."""
    kept = len(name)
    while kept > 7 and cell_len(name[: kept // 2] + name[-(kept // 2) :]) >= width:
        kept -= 1
    return name if kept == len(name) else f"{name[: kept // 2]}…{name[-(kept // 2) :]}"


@contextmanager
def progress_bar(path: Path) -> Iterator[Callable[[Reading], None]]:
    """A line on standard error that says how far a file is read; it gives what to tell it."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=_BAR_WIDTH),
        TaskProgressColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[events]:,} events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        name = fitted(path.name, console.width - _BESIDE_THE_NAME)
        task = bar.add_task(name, total=path.stat().st_size, events=0)

        def show(reading: Reading) -> None:
            bar.update(
                task,
                completed=reading.bytes_read,
                total=reading.bytes_total,
                events=reading.events,
            )

        yield show


def _report(result: Result) -> None:
    counts = f"{result.file}: {result.read:,} events read, {_counts(result)}"
    for number, what in (
        (result.skipped, "left out by the mapping"),
        (result.bad, "refused"),
    ):
        if number:
            counts += f", {number:,} {what}"
    click.echo(counts)
    for problem in result.problems:
        click.echo(f"  {problem}", err=True)
    if hidden := result.bad - len(result.problems):
        click.echo(f"  … and {hidden:,} more", err=True)
    if result.damage:
        click.echo(f"  {result.damage}", err=True)
    if result.undeclared:
        names = ", ".join(f"{name} ({count:,})" for name, count in result.undeclared.items())
        click.echo(f"  in no process of the configuration: {names}", err=True)


def _counts(result: Result) -> str:
    if isinstance(result, SendResult):
        return f"{result.accepted:,} accepted"
    counts = f"{result.imported:,} imported, {result.already_known:,} known already"
    if result.conflicting:
        counts += f", {result.conflicting:,} in conflict with stored ones"
    return counts
