"""Parts of the collector as processes of their own: what the crash test kills.

    python collector_child.py DATA STORE_URL CONFIG [POINT NUMBER]

is a platform that only collects. It prints where its doors are, then runs until standard input
ends, drains and exits. `live_as_loader` and `live_as_receiver` are its two halves, for a process
that was forked from one with everything imported, since importing takes longer than a life. (With
everything but the engine, which hangs in a fork.) With a POINT (see `killing.py`) each kills itself
there, the NUMBER-th time.
"""

import os
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import structlog
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
    small_segments: bool = True
    """Then there are many steps to die between."""

    @property
    def settings(self) -> Settings:
        return Settings(data=self.data, store=self.store_url, ingest_port=0, grpc_port=0)

    @property
    def store_path(self) -> Path:
        return Path(self.store_url.removeprefix("chdb://"))

    def arm(self, point: str, number: int) -> None:
        if point:
            die_at(point, number, store=self.store_path, spool=self.settings.spool_path)


def make_loader(place: Place, store: Store) -> Loader:
    return Loader(
        store,
        place.settings.spool_path,
        load_catalog(place.config),
        SystemClock(),
        lambda environment, type_, attributes, id_: ObjectKey(
            environment=environment, type=type_, scope="", id=id_
        ).encode(),
        max_spans=200 if place.small_segments else 50_000,
        max_milestones=50 if place.small_segments else 10_000,
    )


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


def main(data: str, store_url: str, config: str, point: str = "", number: str = "1") -> None:
    """Collect until told to stop."""
    place = Place(data=Path(data), store_url=store_url, config=Path(config))
    process = ReceiverProcess(place.settings, place.config)
    ready = process.start()
    store = Store(place.store_url)
    migrate(store)
    loader = make_loader(place, store)
    # Said before there is anything to die of.
    sys.stdout.write(msgspec.json.encode((ready, process.pid)).decode() + "\n")
    sys.stdout.flush()
    place.arm(point, int(number))
    loader.start()
    sys.stdin.read()
    process.stop()
    drained = loader.drain(timeout_seconds=DRAIN_SECONDS)
    loader.stop()
    store.close()
    sys.exit(0 if drained else 3)


if __name__ == "__main__":
    main(*sys.argv[1:])
