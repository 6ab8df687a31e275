"""The command line of the demonstration network."""

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import FrameType

import click

from suture.access.pinned import Pinned
from suture.access.tls import ClientFiles
from suture.app.demo.drive import Driver, span_of_history
from suture.app.demo.emit import Emitter
from suture.app.demo.simulate import Simulation
from suture.app.demo.story import Run
from suture.app.demo.truth import TruthFile
from suture.clock import SystemClock, rfc3339
from suture.definitions.values import parse_duration
from suture.garbage import collect_seldom

log = logging.getLogger(__name__)


def _duration(_: click.Context, __: click.Parameter, value: str) -> timedelta:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.option("--ingest", required=True, help="Base URL of the HTTP door.")
@click.option("--grpc", required=True, help="HOST:PORT of the gRPC door.")
@click.option("--api-key", envvar="SUTURE_API_KEY", help="Key for both doors.")
@click.option("--seed", default=7, show_default=True, help="Same seed and start, same network.")
@click.option(
    "--history",
    default="14d",
    show_default=True,
    callback=_duration,
    help="How much to send before going live.",
)
@click.option(
    "--speed",
    type=float,
    help="Replay the history at this multiple of real time, not as fast as possible.",
)
@click.option(
    "--truth",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write what was injected, as JSON lines.",
)
@click.option("--duration", type=float, help="Stop after so many seconds.")
@click.option("--with-parent", is_flag=True, help="Stop when standard input is closed.")
@click.option("--key-on-input", is_flag=True, help="Read the key as a line of standard input.")
@click.option("--pin", help="Certificate of the doors, where they speak TLS.")
@click.option("--show-cert", help="Client certificate, where the doors demand one.")
@click.option("--show-key", help="Its private key.")
def main(
    ingest: str,
    grpc: str,
    api_key: str | None,
    seed: int,
    history: timedelta,
    speed: float | None,
    truth: Path | None,
    duration: float | None,
    with_parent: bool,
    key_on_input: bool,
    pin: str | None,
    show_cert: str | None,
    show_key: str | None,
) -> None:
    """Feed a platform from a simulated three-hospital network.

    Prints one JSON line when the history is in and the network is live. Stops on SIGTERM.
    """
    _log_to_stderr()
    # Nothing here forms cycles; looking for some among 60,000 spans is a sixth of the back-fill.
    collect_seldom()
    stop = threading.Event()
    _stop_on_signals(stop)
    if key_on_input:
        api_key = _line_of(sys.stdin.fileno())
    shown = ClientFiles(cert=show_cert, key=show_key)
    pinned = Pinned(cert=pin, shown=shown) if pin else None
    if with_parent:
        threading.Thread(
            target=_stop_at_end_of, args=(sys.stdin.fileno(), stop), daemon=True
        ).start()
    if duration is not None:
        timer = threading.Timer(duration, stop.set)
        timer.daemon = True
        timer.start()
    try:
        catching_up = span_of_history(history, speed)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--speed") from error
    clock = SystemClock()
    now = clock.now()
    start = (now + catching_up).replace(microsecond=now.microsecond // 1000 * 1000)
    simulation = Simulation(run=Run(seed=seed, start=start), history=history + catching_up)
    with ExitStack() as stack:
        stream = stack.enter_context(truth.open("w", encoding="utf-8")) if truth else None
        emitter = Emitter(ingest=ingest, grpc=grpc, api_key=api_key, stop=stop, pinned=pinned)
        stack.callback(emitter.close)
        driver = Driver(
            simulation, emitter=emitter, truth=TruthFile(stream), clock=clock, stop=stop
        )
        begun = time.monotonic()
        if driver.backfill() if speed is None else driver.replay(speed):
            _say_live(emitter, start=rfc3339(start), seconds=time.monotonic() - begun)
            driver.live()
    _summarize(emitter)


def _say_live(emitter: Emitter, *, start: str, seconds: float) -> None:
    line = {
        "event": "live",
        "start": start,
        "spans": emitter.span_tally.delivered,
        "events": emitter.event_tally.delivered,
        "seconds": round(seconds, 1),
    }
    click.echo(json.dumps(line))


def _summarize(emitter: Emitter) -> None:
    for name, tally in (("spans", emitter.span_tally), ("events", emitter.event_tally)):
        log.info(
            "%s: %d delivered, %d refused, %d given up, %d retries",
            name, tally.delivered, tally.refused, tally.given_up, tally.retries,
        )  # fmt: skip


def _log_to_stderr() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="demo: %(message)s")
    logging.getLogger("suture.app.demo").setLevel(logging.INFO)
    # The lanes report what matters of an export; the exporters would repeat it for every batch.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


def _stop_on_signals(stop: threading.Event) -> None:
    def handle(_: int, __: FrameType | None) -> None:
        stop.set()

    handler: Callable[[int, FrameType | None], None] = handle
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


def _line_of(descriptor: int) -> str:
    """The first line of an input, and nothing more of it."""
    line = b""
    while (char := os.read(descriptor, 1)) not in (b"", b"\n"):
        line += char
    return line.decode()


def _stop_at_end_of(descriptor: int, stop: threading.Event) -> None:
    # Read below Python's buffers: a thread that waits inside them breaks the interpreter's exit.
    while os.read(descriptor, 4096):
        pass
    stop.set()
