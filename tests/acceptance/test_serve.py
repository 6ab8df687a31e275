"""One process from the doors to the verdicts: what goes in comes out, also over a restart."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.store

Suture = Callable[..., "subprocess.CompletedProcess[str]"]
CONFIG = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare"


def _event(id_: str, milestone: str, at: datetime, *objects: tuple[str, str]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id_,
        "source": "/test",
        "type": "suture.milestone",
        "time": at.isoformat(),
        "data": {
            "milestone": milestone,
            "objects": [{"type": type_, "id": i} for type_, i in objects],
            "attributes": {"facility": "mercy-west"},
        },
    }


def _send(platform: Any, events: list[dict[str, Any]]) -> None:
    answer = platform.http.post(
        f"{platform.ready['ingest']}/v1/milestones",
        json=events,
        headers={"content-type": "application/cloudevents-batch+json"},
    )
    assert (answer.status_code, answer.json()) == (202, {"accepted": len(events)})


def _send_span(platform: Any, at: datetime, *, minutes: int, requisition: str) -> None:
    """A span of the ERP about a requisition."""
    begun = round(at.timestamp()) * 10**9
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "name": "check budget",
        "startTimeUnixNano": str(begun),
        "endTimeUnixNano": str(begun + minutes * 60 * 10**9),
        "attributes": [
            {"key": "business.object.requisition", "value": {"stringValue": requisition}}
        ],
    }
    service = {"key": "service.name", "value": {"stringValue": "erp-api"}}
    resource = {"resource": {"attributes": [service]}, "scopeSpans": [{"spans": [span]}]}
    answer = platform.http.post(
        f"{platform.ready['ingest']}/v1/traces", json={"resourceSpans": [resource]}
    )
    assert answer.status_code == 200


def test_events_become_instances_verdicts_and_alerts_and_a_restart_goes_on(
    launch: Any, tmp_path: Path
) -> None:
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20)
    requisition, order = ("requisition", "R-1"), ("purchase_order", "P-1")
    platform = launch("serve")
    _send(
        platform,
        [
            _event("1", "requisition_created", begun, requisition),
            _event("1", "requisition_created", begun, requisition),
            _event("2", "purchase_order_created", begun + timedelta(minutes=3), requisition, order),
        ],
    )
    _send_span(platform, begun + timedelta(minutes=1), minutes=1, requisition="R-1")
    platform.wait_settled()
    before = platform.get("/instances/requisition_to_fulfilment/R-1")
    assert before["status"] == "open"
    for segment in before["segments"]:
        causes = sum(round(cause["seconds"] * 1e6) for cause in segment["causes"])
        assert causes == round(segment["elapsed_seconds"] * 1e6) > 0
    causes = {c["cause"]: c["seconds"] for c in before["segments"][0]["causes"]}
    assert causes == {"downstream": 60, "unobserved": 120}
    assert [m["name"] for m in before["milestones"]] == [
        "requisition_created",
        "purchase_order_created",
    ]
    assert "breached" in {v["state"] for v in before["verdicts"]}
    alerts = platform.all("/alerts")
    assert alerts
    assert {a["state"] for a in alerts} == {"firing"}
    detail = platform.get(f"/alerts/{alerts[0]['id']}")
    assert (detail["cause"], detail["step"]) == ("unobserved", "purchase_order_created ->")

    # Accepted and at once asked to stop: what was acknowledged is worked in before it ends.
    _send(platform, [_event("3", "goods_received", begun + timedelta(hours=1), order)])
    assert platform.terminate() == 0

    platform = launch("serve")
    platform.wait_settled()
    after = platform.get("/instances/requisition_to_fulfilment/R-1")
    assert after["status"] == "completed"
    assert len(after["milestones"]) == 3
    assert platform.terminate() == 0


def test_killed_at_random_moments_it_loses_and_doubles_nothing(launch: Any, tmp_path: Path) -> None:
    begun = datetime.now(UTC) - timedelta(minutes=30)
    sent = 0
    for cycle in range(2):
        platform = launch("serve")
        for _ in range(4):
            batch = range(sent, sent + 25)
            _send(
                platform,
                [
                    _event(str(n), "requisition_created", begun, ("requisition", f"R-{n}"))
                    for n in batch
                ],
            )
            sent += 25
        time.sleep(0.4 * cycle)
        os.kill(platform.process.pid, signal.SIGKILL)
        platform.kill()
    platform = launch("serve")
    platform.wait_settled()
    rows = platform.all("/instances", process="requisition_to_fulfilment")
    assert sorted(r["anchor"]["id"] for r in rows) == sorted(f"R-{n}" for n in range(sent))
    sample = platform.get("/instances/requisition_to_fulfilment/R-7")
    assert len(sample["milestones"]) == 1


def test_it_does_not_listen_beyond_loopback_without_a_key(suture: Suture, tmp_path: Path) -> None:
    done = suture("serve", "--host", "0.0.0.0", "--data", tmp_path)
    assert done.returncode == 1
    assert "SUTURE_API_KEY" in done.stderr


@pytest.mark.parametrize("command", [("migrate",), ("keys", "create", "--name", "k")])
def test_nobody_else_may_look_into_a_data_directory_that_it_makes(
    suture: Suture, tmp_path: Path, command: tuple[str, ...]
) -> None:
    data = tmp_path / "new" / "data"
    done = suture(*command, "--data", data, *(["--scope", "read"] if "keys" in command else []))
    assert done.returncode == 0, done.stderr
    assert data.stat().st_mode & 0o777 == 0o700


def test_configuration_mistakes_are_named_with_file_entry_and_field(
    suture: Suture, tmp_path: Path
) -> None:
    (tmp_path / "slas").mkdir()
    (tmp_path / "slas" / "late.yaml").write_text(
        "sla: too-late\ntitle: t\nprocess: nowhere\nkind: completion\nwithin: 2 moons\n"
    )
    done = suture("config", "check", tmp_path)
    assert done.returncode == 1
    assert "slas/late.yaml: too-late: within: '2 moons' is not a duration" in done.stderr
    (tmp_path / "slas" / "late.yaml").write_text(
        "sla: too-late\ntitle: t\nprocess: nowhere\nkind: completion\nwithin: 2d\n"
    )
    done = suture("config", "check", tmp_path)
    assert done.returncode == 1
    assert "slas/late.yaml: too-late: process: there is no process 'nowhere'" in done.stderr


def test_a_half_written_log_loads_its_whole_traces_and_says_so(
    suture: Suture, tmp_path: Path
) -> None:
    trace = (
        '<trace><string key="concept:name" value="4500_{n}"/><event>'
        '<string key="concept:name" value="Create Purchase Order Item"/>'
        '<date key="time:timestamp" value="2018-01-02T12:53:00+00:00"/></event></trace>'
    )
    log = tmp_path / "log.xes"
    log.write_text("<log>" + trace.format(n=1) + trace.format(n=2) + trace.format(n=3)[:-60])
    mapping = CONFIG / "mappings" / "bpi-challenge-2019.yaml"
    done = suture("import", log, "--map", mapping, "--data", tmp_path / "data")
    assert done.returncode == 1
    assert "2 imported" in done.stdout
    assert "2 complete traces" in done.stderr
