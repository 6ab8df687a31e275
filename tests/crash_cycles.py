"""Lives and sudden ends of a collector under load: for the crash test and for the bench.

A receiver and a loader run as processes on one data directory while producers send. Cycle by cycle
one of them, or both, is killed at a named point or at a random moment, and started again. In the
end everything acknowledged has to be stored, once, and nothing else.
"""

import json
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from collector_child import Place, live_as_platform, live_as_receiver, wait_as_loader
from crash_journal import history
from producing import Ledger, Producer, reserve_port

from collector.service import ReceiverProcess
from collector.spool import Entry, Spool
from suture.contracts.trace import Signal
from suture.store.engine import Store

TESTS = Path(__file__).parent
HEALTHCARE = TESTS.parent / "deploy" / "config" / "healthcare"
PATIENCE_SECONDS = 120.0
"""How long anything may take before it counts as stuck; only a slow machine comes near it."""


@dataclass(frozen=True, kw_only=True)
class Kill:
    """Who is killed, at which point the `number`-th time; without a point at a random moment.

    `platform` is both in the way they run in production, the receiver as the other's child.
    `poison` puts a record into the spool that the store will refuse.
    """

    who: str = "loader"
    point: str = ""
    number: int = 1
    poison: bool = False


KILLS: Sequence[Kill] = (
    Kill(point="facts.insert_spans:after", number=2),
    Kill(point="facts.finish_segment:before", number=3),
    Kill(who="receiver"),
    Kill(point="Spool.finish:before", number=3),
    Kill(point="file:rename", number=2),
    Kill(point="Spool.refuse:before", poison=True),
    Kill(who="platform", point="facts.insert_points:after", number=2),
    Kill(who="receiver", point="file:spool", number=30),
    Kill(who="receiver", point="Spool.append:after", number=15),
    Kill(who="both"),
)
"""A short round: each of the two, both, and both as in production; steps, files and moments."""

MORE_KILLS: Sequence[Kill] = (
    Kill(point="facts.insert_milestones:after", number=2),
    Kill(point="TelemetryLane.insert~-:after", poison=True),
    Kill(point="Spool._run~insert_segment:after", number=2),
    Kill(point="file:part", number=3),
    Kill(who="receiver", point="Spool._run~insert_record:after", number=20),
    Kill(point="file:token", number=3),
    Kill(point="facts.insert_logs:after", number=2),
    Kill(),
    Kill(point="Spool.new_attempt:after"),
    Kill(point="Spool._run~delete_records:after", number=3),
    Kill(point="Spool.refuse:after", poison=True),
    Kill(point="facts.insert_points:before", number=2),
    Kill(who="both"),
)
"""With these, every step of the way; a test of the loader alone goes that way as well."""


@dataclass(kw_only=True)
class Stored:
    """What the store holds in the end."""

    items: dict[str, Counter[str]]
    on_spans: Counter[str]
    unfinished: int
    letters: int


