"""The collector as the rest of the platform handles it: a receiver process and a `Loader`.

Start the receiver before the store is opened, so that requests are taken, and kept, from the first
moment and whatever the store does.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO

import msgspec
import structlog

from collector.loader import Loader
from collector.receiver_config import Ready, ReceiverConfig
from suture.access.exposure import credentials_of, tls_of
from suture.errors import InstallationError
from suture.settings import Settings

__all__ = ["Loader", "Ready", "ReceiverProcess"]

START_SECONDS = 60.0
STOP_SECONDS = 20.0
SHORTEST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class ReceiverProcess:
    """The receiver as a child process that is started again, on the same ports, when it dies.

    The child stops by itself when this process is gone.
    """

    def __init__(
        self,
        settings: Settings,
        config_dir: Path,
        *,
        own_key: str | None = None,
        redaction_key: str = "",
    ) -> None:
        """Prepare a receiver for `settings`, with the contracts found in `config_dir`.

        `own_key` lets the platform's own telemetry in, whatever keys there are; `redaction_key` is
        that of the hashes.
        """
        self._config = ReceiverConfig(
            host=settings.host,
            http_port=settings.ingest_port,
            grpc_port=settings.grpc_port,
            spool_path=str(settings.spool_path.resolve()),
            config_dir=str(config_dir.resolve()),
            max_body_bytes=settings.max_body_bytes,
            max_decompressed_bytes=settings.max_decompressed_bytes,
            spool_max_bytes=settings.spool_max_bytes,
            max_header_bytes=settings.max_header_bytes,
            credentials=credentials_of(settings, "ingest", own_key=own_key),
            tls=tls_of(settings, "ingest"),
            log_format=settings.log_format,
            redaction_key=redaction_key,
        )
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self.restarts = 0

    def start(self) -> Ready:
        """Start the receiver and return where its doors are; raises InstallationError."""
        ready = self._spawn()
        http_port = int(ready.http.rpartition(":")[2])
        grpc_port = int(ready.grpc.rpartition(":")[2])
        # A receiver that is started again has to be found where the first one was.
        self._config = msgspec.structs.replace(
            self._config, http_port=http_port, grpc_port=grpc_port
        )
        self._watcher = threading.Thread(target=self._watch, name="receiver-watcher")
        self._watcher.start()
        return ready

    def stop(self) -> None:
        """Let the receiver answer what is under way, then end it. May be called twice."""
        self._stopping.set()
        with self._lock:
            if self._child is not None:
                _end(self._child)
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None

    @property
    def alive(self) -> bool:
        """Whether the receiver runs at this moment."""
        child = self._child
        return child is not None and child.poll() is None

    @property
    def pid(self) -> int | None:
        """The child's process id, for tests and for operators."""
        return self._child.pid if self._child is not None else None

    def _spawn(self) -> Ready:
        with self._lock:
            if self._stopping.is_set():
                raise InstallationError("the receiver is stopping")
            child = subprocess.Popen(
                # Not what lies in the directory where somebody happens to start it.
                [sys.executable, "-P", "-m", "collector.receiver"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            self._child = child
        line = _first_line(child, msgspec.json.encode(self._config) + b"\n")
        if not line:
            _end(child)
            raise InstallationError("the receiver did not start; see its message above")
        return msgspec.json.decode(line, type=Ready)

    def _watch(self) -> None:
        pause = SHORTEST_PAUSE_SECONDS
        while not self._stopping.is_set():
            child = self._child
            if child is None:
                return
            watched_from = time.monotonic()
            code = child.wait()
            _close(child.stdin, child.stdout)
            if time.monotonic() - watched_from > LONGEST_PAUSE_SECONDS:
                pause = SHORTEST_PAUSE_SECONDS
            if self._stopping.wait(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            _log.error("the receiver died and is started again", exit_code=code)
            self.restarts += 1
            try:
                self._spawn()
            except InstallationError as error:
                _log.error("the receiver does not start", reason=error.message)


def _first_line(child: "subprocess.Popen[bytes]", config: bytes) -> bytes:
    """Hand over the configuration; the child's first line, empty if it ends or takes too long."""
    lines: SimpleQueue[bytes] = SimpleQueue()

    def read() -> None:
        if child.stdout is not None:
            lines.put(child.stdout.readline())

    threading.Thread(target=read, name="receiver-ready", daemon=True).start()
    try:
        if child.stdin is not None:
            child.stdin.write(config)
            child.stdin.flush()
        return lines.get(timeout=START_SECONDS)
    except (BrokenPipeError, ValueError, Empty):
        # It ended before it read its configuration, or `stop` closed its input meanwhile.
        return b""


def _end(child: "subprocess.Popen[bytes]") -> None:
    _close(child.stdin)
    try:
        child.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        _log.error("the receiver did not stop in time and is killed", pid=child.pid)
        child.kill()
        child.wait()
    _close(child.stdout)


def _close(*pipes: IO[bytes] | None) -> None:
    for pipe in pipes:
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                # Nobody read the rest; closing is all that was wanted.
                continue
