"""Acting on refused input through the API, and through the commands that speak it."""

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from click.testing import CliRunner

from collector.dead_letters import LetterDesk, PayloadReader
from collector.live_contracts import LiveContracts
from collector.loader import Loader
from collector.milestones import MilestoneReader
from collector.spool import Spool
from dashboards import callers
from dashboards.api.dead_letters import _shape
from dashboards.app import create_web
from dashboards.services import CollectorStatus
from suture.app.cli import suture
from suture.clock import SystemClock
from suture.contracts.access import Caller, Scope
from suture.definitions.catalog import Catalog, load_catalog
from suture.settings import Settings
from suture.store.engine import Store
from suture.store.reading.dead_letters import DeadLetterFilter, DeadLetterReader

pytestmark = pytest.mark.store

EVERYTHING = DeadLetterFilter(environment="production")
TYPES = ("com.lab.posted", "com.lab.broken")
CONTRACTS = [
    {
        "contract": type_,
        "version": "1",
        "owner": "lab",
        "system": "lab",
        "milestone": "result_posted",
        "objects": {"result": "data.number"},
    }
    for type_ in TYPES
]


def refuse(spool_path: Path, catalog: Catalog) -> None:
    """What a door does with events whose types it does not know."""
    events = [
        {
            "specversion": "1.0",
            "id": str(number),
            "source": "/lab",
            "type": TYPES[number == 3],
            "time": "2026-11-20T10:00:00Z",
            "data": {"number": number} if number < 3 else {},
        }
        for number in range(4)
    ]
    headers = {"content-type": "application/cloudevents-batch+json"}
    reading = MilestoneReader(catalog).read(
        headers, json.dumps(events).encode(), now=SystemClock().now()
    )
    spool = Spool(spool_path)
    spool.append([], reading.refusals)
    spool.close()


