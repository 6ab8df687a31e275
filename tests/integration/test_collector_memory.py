"""What large requests took is given back once they are answered."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from doors import Door
from fuzz_sender import settled_mib

JSON = {"content-type": "application/json"}
LARGE, AT_ONCE, ROUNDS = 8 << 20, 4, 3
KEPT_MIB = 32
"""Code that is loaded on the way, threads, and what the C library has to spare."""


def body(size: int) -> bytes:
    """A trace request of `size` bytes in JSON that names very many things, and is refused."""
    attribute = {"key": "k" * 40, "value": {"stringValue": "v" * 100}}
    many = json.dumps([attribute] * (size // len(json.dumps(attribute))))
    return f'{{"resourceSpans":[{{"resource":{{"attributes":{many}}}}},7]}}'.encode()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much a process holds")
def test_large_bodies_leave_nothing_behind(tmp_path: Path) -> None:
    door = Door(tmp_path)
    try:
        assert door.post("/v1/traces", b"{}", JSON)[0] == 200
        before, large = settled_mib(door), body(LARGE)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in range(ROUNDS):
                answers = pool.map(lambda b: door.post("/v1/traces", b, JSON), [large] * AT_ONCE)
                assert [status for status, _ in answers] == [400] * AT_ONCE
        assert settled_mib(door) - before < KEPT_MIB
    finally:
        door.process.stop()