@dataclass(kw_only=True)
class Cycles:
    """A collector that dies again and again on one data directory; use it in a `with` block."""

    place: Place
    chance: random.Random = field(default_factory=random.Random)
    poisoned: int = 0
    producers: list[Producer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._context = forked()
        self._receiver: Life | None = None
        self._spare: Life | None = None

    @contextmanager
    def running(self, producers: int = 3) -> Iterator["Cycles"]:
        """Producers send meanwhile; no process and no thread is left in the end."""
        journal = self.place.data.with_name("journal")
        # Held from beginning to end: whoever answers there is the receiver of this collector.
        with reserve_port() as held:
            port = held.getsockname()[1]
            self.place = replace(self.place, hurried=True, port=port, journal=journal)
            yield from self._running(producers)

    def _running(self, producers: int) -> Iterator["Cycles"]:
        self._spare = Life(self._context, wait_as_loader)
        self._start_receiver()
        address = f"127.0.0.1:{self.place.port}"
        self.producers = [Producer(n, address=address) for n in range(1, producers + 1)]
        for producer in self.producers:
            producer.start()
        try:
            yield self
        finally:
            for producer in self.producers:
                producer.done.set()
                producer.join()
            for life in (self._receiver, self._spare):
                if life is not None:
                    life.end()

    def live_through(self, kill: Kill) -> None:
        """One life and its end; raises AssertionError where the point is never reached."""
        for producer in self.producers:
            producer.resume()
        if kill.who == "platform":
            self._stop_receiver()
            self._live_as_platform(kill)
            self._start_receiver()
            return
        if kill.who == "receiver" and kill.point:
            self._stop_receiver()
            self._start_receiver(kill)
        loader = self._start_loader(kill if kill.who == "loader" else Kill())
        if kill.poison:
            # After what has gathered, so that it is found among few others.
            self._poison()
        if kill.who == "loader" and kill.point:
            assert loader.wait() == -signal.SIGKILL, kill
            return
        receiver = self._receiver
        assert receiver is not None
        if kill.who == "receiver" and kill.point:
            assert receiver.wait() == -signal.SIGKILL, kill
        else:
            time.sleep(self.chance.uniform(0.1, 1.2))
        if kill.who in ("receiver", "both"):
            receiver.kill()
        if kill.who == "receiver":
            # The loader goes on alone for a while.
            time.sleep(self.chance.uniform(0.0, 0.3))
        loader.kill()
        if kill.who in ("receiver", "both"):
            self._start_receiver()

    def settle(self) -> Stored:
        """Let producers rest and load everything; then read what is stored.

        Producers rest until the next life: what they sent after the reading would look lost.
        """
        for producer in self.producers:
            producer.rest(patience_seconds=PATIENCE_SECONDS)
        loader = self._start_loader(Kill())
        loader.pipe.send("drain")
        assert loader.pipe.poll(2 * PATIENCE_SECONDS)
        assert loader.pipe.recv() is True, "not all of the spool was loaded in time"
        assert loader.wait() == 0
        return _read(self.place.store_url)

    def ledger(self, kind: str) -> Ledger:
        """What all producers sent of one kind."""
        return Ledger.together(producer.ledgers[kind] for producer in self.producers)

    def check(self, stored: Stored) -> None:
        """Raise AssertionError unless acknowledged is stored, once each, and nothing is made up."""
        for kind, items in stored.items.items():
            ledger = self.ledger(kind)
            assert len(ledger.acknowledged) > 20, f"hardly any {kind} were acknowledged"
            lost = sorted(ledger.acknowledged - items.keys())
            assert not lost, f"{len(lost)} {kind} are lost: {lost[:50]}\n{self._history(lost)}"
            assert items.keys() <= ledger.sent, f"{kind} that nobody sent"
            assert [key for key, count in items.items() if count > 1] == [], f"{kind} are doubled"
        first_spans = {key for key in stored.items["spans"] if key.endswith(f"{1:016x}")}
        assert stored.on_spans.keys() == first_spans
        assert set(stored.on_spans.values()) <= {1}
        assert stored.unfinished == 0
        assert stored.letters == self.poisoned

    # -- processes --------------------------------------------------------------------------------

    def _start_loader(self, kill: Kill) -> "Life":
        life = self._spare or Life(self._context, wait_as_loader)
        life.pipe.send((self.place, kill.point, kill.number))
        life.answer()
        self._spare = Life(self._context, wait_as_loader)
        return life

    def _start_receiver(self, kill: Kill | None = None) -> None:
        kill = kill or Kill()
        config = ReceiverProcess(self.place.settings, self.place.config)._config
        life = Life(self._context, live_as_receiver, self.place, config, kill.point, kill.number)
        self._require_door(json.loads(life.answer())["http"])
        self._receiver = life

    def _require_door(self, url: str) -> None:
        assert url == f"http://127.0.0.1:{self.place.port}", "producers send elsewhere"

    def _stop_receiver(self) -> None:
        if self._receiver is not None:
            self._receiver.end()
            self._receiver = None

    def _live_as_platform(self, kill: Kill) -> None:
        life = Life(self._context, live_as_platform, self.place, kill.point, kill.number)
        address, receiver = life.message()
        self._require_door(address)
        if not kill.point:
            time.sleep(self.chance.uniform(0.2, 1.5))
            os.kill(receiver, signal.SIGKILL)
            time.sleep(self.chance.uniform(0.0, 0.5))
            life.process.kill()
        assert life.wait() == -signal.SIGKILL, kill
        wait_gone(receiver)

    def _history(self, lost: Sequence[str]) -> str:
        """What became of what is lost, as far as anybody noted."""
        assert self.place.journal is not None
        return history(
            lost, self.place.journal, self.place.settings.spool_path, self.place.store_url
        )

    def _poison(self) -> None:
        self.poisoned += 1
        spool = Spool(self.place.settings.spool_path)
        payload = b"\xff\xff no request %d" % self.poisoned
        now = datetime.now(UTC)
        spool.append([Entry(signal=Signal.TRACES, received_at=now, items=1, payload=payload)])
        spool.close()


class Life:
    """One process, forked from a server in which everything is imported."""

    def __init__(self, context: Any, target: Any, *arguments: Any) -> None:
        self.pipe: Connection
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=target, args=(theirs, *arguments))
        self.process.start()
        theirs.close()

    def answer(self) -> str:
        """The process's first message, as text."""
        return str(self.message())

    def message(self) -> Any:
        """The process's first message."""
        assert self.pipe.poll(PATIENCE_SECONDS), "the process did not start"
        return self.pipe.recv()

    def wait(self) -> int | None:
        """How it ended."""
        self.process.join(PATIENCE_SECONDS)
        code = self.process.exitcode
        if code is None:
            self.kill()
        self.pipe.close()
        return code

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self.process.kill()
        self.process.join(PATIENCE_SECONDS)
        self.pipe.close()

    def end(self) -> None:
        """Let it come to its own end."""
        self.pipe.close()
        self.process.join(PATIENCE_SECONDS)
        if self.process.exitcode is None:
            self.process.kill()


def wait_gone(pid: int) -> None:
    """Wait for the end of a process that is not our child."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state in "ZX":
            return  # dead, and nobody has asked for its exit code
        time.sleep(0.01)
    raise AssertionError(f"process {pid} does not end")


def forked(module: str = "collector_child") -> Any:
    """A way to start processes that have all that `module` imports already."""
    context = multiprocessing.get_context("forkserver")
    # The server takes the path of modules from its environment only.
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    try:
        context.set_forkserver_preload([module])
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return context


def _read(store_url: str) -> Stored:
    with Store(store_url) as store:

        def column(sql: str) -> Counter[str]:
            return Counter(row["found"] for row in store.rows(sql))

        points = " UNION ALL ".join(
            f"SELECT Attributes['id'] AS found FROM otel_metrics_{table}"
            for table in ("gauge", "sum")
        )
        return Stored(
            items={
                "spans": column("SELECT concat(TraceId, ':', SpanId) AS found FROM otel_traces"),
                "milestones": column("SELECT id AS found FROM milestones WHERE source = '/test'"),
                "logs": column("SELECT Body AS found FROM otel_logs"),
                "points": column(points),
            },
            on_spans=column("SELECT id AS found FROM milestones WHERE source != '/test'"),
            unfinished=len(
                store.rows(
                    "SELECT DISTINCT segment FROM milestones WHERE segment NOT IN"
                    " (SELECT segment FROM segments)"
                )
            ),
            letters=len(store.rows("SELECT id FROM dead_letters")),
        )
