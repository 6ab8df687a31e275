"""Milestones over HTTP: acknowledged and queryable, native and through contracts; time to answer.

Rates are measured from the first request to the last row that can be queried. Bodies of native
events are made before; those of contracts while the clock runs, as a producer would have to.
"""

import http.client
import json
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.append(str(TESTS))

from outage import CONTENT_TYPE, SteadyProducer, milestone_batch, p99  # noqa: E402 - no package

from collector.service import Loader, ReceiverProcess  # noqa: E402
from suture.app.logs import configure_logs  # noqa: E402
from suture.clock import SystemClock  # noqa: E402
from suture.definitions.catalog import load_catalog  # noqa: E402
from suture.settings import Settings  # noqa: E402
from suture.store.engine import Store  # noqa: E402
from suture.store.migrate import migrate  # noqa: E402
from tests.bench.report import report  # noqa: E402

HEALTHCARE = TESTS.parent / "deploy" / "config" / "healthcare"
BATCH, SENDERS = 500, 4
NATIVE_BATCHES, CONTRACT_BATCHES = 240, 80
ACK_RATE, ACK_SECONDS = 2_000, 15.0


def _contract_batch(name: str, count: int) -> bytes:
    now = datetime.now(UTC).isoformat()
    events = [
        {
            "specversion": "1.0",
            "id": f"{name}-{n}",
            "source": "/supplier-network",
            "type": "net.supplierlink.order.confirmed",
            "time": now,
            "data": {
                "customerOrderNumber": f"PO-{name}-{n}",
                "sellerOrderNumber": f"SO-{n}",
                "seller": {"networkId": "S-1", "displayName": "Northwind Medical"},
                "acknowledgement": "ACCEPTED",
                "promisedDelivery": "2026-12-01",
            },
        }
        for n in range(count)
    ]
    return json.dumps(events).encode()


class _Sender(threading.local):
    """One connection per thread."""

    connection: http.client.HTTPConnection | None = None


def _send_all(address: str, bodies: Iterable[Callable[[], bytes]]) -> None:
    local = _Sender()

    def send(make: Callable[[], bytes]) -> None:
        if local.connection is None:
            local.connection = http.client.HTTPConnection(address, timeout=60)
        local.connection.request("POST", "/v1/milestones", make(), {"content-type": CONTENT_TYPE})
        response = local.connection.getresponse()
        answer = response.read()
        if response.status != 202:
            sys.exit(f"not taken: {response.status} {answer[:300]!r}")

    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(send, bodies))


def _measure(
    address: str, loader: Loader, store: Store, bodies: list[Callable[[], bytes]]
) -> float:
    """Milestones a second, from the first request until all can be queried."""
    sql = "SELECT count() AS found FROM milestones"
    before = store.rows(sql)[0]["found"]
    began = time.perf_counter()
    _send_all(address, bodies)
    if not loader.drain(timeout_seconds=300):
        sys.exit("not loaded in time")
    seconds = time.perf_counter() - began
    expected = len(bodies) * BATCH
    if (found := store.rows(sql)[0]["found"] - before) != expected:
        sys.exit(f"{found} milestones of {expected} arrived")
    return expected / seconds


def _acknowledgements(address: str) -> list[float]:
    producers = [
        SteadyProducer(address, rate=ACK_RATE / SENDERS, batch=20, name=f"a{n}")
        for n in range(SENDERS)
    ]
    for producer in producers:
        producer.start()
    time.sleep(ACK_SECONDS)
    for producer in producers:
        producer.done.set()
    for producer in producers:
        producer.join()
    return [second for producer in producers for second in producer.seconds]


def main() -> None:
    """Native, through a contract, then the time to answer at a moderate rate."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"chdb://{folder}/store"
        settings = Settings(data=Path(folder) / "data", store=url, ingest_port=0, grpc_port=0)
        receiver = ReceiverProcess(settings, HEALTHCARE)
        address = receiver.start().http.removeprefix("http://")
        with Store(url) as store:
            migrate(store)
            loader = Loader(
                store,
                settings.spool_path,
                load_catalog(HEALTHCARE),
                SystemClock(),
                lambda environment, type_, attributes, id_: id_,
            )
            loader.start()
            warm = milestone_batch("warm", BATCH)
            _measure(address, loader, store, [lambda: warm])
            native = [milestone_batch(f"n{n}", BATCH) for n in range(NATIVE_BATCHES)]
            rate = _measure(address, loader, store, [lambda body=b: body for b in native])  # type: ignore[misc]
            report("milestones_native", rate, "milestones/s", at_least=20_000)
            through = [
                lambda n=n: _contract_batch(f"c{n}", BATCH)  # type: ignore[misc]
                for n in range(CONTRACT_BATCHES)
            ]
            rate = _measure(address, loader, store, through)
            report("milestones_through_contract", rate, "milestones/s", at_least=5_000)
            seconds = _acknowledgements(address)
            report(
                "milestones_ack_p99",
                p99(seconds) * 1000,
                "ms",
                at_most=250,
                slowest_ms=round(max(seconds) * 1000, 1),
                requests=len(seconds),
            )
            receiver.stop()
            loader.stop()


if __name__ == "__main__":
    configure_logs("console", level=logging.WARNING)
    main()
