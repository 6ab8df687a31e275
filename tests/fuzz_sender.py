"""Sends damaged requests to a receiver, from several threads, and judges every answer."""

import json
import socket
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

import grpc
from doors import SERVICES, Door
from fuzz_inputs import Fuzzer, Input

from suture.contracts.trace import Signal

SLOW_SECONDS = 1.0
GIVE_UP_SECONDS = 15.0
THREADS = 8
WARM_UP = 0.1
"""The part of the requests after which memory may no longer grow."""
CLOSED = "closed"
BACK_PRESSURE = ("429", "503", "grpc RESOURCE_EXHAUSTED", "grpc UNAVAILABLE")
_GOOD_CODES = ("OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED", "UNAVAILABLE")


@dataclass(kw_only=True)
class Outcome:
    """What came of a run; `wrong` lists every input that was not answered as it should be."""

    sent: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    slowest_seconds: float = 0.0
    warm_mib: float = 0.0
    """What the receiver held after the warm-up, and at the end."""
    end_mib: float = 0.0
    restarts: int = 0
    wrong: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status: str
    retry_after: bool
    seconds: float


class Sender:
    """Sends to one receiver."""

    def __init__(self, door: Door, fuzzer: Fuzzer) -> None:
        self._door = door
        self._fuzzer = fuzzer
        self._outcome = Outcome()
        self._lock = threading.Lock()

    def send(self, first: int, count: int) -> Outcome:
        """Send the requests `first` to `first + count - 1`."""
        warm = first + int(count * WARM_UP)
        self._send_all(iter(range(first, warm)))
        self._outcome.warm_mib = settled_mib(self._door)
        self._send_all(iter(range(warm, first + count)))
        self._outcome.end_mib = settled_mib(self._door)
        self._outcome.restarts = self._door.process.restarts
        return self._outcome

    def _send_all(self, numbers: Iterator[int]) -> None:
        threads = [
            threading.Thread(target=self._work, args=(numbers,), name=f"fuzz-{n}")
            for n in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, numbers: Iterator[int]) -> None:
        with _Line(self._door) as line:
            while True:
                with self._lock:
                    number = next(numbers, None)
                if number is None:
                    return
                made = self._fuzzer.input(number)
                answer = line.ask(made)
                problem = _judge(made, answer)
                if not problem and answer.seconds > SLOW_SECONDS:
                    # A busy machine is slow now and then; a bad input is so every time.
                    again = [line.ask(made).seconds for _ in range(3)]
                    problem = f"slow: {min(again):.1f} s" if min(again) > SLOW_SECONDS else ""
                self._note(made, answer, problem)

    def _note(self, made: Input, answer: _Answer, problem: str) -> None:
        with self._lock:
            outcome = self._outcome
            outcome.sent += 1
            outcome.statuses[answer.status] += 1
            outcome.slowest_seconds = max(outcome.slowest_seconds, answer.seconds)
            if problem:
                content = asdict(made) | {"body": b64encode(made.body).decode()}
                outcome.wrong.append({"problem": problem, **content})


def write_failures(outcome: Outcome, path: Path) -> None:
    """Every input that went wrong, one per line of JSON, its body in base64."""
    path.write_text("".join(json.dumps(wrong) + "\n" for wrong in outcome.wrong))


def resident_mib(door: Door) -> float:
    """What the receiver holds in memory at this moment."""
    text = Path(f"/proc/{door.process.pid}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def settled_mib(door: Door) -> float:
    """The same, once the last requests are put away: the least of what is seen for a while."""
    seen = [resident_mib(door)]
    for _ in range(20):
        time.sleep(0.1)
        seen.append(resident_mib(door))
    return min(seen)


def _judge(made: Input, answer: _Answer) -> str:
    """What is wrong with an answer; empty where nothing is."""
    if answer.status in BACK_PRESSURE:
        is_size = answer.status == "grpc RESOURCE_EXHAUSTED"
        return "" if answer.retry_after or is_size else f"{answer.status} without a time to retry"
    if answer.status == CLOSED:
        return "no answer" if made.is_framed else ""
    kind, _, code = answer.status.partition(" ")
    if kind == "grpc":
        return "" if code in _GOOD_CODES else answer.status
    return "" if 200 <= int(kind) < 500 else answer.status


class _Line:
    """One thread's connections: HTTP written by hand, since no client would send such heads."""

    def __init__(self, door: Door) -> None:
        host, _, port = door.address.rpartition(":")
        self._address = (host, int(port))
        self._grpc = door.ready.grpc

    def __enter__(self) -> "_Line":
        sizes = [("grpc.max_send_message_length", -1)]
        self._channel = grpc.insecure_channel(self._grpc, options=sizes)
        self._socket = self._connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._channel.close()

    def ask(self, made: Input) -> _Answer:
        started = time.perf_counter()
        status, retry_after = self._over_grpc(made) if made.over_grpc else self._over_http(made)
        seconds = time.perf_counter() - started
        return _Answer(status=status, retry_after=retry_after, seconds=seconds)

    def _over_grpc(self, made: Input) -> tuple[str, bool]:
        metadata = [
            (name.lower(), value)
            for name, value in made.headers
            if value.isascii() and value.isprintable() and name.isascii()
            and name not in ("content-type", "content-length", "connection", "")
            and not name.startswith(("transfer", "upgrade", "content-encoding"))
        ]  # fmt: skip
        is_packed = ("content-encoding", "gzip") in made.headers
        call = self._channel.unary_unary(f"/{SERVICES[Signal(made.signal)]}/Export")
        try:
            call(
                made.body,
                timeout=GIVE_UP_SECONDS,
                metadata=metadata,
                compression=grpc.Compression.Gzip if is_packed else None,
            )
        except grpc.RpcError as error:
            details = dict(error.trailing_metadata() or ())
            return f"grpc {error.code().name}", "grpc-status-details-bin" in details
        return "grpc OK", False

    def _over_http(self, made: Input) -> tuple[str, bool]:
        try:
            return self._exchange(made)
        except (OSError, HTTPException):
            # It hung up on the request before, perhaps: only a fresh connection proves something.
            self._reconnect()
        try:
            return self._exchange(made)
        except (OSError, HTTPException):
            self._reconnect()
            return CLOSED, False

    def _exchange(self, made: Input) -> tuple[str, bool]:
        names = {name for name, _ in made.headers}
        framing = [] if "content-length" in names else [("content-length", str(len(made.body)))]
        lines = [f"{name}: {value}" for name, value in [("host", "x"), *framing, *made.headers]]
        head = "\r\n".join([f"{made.method} {made.path} HTTP/1.1", *lines, "", ""])
        # A server may answer and hang up before it has read all.
        try:
            self._socket.sendall(head.encode("utf-8", "replace") + made.body)
            if not made.is_framed:
                self._socket.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        response = HTTPResponse(self._socket, method=made.method)
        try:
            response.begin()
            response.read()
            is_last = response.will_close or not made.is_framed
            return str(response.status), response.getheader("retry-after") is not None
        except BaseException:
            is_last = False
            raise
        finally:
            response.close()
            if is_last:
                self._reconnect()

    def _connect(self) -> socket.socket:
        connected = socket.create_connection(self._address, timeout=GIVE_UP_SECONDS)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def _reconnect(self) -> None:
        self._socket.close()
        self._socket = self._connect()
