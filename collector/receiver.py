"""The receiver process: the doors, and the spool's one writer.

Runs as `python -m collector.receiver`, started by `service.ReceiverProcess`. It reads its
configuration as one line of JSON from standard input, prints one line of JSON when it can take
requests, and stops when standard input ends (its parent is gone) or on SIGTERM, once the requests
under way are answered. It never opens the store.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog
import uvicorn

from collector.allocator import give_memory_back
from collector.intake import Intake, IntakeLimits, IntakeMetrics
from collector.live_contracts import ContractWatch, LiveContracts
from collector.receiver_config import Ready, ReceiverConfig
from collector.receiver_grpc import bind, make_server
from collector.receiver_http import build_app
from collector.redaction import Redactor, redacting_log_lines
from collector.spool_file import free_disk_bytes, pending_of
from collector.spool_writer import RESERVE_BYTES, SpoolWriter
from suture.access.doorkeeper import Doorkeeper
from suture.access.http_server import server_options
from suture.clock import SystemClock
from suture.definitions.catalog import load_catalog
from suture.errors import InstallationError, SutureError
from suture.garbage import collect_seldom

GRACE_SECONDS = 10
BACKLOG = 1024

_log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """A server that leaves signals to us, since two servers stop together."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> None:
    """Run until told to stop; exits 1 with one line on standard error if that cannot start."""
    give_memory_back()
    # A batch of events is many objects and no cycles; looking for some takes half of its time.
    collect_seldom()
    try:
        config = msgspec.json.decode(sys.stdin.buffer.readline(), type=ReceiverConfig)
        _configure_logs(config.log_format)
        loop_factory = uvicorn.Config(build_app, loop="auto", log_config=None).get_loop_factory()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_run(config))
    except (SutureError, msgspec.MsgspecError) as error:
        sys.stderr.write(f"receiver: {error}\n")
        sys.exit(1)


def _configure_logs(log_format: str, redactor: Redactor | None = None) -> None:
    """Log lines go to standard error; standard output is for the one line that says ready."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redacting_log_lines(redactor or Redactor.none()),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


async def _run(config: ReceiverConfig) -> None:
    folder = Path(config.config_dir)
    catalog = load_catalog(folder)
    redactor = Redactor.of(catalog, config.redaction_key.encode())
    _configure_logs(config.log_format, redactor)
    contracts = LiveContracts(folder, catalog, redactor)
    watch = ContractWatch(contracts)
    spool_path = Path(config.spool_path)
    access = Doorkeeper(config.credentials, SystemClock())
    writer = SpoolWriter(spool_path, max_bytes=config.spool_max_bytes)
    access.start()
    watch.start()
    try:
        intake = Intake(
            writer,
            contracts,
            SystemClock(),
            limits=IntakeLimits(
                max_body_bytes=config.max_body_bytes,
                max_decompressed_bytes=config.max_decompressed_bytes,
                max_header_bytes=config.max_header_bytes,
            ),
            metrics=IntakeMetrics(spool_path),
            access=access,
        )
        await _serve(config, intake)
    finally:
        await asyncio.to_thread(watch.stop)
        await asyncio.to_thread(writer.close)
        await asyncio.to_thread(access.close)


async def _serve(config: ReceiverConfig, intake: Intake) -> None:
    stopping = _stop_request()
    listener = _listen(config.host, config.http_port)

    def is_ready() -> bool:
        spool_path = Path(config.spool_path)
        waiting = sum(of_signal.bytes for of_signal in pending_of(spool_path).values())
        has_room = free_disk_bytes(spool_path) > RESERVE_BYTES
        return has_room and waiting < config.spool_max_bytes

    http = _Server(
        uvicorn.Config(
            build_app(intake, is_ready),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            **server_options(config.max_header_bytes, config.tls),
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    rpc = make_server(intake)
    grpc_port = bind(rpc, config.host, config.grpc_port, config.tls)
    await rpc.start()
    serving = asyncio.create_task(http.serve(sockets=[listener]))
    while not http.started and not serving.done():
        await asyncio.sleep(0.005)
    _announce(config, listener.getsockname()[1], grpc_port)
    await stopping.wait()
    http.should_exit = True
    await rpc.stop(GRACE_SECONDS)
    await serving


def _stop_request() -> asyncio.Event:
    """An event that is set by SIGTERM, SIGINT, or the end of standard input."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)

    def on_input() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            loop.remove_reader(sys.stdin.fileno())
            stopping.set()

    loop.add_reader(sys.stdin.fileno(), on_input)
    return stopping


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        message = f"cannot listen on {host}:{port} for OTLP/HTTP: {error.strerror or error}"
        raise InstallationError(message) from error


def _announce(config: ReceiverConfig, http_port: int, grpc_port: int) -> None:
    shown = f"[{config.host}]" if ":" in config.host else config.host
    scheme = "https" if config.tls else "http"
    ready = Ready(http=f"{scheme}://{shown}:{http_port}", grpc=f"{shown}:{grpc_port}")
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
