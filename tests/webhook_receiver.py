"""A webhook receiver: fails when told to, counts by idempotency key, checks signatures itself."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """One request."""

    path: str
    key: str
    signature: str
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Answer:
    """What to answer."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class WebhookReceiver:
    """Listens on a free port; answers what is planned, then always 204."""

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self.requests: list[Received] = []
        self.effects: dict[str, dict[str, Any]] = {}
        self._answers = list(answers)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = receiver.take(
                    Received(
                        path=self.path,
                        key=self.headers["Idempotency-Key"],
                        signature=self.headers.get("Suture-Signature", ""),
                        body=body,
                    )
                )
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook?token=abc"

    def take(self, request: Received) -> Answer:
        self.requests.append(request)
        answer = self._answers.pop(0) if self._answers else Answer()
        if answer.status < 300:
            self.effects.setdefault(request.key, request.content)
        return answer

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def signed_by(secret: str, request: Received) -> int | None:
    """The unix time in a valid signature, None for a wrong one."""
    parts = dict(part.split("=", 1) for part in request.signature.split(","))
    signed = parts["t"].encode("ascii") + b"." + request.body
    good = hmac.HMAC(secret.encode(), signed, hashlib.sha256).hexdigest()
    return int(parts["t"]) if hmac.compare_digest(good, parts["v1"]) else None
