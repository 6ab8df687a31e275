"""A platform that only collects, as a process of its own: what the crash test kills.

    python collector_child.py DATA STORE_URL CONFIG [POINT NUMBER]

Prints where its doors are, then runs until standard input ends, drains and exits. With a POINT
(`facts.insert_spans:after`, `Spool.finish:before`, …) it kills itself there, the NUMBER-th time.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from collector.service import Loader, ReceiverProcess
from collector.spool import Spool
from suture.clock import SystemClock
from suture.contracts.objects import ObjectKey
from suture.definitions.catalog import load_catalog
from suture.settings import Settings
from suture.store import facts
from suture.store.engine import Store
from suture.store.migrate import migrate


def die_at(point: str, number: int) -> None:
    """Have this process killed at a point of the loader's work."""
    path, when = point.split(":")
    owner_name, name = path.split(".")
    owner: Any = {"facts": facts, "Spool": Spool}[owner_name]
    real = getattr(owner, name)
    calls = iter(range(1, 1_000_000))

    def dying(*args: Any, **kwargs: Any) -> Any:
        is_last = next(calls) == number
        if is_last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, dying)


def main(data: str, store_url: str, config: str, point: str = "", number: str = "1") -> None:
    """Collect until told to stop."""
    settings = Settings(data=Path(data), store=store_url, ingest_port=0, grpc_port=0)
    receiver = ReceiverProcess(settings, Path(config))
    ready = receiver.start()
    store = Store(settings.store_url)
    migrate(store)
    if point:
        die_at(point, int(number))
    loader = Loader(
        store,
        settings.spool_path,
        load_catalog(Path(config)),
        SystemClock(),
        lambda environment, type_, attributes, id_: ObjectKey(
            environment=environment, type=type_, scope="", id=id_
        ).encode(),
        # Small segments, so that there are many steps to die between.
        max_spans=200,
        max_milestones=50,
    )
    loader.start()
    sys.stdout.write(msgspec.json.encode((ready, receiver.pid)).decode() + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    receiver.stop()
    loader.stop()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
