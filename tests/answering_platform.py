"""A platform's door that answers as a test tells it to."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Mapping[str, str], Any]
Answering = Callable[[list[dict[str, Any]]], Answer]


def accepted(events: list[dict[str, Any]]) -> Answer:
    return 202, {}, {"accepted": len(events)}


class Platform:
    """A platform on the loopback that answers as it is told, and keeps what it was sent."""

    def __init__(self, *answers: Answering) -> None:
        self.requests: list[tuple[str, Mapping[str, str], list[dict[str, Any]]]] = []
        self.answers = list(answers)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for _, _, events in self.requests for event in events]

    @contextmanager
    def open(self, port: int = 0) -> Iterator[str]:
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                events = json.loads(body)
                door.requests.append((self.path, dict(self.headers), events))
                answer = door.answers.pop(0) if door.answers else accepted
                status, headers, content = answer(events)
                reply = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def problem(status: int, detail: str, **headers: str) -> Answering:
    """Problem details."""
    return lambda events: (status, headers, {"title": "no", "detail": detail})
