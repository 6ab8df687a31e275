"""The pages in a real browser, over a hospital that is written straight into the tables."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hospital import fill

from dashboards.app import create_web
from dashboards.services import CollectorStatus
from suture.clock import SystemClock
from suture.definitions.catalog import load_catalog
from suture.settings import Settings
from suture.store.engine import embedded_url
from suture.testing import temporary_store

HEALTHCARE = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare"
CHROMIUM = Path("/usr/bin/chromium")
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium where there is one, and one that talks to nobody by itself."""
    own = {"executable_path": str(CHROMIUM)} if CHROMIUM.exists() else {}
    return {**browser_type_launch_args, **own, "args": list(_QUIET)}


class Server:
    """A web application on a free port, in a thread of its own."""

    def __init__(self, app: Any) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._uvicorn = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        self._thread = threading.Thread(
            target=self._uvicorn.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    def __enter__(self) -> "Server":
        self._thread.start()
        while not self._uvicorn.started:
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(timeout=10)


@pytest.fixture(scope="package")
def site(embedded_engine: Any) -> Iterator[str]:
    """The address of a running installation."""
    embedded_engine.hold()
    catalog = load_catalog(HEALTHCARE)
    with temporary_store(embedded_url(embedded_engine.path)) as store:
        fill(store, catalog, datetime.now(UTC))
        web = create_web(
            store,
            catalog,
            Settings(),
            SystemClock(),
            status_source=lambda: CollectorStatus(spool_max_bytes=2**32),
            payload_reader={f"{0:032x}": b'{"specversion": "1.0", "id": "e-0", "data": {}}'}.get,
        )
        with Server(web) as server:
            yield server.url
