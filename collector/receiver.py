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

from collector.intake import Intake, IntakeLimits, IntakeMetrics
from collector.milestones import MilestoneReader
from collector.receiver_config import Ready, ReceiverConfig
from collector.receiver_grpc import bind, make_server
from collector.receiver_http import build_app
from collector.spool_file import pending_of
from collector.spool_writer import SpoolWriter
from suture.clock import SystemClock
from suture.definitions.catalog import load_catalog
from suture.errors import InstallationError, SutureError

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
    try:
        config = msgspec.json.decode(sys.stdin.buffer.readline(), type=ReceiverConfig)
        _configure_logs(config.log_format)
        loop_factory = uvicorn.Config(build_app, loop="auto", log_config=None).get_loop_factory()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_run(config))
    except (SutureError, msgspec.MsgspecError) as error:
        sys.stderr.write(f"receiver: {error}\n")
        sys.exit(1)


def _configure_logs(log_format: str) -> None:
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
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


async def _run(config: ReceiverConfig) -> None:
    catalog = load_catalog(Path(config.config_dir))
    spool_path = Path(config.spool_path)
    writer = SpoolWriter(spool_path, max_bytes=config.spool_max_bytes)
    try:
        intake = Intake(
            writer,
            MilestoneReader(catalog),
            SystemClock(),
            limits=IntakeLimits(
                max_body_bytes=config.max_body_bytes,
                max_decompressed_bytes=config.max_decompressed_bytes,
            ),
            metrics=IntakeMetrics(spool_path),
            api_key=config.api_key,
        )
        await _serve(config, intake)
    finally:
        await asyncio.to_thread(writer.close)


async def _serve(config: ReceiverConfig, intake: Intake) -> None:
    stopping = _stop_request()
    listener = _listen(config.host, config.http_port)

    def is_ready() -> bool:
        waiting = pending_of(Path(config.spool_path)).values()
        return sum(of_signal.bytes for of_signal in waiting) < config.spool_max_bytes

    http = _Server(
        uvicorn.Config(
            build_app(intake, is_ready),
            http="httptools",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    rpc = make_server(intake)
    grpc_port = bind(rpc, config.host, config.grpc_port)
    await rpc.start()
    serving = asyncio.create_task(http.serve(sockets=[listener]))
    while not http.started and not serving.done():
        await asyncio.sleep(0.005)
    _announce(config.host, listener.getsockname()[1], grpc_port)
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


def _announce(host: str, http_port: int, grpc_port: int) -> None:
    shown = f"[{host}]" if ":" in host else host
    ready = Ready(http=f"http://{shown}:{http_port}", grpc=f"{shown}:{grpc_port}")
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
