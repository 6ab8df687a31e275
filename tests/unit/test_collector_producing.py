"""The producers of the crash test: their ledgers and where they send to."""

import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import crash_cycles
import pytest
from collector_child import Place
from crash_cycles import Cycles, Stored
from producing import KINDS, Producer, reserve_port

IP_LOCAL_PORT_RANGE = 51
"""Narrows, for one socket, the ports that the kernel chooses from; Linux since 6.3."""


class Acknowledging(ThreadingHTTPServer):
    """Takes everything, and can be asked whether anything came lately."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came = threading.Event()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.came.set()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def server() -> Iterator[Acknowledging]:
    server = Acknowledging()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def producer(server: Acknowledging) -> Iterator[Producer]:
    producer = Producer(1, address=server.address, pause=0.0)
    producer.start()
    assert server.came.wait(10)
    yield producer
    producer.done.set()
    producer.join()


def acknowledged(producer: Producer) -> set[str]:
    return set().union(*(producer.ledgers[kind].acknowledged for kind in KINDS))


def test_a_producer_at_rest_has_nothing_under_way(
    server: Acknowledging, producer: Producer
) -> None:
    for _ in range(20):
        producer.rest(patience_seconds=10)
        before = acknowledged(producer)
        server.came.clear()
        assert not server.came.wait(0.01)
        assert acknowledged(producer) == before
        producer.resume()
        assert server.came.wait(10)


def test_nothing_is_acknowledged_between_the_reading_and_the_check(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Acknowledging, producer: Producer
) -> None:
    monkeypatch.setattr(crash_cycles, "forked", lambda: None)
    read: list[set[str]] = []

    def reading(_: str) -> Stored:
        read.append(acknowledged(producer))
        server.came.clear()
        return Stored(items={}, on_spans={}, unfinished=0, letters=0)  # type: ignore[arg-type]

    monkeypatch.setattr(crash_cycles, "_read", reading)
    monkeypatch.setattr(Cycles, "_start_loader", lambda *_, **__: Drained())
    cycles = Cycles(place=Place(data=tmp_path, store_url="chdb:///nowhere", config=tmp_path))
    cycles.producers = [producer]
    cycles.settle()
    assert not server.came.wait(0.3), "what comes now cannot be among what was read"
    producer.done.set()
    producer.join()
    assert read == [acknowledged(producer)]


class Drained:
    """A loader with nothing left to do."""

    def __init__(self) -> None:
        self.pipe = self

    def send(self, _: object) -> None: ...

    def poll(self, _: float) -> bool:
        return True

    def recv(self) -> bool:
        return True

    def wait(self) -> int:
        return 0


def test_a_reserved_port_is_given_to_nobody_else() -> None:
    with reserve_port() as held:
        port = held.getsockname()[1]
        assert not is_given(port)
        socket.create_server(("127.0.0.1", port)).close()
        # A server was there and is gone, and comes again: nobody takes its place meanwhile.
        assert not is_given(port)
        socket.create_server(("127.0.0.1", port)).close()
    assert is_given(port), "the kernel does not narrow its choice: this shows nothing"


def is_given(port: int) -> bool:
    """Whether a server that asks for any port can be given this one."""
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        only = struct.pack("I", port << 16 | port)
        try:
            stranger.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, only)
        except OSError:
            pytest.skip("this kernel has no say in the choice of ports")
        try:
            stranger.bind(("127.0.0.1", 0))
        except OSError:
            return False
        return True
