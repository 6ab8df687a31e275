"""The web server of dashboards and API, in a thread beside the stages."""

import socket
import threading
import time

import uvicorn

from dashboards.asgi import App
from suture.access.http_server import server_options
from suture.access.tls import TlsFiles
from suture.errors import InstallationError

_START_SECONDS = 30.0
_GRACEFUL_SECONDS = 5


class WebServer:
    """Serves one ASGI application; `start` once, `stop` once."""

    def __init__(
        self,
        app: App,
        *,
        host: str,
        port: int,
        max_header_bytes: int,
        tls: TlsFiles | None,
    ) -> None:
        """Port 0 picks a free one. Raises InstallationError for wrong certificates."""
        self._host, self._port = host, port
        self._scheme = "https" if tls else "http"
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=_GRACEFUL_SECONDS,
            server_header=False,
            **server_options(max_header_bytes, tls),
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def start(self) -> str:
        """Serve, and return the address; raises InstallationError when the port is taken."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._port))
        except OSError as error:
            listener.close()
            message = f"the web port {self._host}:{self._port} cannot be used: {error.strerror}"
            raise InstallationError(message) from error
        port = listener.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="web"
        )
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise InstallationError("the web server did not start; see its message above")
            time.sleep(0.02)
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{self._scheme}://{host}:{port}"

    def stop(self) -> None:
        """Answer what is under way, then stop."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
            self._thread = None
