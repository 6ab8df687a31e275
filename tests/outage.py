"""The store goes away while producers go on: for the test of it and for the bench."""

import http.client
import json
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from clickhouse_double import DoubleProcess
from collector_child import Place, live_as_loader, live_as_receiver
from crash_cycles import HEALTHCARE, Life, forked

from collector.service import ReceiverProcess
from collector.spool_file import pending_of
from suture.store.engine import Store

BATCH = 100
CONTENT_TYPE = "application/cloudevents-batch+json"


@dataclass(kw_only=True)
class Outcome:
    """What came of it. Rates are milestones a second, memory is MiB beyond that before."""

    acknowledged: int
    refused: int
    stored: int
    distinct: int
    backlog: int
    wait_seconds: float
    drain_rate: float
    growth: dict[str, float]
    slowest_ack_seconds: float


class SteadyProducer(threading.Thread):
    """Sends batches of milestones at a fixed rate over one connection, and counts answers."""

    def __init__(self, address: str, *, rate: float, batch: int = BATCH, name: str = "p") -> None:
        super().__init__(name=f"producer-{name}")
        self._address = address
        self._pause = batch / rate
        self._batch = batch
        self.done = threading.Event()
        self.acknowledged = 0
        self.refused = 0
        self.seconds: list[float] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=60)
        due = time.monotonic()
        number = 0
        while not self.done.is_set():
            body = milestone_batch(f"{self.name}-{number}", self._batch)
            number += 1
            began = time.perf_counter()
            connection.request("POST", "/v1/milestones", body, {"content-type": CONTENT_TYPE})
            response = connection.getresponse()
            response.read()
            self.seconds.append(time.perf_counter() - began)
            if response.status == 202:
                self.acknowledged += self._batch
            else:
                self.refused += self._batch
            due += self._pause
            time.sleep(max(0.0, due - time.monotonic()))
        connection.close()


def milestone_batch(name: str, count: int) -> bytes:
    """A batch of native events with ids of its own."""
    now = datetime.now(UTC).isoformat()
    return json.dumps(
        [
            {
                "specversion": "1.0",
                "id": f"{name}-{n}",
                "source": "/erp/mercy-west",
                "type": "suture.milestone",
                "time": now,
                "data": {
                    "milestone": "requisition_approved",
                    "objects": [
                        {"type": "requisition", "id": f"R-{name}-{n}"},
                        {"type": "purchase_order", "id": f"P-{name}-{n}"},
                    ],
                    "attributes": {"facility": "mercy-west", "amount": 1250.0},
                },
            }
            for n in range(count)
        ]
    ).encode()


@dataclass(kw_only=True)
class Memory:
    """The most memory that each process had of its own since the last `mark`, in MiB."""

    pids: dict[str, int]
    before: dict[str, float] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        for name, pid in self.pids.items():
            self.most[name] = max(self.most.get(name, 0.0), own_memory_mib(pid))

    def mark(self) -> None:
        """What was seen so far is normal."""
        self.before = dict(self.most)

    @property
    def growth(self) -> dict[str, float]:
        return {name: round(self.most[name] - self.before[name], 1) for name in self.pids}


def own_memory_mib(pid: int) -> float:
    """Anonymous memory: not what processes share, nor files that the kernel caches."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def live_through_outage(folder: Path, *, rate: float, outage_seconds: float) -> Outcome:
    """Send at a steady rate, before, during and after an outage; then count what is stored."""
    double = DoubleProcess(folder / "store").start()
    place = Place(data=folder / "data", store_url=f"{double.url}/suture", config=HEALTHCARE)
    config = ReceiverProcess(place.settings, place.config)._config
    context = forked()
    receiver = Life(context, live_as_receiver, place, config, "", 1)
    address = json.loads(receiver.answer())["http"].removeprefix("http://")
    loader = Life(context, live_as_loader, place, "", 1)
    loader.answer()
    producer = SteadyProducer(address, rate=rate)
    try:
        memory = Memory(pids={"receiver": _pid(receiver), "loader": _pid(loader)})
        _warm_up(place, address, memory)
        producer.start()
        _watch(memory, 2.0)
        memory.mark()
        double.kill()
        _watch(memory, outage_seconds)
        double.start()
        backlog, wait_seconds, drain_rate = _drain(place, producer, memory)
        producer.done.set()
        producer.join()
        loader.pipe.send("drain")
        assert loader.pipe.poll(120)
        assert loader.pipe.recv() is True
        loader.wait()
        with Store(place.store_url) as store:
            sql = "SELECT count() AS stored, uniqExact(id) AS found FROM milestones"
            (row,) = store.rows(f"{sql} WHERE startsWith(id, 'producer-p')")
    finally:
        producer.done.set()
        receiver.end()
        loader.kill()
        double.kill()
    return Outcome(
        acknowledged=producer.acknowledged,
        refused=producer.refused,
        stored=row["stored"],
        distinct=row["found"],
        backlog=backlog,
        wait_seconds=wait_seconds,
        drain_rate=drain_rate,
        growth=memory.growth,
        slowest_ack_seconds=max(producer.seconds),
    )


def _warm_up(place: Place, address: str, memory: Memory) -> None:
    """Have everybody do once what the drain will ask for: segments of full size."""
    connection = http.client.HTTPConnection(address, timeout=60)
    for number in range(60):
        body = milestone_batch(f"warm-{number}", 1_000)
        connection.request("POST", "/v1/milestones", body, {"content-type": CONTENT_TYPE})
        connection.getresponse().read()
    connection.close()
    _until(lambda: _waiting(place) == 0, memory)


def _drain(place: Place, producer: SteadyProducer, memory: Memory) -> tuple[int, float, float]:
    """(backlog, seconds until it shrinks, milestones a second from then on) under full load."""
    began = time.monotonic()
    backlog = most = _waiting(place)
    while (now := _waiting(place)) >= most or now > most - 1:
        most = max(most, now)
        memory.look()
        time.sleep(0.02)
        assert time.monotonic() - began < 120, "loading does not go on"
    # The first segment is gone; it began about when the store came back.
    begun, taken = time.monotonic(), producer.acknowledged
    left = _waiting(place)
    _until(lambda: _waiting(place) < 2 * BATCH * 10, memory)
    seconds = time.monotonic() - begun
    moved = left - _waiting(place) + producer.acknowledged - taken
    return backlog, begun - began, moved / seconds


def _until(condition: Callable[[], bool], memory: Memory) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        memory.look()
        time.sleep(0.02)
        assert time.monotonic() < deadline, "it takes too long"


def _watch(memory: Memory, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        memory.look()
        time.sleep(0.1)


def _waiting(place: Place) -> int:
    return sum(signal.items for signal in pending_of(place.settings.spool_path).values())


def _pid(life: Life) -> int:
    assert life.process.pid is not None
    return life.process.pid


def p99(seconds: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(seconds, n=100)[98]
