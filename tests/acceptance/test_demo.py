"""The demonstration: what was injected is found, nothing else is, and all of it can be seen."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.store

PROCESSES = ("requisition_to_fulfilment", "procedure_schedule_to_staffing")


def _truth(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.endswith("}")]


def _breaches(platform: Any) -> set[tuple[str, str]]:
    found = set()
    for sla in platform.get("/slas")["items"]:
        for verdict in platform.all(f"/slas/{sla['sla']}/verdicts", state="breached"):
            found.add((sla["sla"], verdict["anchor"]["id"]))
    return found


def _alerts(platform: Any) -> set[tuple[str, str]]:
    return {(alert["sla"], alert["anchor"]["id"]) for alert in platform.all("/alerts")}


def test_every_fault_that_should_breach_has_its_verdict_and_no_breach_is_without_a_fault(
    launch: Any, tmp_path: Path
) -> None:
    truth_file = tmp_path / "truth.jsonl"
    started = time.monotonic()
    platform = launch("demo", f"--truth={truth_file}", "--history=3d")
    assert time.monotonic() - started < 45

    def both_processes_live() -> bool:
        counts = {p["process"]: p["counts"] for p in platform.get("/processes")["items"]}
        return all(counts[p]["completed"] > 80 and counts[p]["open"] > 0 for p in PROCESSES)

    def caught_up() -> bool:
        # Not to ask for everything again and again while the history is still coming in.
        stages = {s["stage"]: s["lag_seconds"] for s in platform.get("/status")["stages"]}
        return max(stages[name] for name in ("collector", "correlator", "alerting")) < 15

    platform.wait(both_processes_live, seconds=180, what="both processes live")
    platform.wait(caught_up, seconds=180, what="caught up")
    now = datetime.now(UTC)
    due = [
        line
        for line in _truth(truth_file)
        if line["should_breach"] and datetime.fromisoformat(line["expected_breach_at"]) < now
    ]
    expected = {(line["sla"], line["anchor"]["id"]) for line in due}
    assert len({line["fault"] for line in due}) == 6, "not every kind of fault is due"

    # It goes on living meanwhile, so it need not be still at any moment. While the history is being
    # worked in, what has not come yet counts as late.
    deadline = time.monotonic() + 180
    while True:
        found = _breaches(platform)
        injected = {(line["sla"], line["anchor"]["id"]) for line in _truth(truth_file)}
        missing, unfounded = expected - found, found - injected
        if not missing and not unfounded and not expected - _alerts(platform):
            break
        assert time.monotonic() < deadline, (missing, unfounded, expected - _alerts(platform))
        time.sleep(3)
