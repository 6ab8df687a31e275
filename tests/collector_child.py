"""Parts of the collector as processes of their own: what the crash test kills.

Each is forked from a process in which everything is imported, since importing takes longer than a
life. (With everything but the engine, which hangs in a fork: a loader in waiting imports it while
others work.) With a point to die at (see `killing.py`) a part kills itself there, the n-th time.
"""

import importlib
import os
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import structlog
from crash_journal import keep_journal
from killing import die_at

from collector import receiver
from collector.receiver_config import ReceiverConfig
from collector.service import Loader, ReceiverProcess
from suture.clock import SystemClock
from suture.contracts.objects import ObjectKey
from suture.definitions.catalog import load_catalog
from suture.settings import Settings
from suture.store.engine import Store
from suture.store.migrate import migrate

# Standard output is for what a parent reads.
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

DRAIN_SECONDS = 240.0
"""Long: a slow machine is no failure, and what is not drained would be taken for lost."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a collector lives."""

    data: Path
    store_url: str
    config: Path
    hurried: bool = False
    """Then small segments follow each other at once: there are many steps to die between."""
    port: int = 0
    """Where the HTTP door is; 0 for anywhere."""
    journal: Path | None = None
    """Where the loader and the receiver note what they do."""

    @property
    def settings(self) -> Settings:
        return Settings(data=self.data, store=self.store_url, ingest_port=self.port, grpc_port=0)

    @property
    def store_path(self) -> Path:
        return Path(self.store_url.removeprefix("chdb://"))

    def arm(self, point: str, number: int) -> None:
        if self.journal:
            keep_journal(self.journal)
        if point:
            die_at(point, number, store=self.store_path, spool=self.settings.spool_path)


def make_loader(place: Place, store: Store) -> Loader:
    loader = Loader(
        store,
        place.settings.spool_path,
        load_catalog(place.config),
        SystemClock(),
        lambda environment, type_, attributes, id_: ObjectKey(
            environment=environment, type=type_, scope="", id=id_
        ).encode(),
        # A backlog is several segments, but soon loaded.
        max_spans=1_000 if place.hurried else 50_000,
        max_milestones=400 if place.hurried else 10_000,
    )
    if place.hurried:
        loader._traces.spacing_seconds = 0.1
        loader._logs.spacing_seconds = loader._metrics.spacing_seconds = 0.4
    return loader


def wait_as_loader(pipe: Connection) -> None:
    """Be ready to become a loader: the first message says which."""
    importlib.import_module("chdb")
    try:
        place, point, number = pipe.recv()
    except EOFError:
        return  # not needed any more
    live_as_loader(pipe, place, point, number)


def live_as_loader(pipe: Connection, place: Place, point: str, number: int) -> None:
    """Load until the pipe says "drain" (answered by whether all was loaded) or ends."""
    store = Store(place.store_url)
    migrate(store)
    loader = make_loader(place, store)
    place.arm(point, number)
    pipe.send("ready")
    loader.start()
    try:
        pipe.recv()
    except EOFError:
        loader.stop(drain=False)
    else:
        pipe.send(loader.drain(timeout_seconds=DRAIN_SECONDS))
        loader.stop()
    store.close()


def live_as_receiver(
    pipe: Connection, place: Place, config: ReceiverConfig, point: str, number: int
) -> None:
    """Receive until the pipe ends; its first message says where the doors are."""
    reading, writing = os.pipe()
    os.write(writing, msgspec.json.encode(config) + b"\n")
    os.dup2(reading, 0)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as the process lives
    sys.stdout = _Lines(pipe)  # type: ignore[assignment]

    def wait_for_end() -> None:
        try:
            pipe.recv()
        except (EOFError, OSError):
            os.close(writing)

    threading.Thread(target=wait_for_end, daemon=True).start()
    place.arm(point, number)
    receiver.main()


class _Lines:
    """Standard output that goes into a pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def write(self, text: str) -> None:
        self._pipe.send(text)

    def flush(self) -> None: ...


def live_as_platform(pipe: Connection, place: Place, point: str, number: int) -> None:
    """Receive and load as in production, the receiver as a child, until the pipe ends.

    The first message says where the receiver's doors are, and its process id.
    """
    process = ReceiverProcess(place.settings, place.config)
    ready = process.start()
    store = Store(place.store_url)
    migrate(store)
    loader = make_loader(place, store)
    place.arm(point, number)
    # Said before there is anything to die of.
    pipe.send((ready.http, process.pid))
    loader.start()
    with suppress(EOFError):
        pipe.recv()
    process.stop()
    loader.drain(timeout_seconds=DRAIN_SECONDS)
    loader.stop()
    store.close()
