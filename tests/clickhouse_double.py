"""A test double of ClickHouse's HTTP interface, in front of the embedded engine.

It runs beside an embedded store in the test's own process, or alone:

    python tests/clickhouse_double.py --path DIRECTORY [--port 0]

prints one JSON line `{"event": "ready", "url": …}` and serves until it is terminated. Stopped and
started again on the same directory and port it is a server that went away and came back.

Covered: statements in the body, in `?query=` or in a form; bound parameters; settings of a request;
external data; bodies in chunks and in gzip, deflate or lz4; answers in lz4; inserts of any
format; Basic authentication; error codes and the headers that the driver reads; injected failures.

Not covered: sessions, the protocol version and block information, progress headers, errors in the
middle of an answer, roles and quotas, TLS, the queue of asynchronous inserts, cancelling when the
client goes away, `INSERT … SELECT … FROM input()`, limits on the length of an address, clusters.
Written rows are counted as the embedded engine counts them: rows read.
"""

import argparse
import base64
import json
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote, urlsplit

import chdb
import lz4.frame
from clickhouse_double_engine import Engine, Request, decompressed, execute, read_request

_CODE = re.compile(r"Code: (\d+)")
_NOT_FOUND_CODES = (60, 81)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Something that goes wrong with the next requests whose statement matches.

    `status` answers with an HTTP status as a proxy would, `code` with an error code of the engine,
    `delay_seconds` waits first; `cut` closes the connection without an answer, before or after the
    statement has run. It strikes `times` times, always where that is None.
    """

    status: int = 0
    code: int = 0
    delay_seconds: float = 0.0
    cut: Literal["", "before", "after"] = ""
    times: int | None = None
    matching: str = ""


class ClickHouseDouble:
    """The server. `requests` holds the statements it has seen, oldest first."""

    def __init__(self, path: Path, *, port: int = 0, user: str = "default", password: str = ""):
        self.path = path
        self.port = port
        self.login = (user, password)
        self.requests: list[Request] = []
        self.engine: Engine | None = None
        self._server: _Server | None = None
        self._failures: list[tuple[Failure, Iterator[int] | None]] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        user, password = self.login
        login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if password else ""
        return f"http://{login}127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Listen; the port is kept over a stop and a new start."""
        if self.engine is None:
            self.engine = Engine(self.path)
        self._server = _Server(self)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Refuse connections and cut the open ones; the engine stays for `start`."""
        if self._server is not None:
            self._server.shutdown()
            self._server.cut_connections()
            self._server.server_close()
            self._server = None

    def close(self) -> None:
        """Stop, and let go of the engine's directory."""
        self.stop()
        if self.engine is not None:
            self.engine.close()
            self.engine = None

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Nobody answers for a while."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def failing(self, failure: Failure) -> Iterator[None]:
        """Let a failure strike for a while."""
        self.fail(failure)
        try:
            yield
        finally:
            self.heal()

    def fail(self, failure: Failure) -> None:
        """Let a failure strike from now on, after those already set."""
        left = None if failure.times is None else iter(range(failure.times))
        with self._lock:
            self._failures.append((failure, left))

    def heal(self) -> None:
        """Forget all failures."""
        with self._lock:
            self._failures.clear()

    def next_failure(self, statement: bytes) -> Failure | None:
        text = statement.decode(errors="replace")
        with self._lock:
            for failure, left in self._failures:
                strikes = re.search(failure.matching, text, re.IGNORECASE | re.DOTALL)
                if strikes and (left is None or next(left, None) is not None):
                    return failure
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    allow_reuse_address = True

    def __init__(self, double: ClickHouseDouble) -> None:
        self.double = double
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", double.port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        for connection in tuple(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it was closed in between


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self._forget()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        try:
            body = self._body()
        except (RuntimeError, OSError, zlib.error) as error:
            self._error(271, f"Code: 271. DB::Exception: {error} (CANNOT_DECOMPRESS)")
            return
        if path == "/ping":
            self._reply(HTTPStatus.OK, b"Ok.\n")
        elif path == "/double/failures":
            self._control(body)
        else:
            self._query(body)

    do_POST = do_DELETE = do_GET  # noqa: N815 - the names are the base class's

    def _control(self, body: bytes) -> None:
        """`POST` a failure as JSON, `DELETE` all: for tests that run the double on its own."""
        if self.command == "DELETE":
            self.server.double.heal()
        else:
            self.server.double.fail(Failure(**json.loads(body)))
        self._reply(HTTPStatus.OK)

    def _query(self, body: bytes) -> None:
        double = self.server.double
        if not self._authenticated():
            message = "Code: 516. DB::Exception: Authentication failed (AUTHENTICATION_FAILED)"
            self._error(516, message)
            return
        request = read_request(self.path, self.headers.get("Content-Type", ""), body)
        double.requests.append(request)
        failure = double.next_failure(request.statement) or Failure()
        time.sleep(failure.delay_seconds)
        if failure.cut == "before":
            self._cut()
        elif failure.status:
            self._reply(failure.status, b"injected by the test")
        elif failure.code:
            self._error(failure.code, f"Code: {failure.code}. DB::Exception: injected (INJECTED)")
        else:
            self._execute(request, cut=failure.cut == "after")

    def _execute(self, request: Request, *, cut: bool) -> None:
        engine = self.server.double.engine
        assert engine is not None
        try:
            answer = execute(engine, request)
        except (chdb.ChdbError, RuntimeError) as error:
            message = str(error)
            code = _CODE.search(message)
            self._error(int(code[1]) if code else 0, message[max(message.find("Code: "), 0) :])
            return
        if cut:
            self._cut()
            return
        headers = {
            "X-ClickHouse-Query-Id": request.query_id,
            "X-ClickHouse-Summary": json.dumps(answer.summary),
            "X-ClickHouse-Timezone": request.settings.get("session_timezone", "UTC"),
        }
        if answer.format:
            headers["X-ClickHouse-Format"] = answer.format
        body = answer.body
        compress = request.transport.get("enable_http_compression") == "1"
        if compress and "lz4" in self.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "lz4"
            body = lz4.frame.compress(body)
        self._reply(HTTPStatus.OK, body, headers)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            data = self._chunks()
        else:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return decompressed(data, self.headers.get("Content-Encoding", ""))

    def _chunks(self) -> bytes:
        content = bytearray()
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(content)

    def _authenticated(self) -> bool:
        user = self.headers.get("X-ClickHouse-User", "default")
        password = self.headers.get("X-ClickHouse-Key", "")
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            user, _, password = base64.b64decode(credentials).decode().partition(":")
        return (user, password) == self.server.double.login

    def _error(self, code: int, message: str) -> None:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        if code in _NOT_FOUND_CODES:
            status = HTTPStatus.NOT_FOUND
        elif code == 516:
            status = HTTPStatus.FORBIDDEN
        self._reply(status, message.encode(), {"X-ClickHouse-Exception-Code": str(code)})

    def _reply(
        self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _cut(self) -> None:
        # Lingering for zero seconds makes the close a reset, as a killed server's would be.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._forget()
        self.connection.close()

    def _forget(self) -> None:
        """The connection is gone: nothing is left to flush into it."""
        self.close_connection = True
        self.wfile = self.rfile = _Nothing()  # type: ignore[assignment]


class _Nothing:
    """Stands in for the streams of a connection that was cut."""

    closed = True

    def flush(self) -> None: ...

    def close(self) -> None: ...


class DoubleProcess:
    """The double as a process of its own, which can be killed and started again on its data."""

    def __init__(self, path: Path, *, port: int = 0) -> None:
        self.path = path
        self.port = port
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self, *, within_seconds: float = 60) -> Self:
        command = [sys.executable, __file__, "--path", str(self.path), "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], within_seconds)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self.kill()
            raise TimeoutError(f"the double was not ready within {within_seconds} s")
        self.url = json.loads(line)["url"]
        self.port = urlsplit(self.url).port or 0
        return self

    def stop(self) -> None:
        """End it in an orderly way."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=60)
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--path", type=Path, required=True, help="the engine's directory")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    arguments = parser.parse_args()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    double = ClickHouseDouble(arguments.path, port=arguments.port).start()
    print(json.dumps({"event": "ready", "url": double.url}), flush=True)
    stopped.wait()
    double.close()


if __name__ == "__main__":
    main()
