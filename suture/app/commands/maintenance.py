"""`suture migrate` and `suture correlate`: work on the store itself."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import click

from correlator.rebuild import rebuild
from suture.app.commands.options import common_options, settings_from
from suture.app.config_dir import config_dir
from suture.app.installation import has_store, open_store
from suture.app.leadership import alone_on
from suture.clock import SystemClock
from suture.definitions.catalog import load_catalog
from suture.errors import NotFound
from suture.store import migrate as migrations
from suture.store.engine import Store


@click.command("migrate")
@common_options("data", "store")
@click.option("--status", "show_status", is_flag=True, help="Show where each migration stands.")
@click.option("--dry-run", is_flag=True, help="Print the statements that would run, and run none.")
@click.option("--cluster", help="Name of the ClickHouse cluster to create the tables on.")
def migrate_command(show_status: bool, dry_run: bool, cluster: str | None, **options: Any) -> None:
    """Bring the schema of the store up to date."""
    settings = settings_from(options)
    target = migrations.Target(cluster=cluster, retention_days=settings.retention_days)
    if show_status or dry_run:
        # Where there is no store, what an empty one would need is said without making one.
        present = has_store(settings)
        with open_store(settings, migrated=False) if present else nullcontext() as store:
            lines = _standing(store) if show_status else _planned(target, store)
            for line in lines:
                click.echo(line)
        return
    with open_store(settings, migrated=False) as store:
        applied = migrations.migrate(store, target)
    click.echo(f"{len(applied)} migrations applied" if applied else "nothing to do")


def _standing(store: Store | None) -> Iterator[str]:
    for line in migrations.status(store):
        when = f"  {line.applied_at:%Y-%m-%d %H:%M}" if line.applied_at else ""
        yield f"{line.number:04d} {line.name:<34} {line.state.value}{when}"


def _planned(target: migrations.Target, store: Store | None) -> Iterator[str]:
    for statement in migrations.plan(target, store):
        yield f"{statement};\n"


@click.command()
@common_options("config", "data", "store")
@click.option("--rebuild", "all_anew", is_flag=True, help="Recompute from the facts.")
@click.option("--process", help="Only this process; the others stay as they are.")
def correlate(all_anew: bool, process: str | None, **options: Any) -> None:
    """Recompute instances from the stored facts, as after a change of definitions.

    The new result is built beside the present one and takes its place when it is complete. On a
    server a running worker steps aside meanwhile; after a change of definitions start it again.
    """
    if not all_anew:
        raise click.UsageError("say what to do: --rebuild")
    settings = settings_from(options)
    catalog = load_catalog(config_dir(settings.config))
    if process is not None and process not in catalog.processes:
        raise NotFound(f"there is no process {process!r} in the configuration")
    clock = SystemClock()
    with open_store(settings, existing=True) as store, alone_on(store, clock) as owned:
        result = rebuild(owned, catalog, now=clock.now(), only=process)
    click.echo(f"{result.events:,} events, {result.instances:,} instances")
