"""The platform as a user runs it: the command line, in processes of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

_READY_SECONDS = 60
_STOP_SECONDS = 60


class Running:
    """A `suture serve` or `suture demo` under way."""

    PAGE = 500
    """Items asked for at a time: as many as the API gives."""

    def __init__(self, command: list[str], *, log: Path, env: dict[str, str]) -> None:
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "suture.app", *command],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=env,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.kill()
            raise AssertionError(f"not ready:\n{log.read_text()[-3000:]}")
        self.ready: dict[str, str] = json.loads(line)
        self.http = httpx2.Client(timeout=30, trust_env=False)

    def get(self, path: str, **query: Any) -> Any:
        """The JSON that the API gives for a path below /api/v1."""
        answer = self.http.get(f"{self.ready['web']}/api/v1{path}", params=query)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def all(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Every item of a paged list."""
        return self.pages(path, **query)[0]

    def pages(
        self, path: str, *, at_most: int = 10_000, **query: Any
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The items of a paged list, of so many pages `at_most`, and its first page."""
        page = first = self.get(path, limit=self.PAGE, **query)
        items: list[dict[str, Any]] = list(first["items"])
        for _ in range(at_most - 1):
            if page["next_cursor"] is None:
                break
            page = self.get(path, limit=self.PAGE, cursor=page["next_cursor"], **query)
            items += page["items"]
        return items, first

    def wait_settled(self, *, seconds: float = 60) -> None:
        """Wait until everything acknowledged is stitched and judged."""
        self.wait(lambda: self.get("/status")["settled"], seconds=seconds, what="settled")

    def wait(self, holds: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert self.process.poll() is None, "the platform stopped"
            assert time.monotonic() < deadline, f"not {what} after {seconds} s"
            time.sleep(0.5)  # what is asked takes the processors that are waited for

    def terminate(self) -> int:
        """Ask it to stop, as a supervisor would; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=_STOP_SECONDS)
        self._close()
        return code

    def kill(self) -> None:
        """End it at once, without any chance to clean up."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._close()

    def _close(self) -> None:
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()
        if hasattr(self, "http"):
            self.http.close()


Launch = Callable[..., Running]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Start the platform with any free ports; it is ended after the test."""
    started: list[Running] = []

    def start(command: str = "serve", *arguments: str, data: Path | None = None) -> Running:
        env = {k: v for k, v in os.environ.items() if not k.startswith("SUTURE_")}
        ports = ["--ingest-port=0", "--grpc-port=0", "--web-port=0"]
        running = Running(
            [command, *ports, f"--data={data or tmp_path / 'data'}", *arguments],
            log=tmp_path / "platform.log",
            env=env,
        )
        started.append(running)
        return running

    yield start
    for running in started:
        running.kill()


@pytest.fixture(scope="session")
def suture() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run one command line to its end."""

    def run(*arguments: str | Path, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
        env = {k: v for k, v in os.environ.items() if not k.startswith("SUTURE_")}
        return subprocess.run(
            [sys.executable, "-m", "suture.app", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=env,
            check=False,
        )

    return run