class Platform:
    """What of the platform letters meet: a spool, a loader, the web port."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.config, self.spool = folder / "config", folder / "spool.db"
        (self.config / "contracts").mkdir(parents=True)
        self.store, clock = store, SystemClock()
        catalog = load_catalog(self.config)
        payloads = PayloadReader(self.spool)
        refuse(self.spool, catalog)
        self.loader = Loader(store, self.spool, catalog, clock, lambda *_: "")
        self.loader.start()
        assert self.loader.drain()
        (self.config / "contracts" / "lab.yaml").write_text(json.dumps(CONTRACTS))
        web = create_web(
            store,
            catalog,
            Settings(),
            clock,
            status_source=CollectorStatus,
            payload_reader=lambda id_: kept.content if (kept := payloads.get(id_)) else None,
            letter_desk=LetterDesk(self.spool, LiveContracts(self.config, catalog).reader, clock),
        )
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(web, log_level="warning", lifespan="off"))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )
        self._thread.start()
        while not self._server.started:
            time.sleep(0.02)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self.loader.stop(drain=False)

    def run(self, *words: str) -> tuple[int, str]:
        command = ["dead-letters", *words, "--url", self.url]
        result = CliRunner().invoke(suture, command, catch_exceptions=False)
        return result.exit_code, result.output

    def listed(self, *words: str) -> list[dict[str, Any]]:
        code, output = self.run("list", "--json", *words)
        assert code == 0
        return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


@pytest.fixture
def platform(store: Store, tmp_path: Path) -> Iterator[Platform]:
    made = Platform(store, tmp_path)
    yield made
    made.close()


def test_from_an_unknown_type_to_milestones_by_the_command_line(platform: Platform) -> None:
    assert len(platform.listed("--type", TYPES[0])) == 3
    (group,) = platform.listed("--by", "type", "--type", TYPES[0])
    assert (group["value"], group["letters"]) == (TYPES[0], 3)
    code, told = platform.run("list", "--by", "type")
    assert code == 0
    assert [line.lstrip().split("  ")[0] for line in told.splitlines()] == ["3 letters", "1 letter"]
    assert len(platform.listed("--from", "2020-01-01")) == len(platform.listed())
    assert platform.listed("--to", "2020-01-01") == []

    first = platform.listed("--limit", "1", "--type", TYPES[0])[0]
    code, payload = platform.run("show", first["id"], "--payload")
    assert (code, json.loads(payload)["type"]) == (0, TYPES[0])

    code, told = platform.run("replay", "--type", TYPES[0], "--actor", "ada", "--comment", "mapped")
    assert (code, told.splitlines()[0]) == (0, "3 replayed")
    assert platform.loader.drain()
    found = platform.store.rows("SELECT id FROM milestones ORDER BY id")
    assert [row["id"] for row in found] == ["0", "1", "2"]
    # Whoever acts reads at once what the act did.
    assert {one["state"] for one in platform.listed("--type", TYPES[0], "--state", "any")} == {
        "replayed"
    }
    code, told = platform.run("show", first["id"])
    assert "replayed by ada  mapped" in told

    code, told = platform.run("replay", "--all")
    assert code == 1
    assert told.startswith("0 replayed, 1 refused again")
    assert "objects: none of data.number gives an object" in told
    (left,) = platform.listed()
    assert (left["count"], left["owner"], left["state"]) == (2, "lab", "open")

    code, told = platform.run("discard", left["id"])
    assert (code, told) == (0, "1 discarded\n")
    assert platform.listed() == []


def test_nothing_is_acted_on_without_being_named(platform: Platform) -> None:
    result = CliRunner().invoke(suture, ["dead-letters", "discard", "--url", platform.url])
    assert result.exit_code == 2
    result = CliRunner().invoke(
        suture, ["dead-letters", "show", "nothing", "--url", platform.url], catch_exceptions=True
    )
    assert "There is no dead letter 'nothing'" in str(result.exception)
    assert len(platform.listed()) == 4


def test_what_was_sent_is_for_those_who_may_act(platform: Platform) -> None:
    letter = DeadLetterReader(platform.store).page(EVERYTHING, limit=1)[0]
    read = PayloadReader(platform.spool)

    def payload(id_: str) -> bytes | None:
        kept = read.get(id_)
        return kept.content if kept else None

    scopes = {Scope.READ: None, Scope.OPERATE: "text", Scope.ADMIN: "text"}
    for scope, encoding in scopes.items():
        caller = Caller(id="k", name="k", scopes=frozenset({scope}))
        with callers.calling(caller):
            shape = _shape(letter, payload, 1 << 20)
        assert shape.payload_encoding == encoding
        assert (shape.payload is None) == (encoding is None)
        assert shape.preview.startswith('{"specversion"')


def test_binary_payloads_are_shown_as_base64(platform: Platform) -> None:
    letter = DeadLetterReader(platform.store).page(EVERYTHING, limit=1)[0]
    shape = _shape(letter, lambda _: b"\xff\x00", 1 << 20)
    assert shape.payload_encoding == "base64"
    assert base64.b64decode(shape.payload or "") == b"\xff\x00"


def test_without_a_running_platform_the_command_opens_the_installation(
    lone_engine_url: str, tmp_path: Path
) -> None:
    config, data = tmp_path / "config", tmp_path / "data"
    (config / "contracts").mkdir(parents=True)
    data.mkdir()
    refuse(data / "spool.db", load_catalog(config))
    where = [f"--config={config}", f"--data={data}", f"--store={lone_engine_url}"]

    def run(*words: str) -> tuple[int, str]:
        command = ["dead-letters", *words, *where]
        result = CliRunner().invoke(suture, command, catch_exceptions=False)
        return result.exit_code, result.output

    code, told = run("list", "--by", "type")
    assert code == 0
    assert TYPES[0] in told
    (config / "contracts" / "lab.yaml").write_text(json.dumps(CONTRACTS))
    code, told = run("replay", "--type", TYPES[0])
    assert "3 replayed" in told
    assert code == 0
    with Store(lone_engine_url, readers=1) as store:
        assert len(store.rows("SELECT DISTINCT id FROM milestones")) == 3
