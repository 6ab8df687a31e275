"""`suture serve`, `demo`, and the same parts apart: `collector`, `worker`, `web`."""

import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from suture.app.commands.options import common_options, settings_from
from suture.app.logs import configure_logs
from suture.app.wiring import Addresses, Platform, Roles
from suture.settings import Settings

_STOP_DEMO_SECONDS = 15


@click.command()
@common_options("config", "data", "store", "host", "ingest_port", "grpc_port", "web_port")
def serve(**options: Any) -> None:
    """Run everything in one process.

    Prints one JSON line with the addresses when it can take work. SIGTERM or Ctrl-C drains what was
    accepted and stops.
    """
    _serve(settings_from(options), Roles())


@click.command()
@common_options("config", "data", "store", "host", "ingest_port", "grpc_port")
def collector(**options: Any) -> None:
    """Run the doors and the loader, on a ClickHouse server."""
    _serve(settings_from(options), Roles(worker=False, web=False))


@click.command()
@common_options("config", "data", "store")
def worker(**options: Any) -> None:
    """Run stitching, SLAs and alerting, on a ClickHouse server."""
    _serve(settings_from(options), Roles(collector=False, web=False))


@click.command()
@common_options("config", "data", "store", "host", "web_port")
def web(**options: Any) -> None:
    """Run the dashboards and the API, on a ClickHouse server."""
    _serve(settings_from(options), Roles(collector=False, worker=False))


@click.command()
@common_options("config", "kept_data", "host", "ingest_port", "grpc_port", "web_port")
@click.option("--seed", default=7, show_default=True, help="The same seed, the same network.")
@click.option(
    "--history", default="14d", show_default=True, help="How much to send before going live."
)
@click.option("--speed", type=float, help="Replay the history at this multiple of real time.")
@click.option(
    "--truth", type=click.Path(dir_okay=False, path_type=Path), help="Write what was injected."
)
def demo(seed: int, history: str, speed: float | None, truth: Path | None, **options: Any) -> None:
    """Run everything, fed by a simulated three-hospital network.

    Without --data it begins anew each time, in a directory that is removed at the end.
    """
    with _demo_data(options) as data:
        settings = settings_from({**options, "data": data})
        truth = truth or data / "truth.jsonl"
        feed = [
            f"--seed={seed}",
            f"--history={history}",
            f"--truth={truth}",
            *([f"--speed={speed}"] if speed else []),
        ]
        _serve(settings, Roles(), feed=feed, greeting=f"injected faults: {truth}")


@contextmanager
def _demo_data(options: dict[str, Any]) -> Iterator[Path]:
    chosen = options.pop("data")
    if chosen is not None:
        yield chosen
        return
    with tempfile.TemporaryDirectory(prefix="suture-demo-") as folder:
        yield Path(folder)


def _serve(
    settings: Settings, roles: Roles, *, feed: list[str] | None = None, greeting: str = ""
) -> None:
    configure_logs(settings.log_format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    platform = Platform(settings, roles)
    addresses = platform.start()
    network: subprocess.Popen[bytes] | None = None
    try:
        _announce(addresses)
        if feed is not None:
            network = _start_network(addresses, [*feed, *_trust(platform)], platform.own_key)
            click.echo(f"\n  Suture runs at {addresses.web}\n  {greeting}\n", err=True)
        stop.wait()
    finally:
        if network is not None:
            _stop_network(network)
        platform.stop()


def _announce(addresses: Addresses) -> None:
    line = {
        "event": "ready",
        "ingest": addresses.ingest,
        "grpc": addresses.grpc,
        "web": addresses.web,
    }
    click.echo(json.dumps({name: value for name, value in line.items() if value is not None}))
    sys.stdout.flush()


def _trust(platform: Platform) -> list[str]:
    """Options of the network that say whom to trust where the doors speak TLS."""
    if (pinned := platform.pinned) is None:
        return []
    shown = pinned.shown
    return [
        f"--pin={pinned.cert}",
        *([f"--show-cert={shown.cert}", f"--show-key={shown.key}"] if shown.cert else []),
    ]


def _start_network(
    addresses: Addresses, feed: list[str], own_key: str
) -> "subprocess.Popen[bytes]":
    """Start the simulated network as a process that ends with this one.

    It is told the key on its input, where no other process sees it.
    """
    command = [
        sys.executable,
        "-P",  # not what lies in the directory where somebody happens to start it
        "-m",
        "suture.app.demo",
        f"--ingest={addresses.ingest}",
        f"--grpc={addresses.grpc}",
        "--with-parent",
        "--key-on-input",
        *feed,
    ]
    network = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    if network.stdin is not None:
        network.stdin.write(f"{own_key}\n".encode())
        network.stdin.flush()
    return network


def _stop_network(network: "subprocess.Popen[bytes]") -> None:
    network.terminate()
    try:
        network.wait(timeout=_STOP_DEMO_SECONDS)
    except subprocess.TimeoutExpired:
        network.kill()
        network.wait()
