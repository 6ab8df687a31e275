"""Event logs through the command line, seen through the API, against the file itself."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from event_log_generator import case_log, write_ocel, write_xes
from event_log_oracle import (
    LogEvent,
    ObjectEvent,
    by_case,
    cycle_times,
    look_alikes,
    reach,
    read_ocel,
    read_xes,
)
from views_oracle import directly_follows, fits, median_and_p95, milestones, variants

from collector.files.mapping import read_mapping
from suture.definitions.catalog import load_catalog

pytestmark = pytest.mark.store

Suture = Callable[..., "subprocess.CompletedProcess[str]"]

MAPPINGS = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare" / "mappings"
BPI = "bpi-challenge-2019-one-trace-per-variant.xes.gz"
STARTS = ("Create Purchase Requisition Item", "SRM: Created", "Create Purchase Order Item")
ALLOWED = timedelta(days=120)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _expected_verdicts(events: list[LogEvent], now: datetime) -> dict[str, tuple[str, Any, Any]]:
    """Per case: the state, when it began, when it was complete. All cases began long ago."""
    expected = {}
    found = cycle_times(events, starts=STARTS, completes="Clear Invoice")
    for case, (begun, done) in found.items():
        deadline = begun + ALLOWED
        if done is not None:
            state = "met" if done <= deadline else "breached"
        elif now > deadline:
            state = "breached"
        else:
            state = "at_risk" if now >= begun + ALLOWED * 0.75 else "pending"
        expected[case] = (state, begun, done)
    return expected


def _shown_verdicts(platform: Any) -> dict[str, tuple[str, Any, Any]]:
    rows = platform.all("/slas/purchase-to-pay-cycle-time/verdicts")
    return {
        row["anchor"]["id"]: (
            row["state"],
            _instant(row["started_at"]),
            _instant(row["completed_at"]) if row["completed_at"] else None,
        )
        for row in rows
    }


P2P_EXPECTED = (
    "purchase_order_item_created",
    "vendor_invoice_created",
    "goods_receipt_recorded",
    "invoice_receipt_recorded",
    "invoice_cleared",
)
P2P_STARTS = (
    "purchase_requisition_item_created",
    "shopping_cart_created",
    "purchase_order_item_created",
)


def _close(pair: tuple[float, float] | None) -> Any:
    return (None, None) if pair is None else tuple(pytest.approx(p, abs=2e-6) for p in pair)


def _check_views(platform: Any, events: list[LogEvent], names: dict[str, str]) -> None:
    """Map, variants and conformance of the process against the file."""
    cases = [
        [(names[name], at.timestamp(), True) for name, at in history]
        for history in by_case(events).values()
    ]
    shown = platform.get("/processes/purchase_to_pay/map")
    assert shown["instances"] == len(cases)
    assert {
        (e["from"], e["to"]): (
            e["count"], e["instances"], (e["median_seconds"], e["p95_seconds"])
        )
        for e in shown["edges"]
    } == {
        pair: (one.count, len(one.cases), _close(median_and_p95(one.times)))
        for pair, one in directly_follows(cases).items()
    }  # fmt: skip
    assert {
        n["milestone"]: (n["count"], n["instances"], (n["median_seconds"], n["p95_seconds"]))
        for n in shown["nodes"]
    } == {
        name: (one["count"], len(one["cases"]), _close(median_and_p95(one["next"])))
        for name, one in milestones(cases).items()
    }

    sequences = variants(cases)
    # Some pages: each ranks all variants anew, and nearly every case of the real log is one.
    listed, first = platform.pages("/processes/purchase_to_pay/variants", at_most=3)
    assert (first["variants"], first["instances"]) == (len(sequences), len(cases))
    sizes = sorted(map(len, sequences.values()), reverse=True)
    assert [v["count"] for v in listed] == sizes[: 3 * platform.PAGE]
    shown = {tuple(v["milestones"]): v for v in listed}
    assert len(shown) == len(listed)
    for sequence, one in shown.items():
        same = sequences[sequence]
        took = _close(median_and_p95([case[-1][1] - case[0][1] for case in same]))
        assert (one["count"], (one["median_seconds"], one["p95_seconds"])) == (len(same), took)

    total = platform.get("/processes/purchase_to_pay/conformance")["total"]
    every = [fits(case, P2P_EXPECTED, P2P_STARTS) for case in cases]
    for category in ("skipped", "out_of_order", "repeated", "start_inferred"):
        assert total[category] == sum(bool(one[category]) for one in every), category
    fitness = [one["fitness"] for one in every if one["fitness"] is not None]
    assert total["fitness"] == pytest.approx(sum(fitness) / len(fitness))


def _check_definition(events: list[LogEvent]) -> None:
    """What the process definition says of the real log is so: where items begin and complete."""
    assert (len(events), look_alikes(events)) == (338_247, 200_163)
    process = load_catalog(MAPPINGS.parent).processes["purchase_to_pay"]
    names = read_mapping(MAPPINGS / "bpi-challenge-2019.yaml").milestone.names
    assert set(names.values()) == set(process.milestone_names)
    assert {event.name for event in events} == set(names)
    raw = {name: activity for activity, name in names.items()}
    starts = {raw[name] for name in process.starts_with}
    assert starts == set(STARTS)
    cycles = cycle_times(events, starts=starts, completes=raw[process.completes_with.milestone])
    assert len(cycles) == len({event.case for event in events if event.name in starts}) == 11_973
    assert sum(done is not None for _, done in cycles.values()) == 8_317


def test_a_purchase_to_pay_log_gives_verdicts_that_agree_with_the_file(
    suture: Suture, launch: Any, tmp_path: Path, real_data: Path | None
) -> None:
    """The real log; where it is not at hand, a generated one with the same oddities."""
    if real_data is not None:
        log = real_data / BPI
        events = read_xes(log)
        _check_definition(events)
    else:
        log = tmp_path / "log.xes"
        write_xes(case_log(11, cases=150), log)
        events = read_xes(log)
    data = tmp_path / "data"
    mapping = MAPPINGS / "bpi-challenge-2019.yaml"
    done = suture("import", log, "--map", mapping, "--data", data)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"{len(events):,} imported" in done.stdout

    platform = launch("serve", data=data)
    platform.wait_settled()
    # Names that the mapping leaves as they are belong to no process.
    named = yaml.safe_load(mapping.read_text(encoding="utf-8"))["milestone"]["names"]
    declared = [event for event in events if event.name in named]
    expected = _expected_verdicts(declared, datetime.now(UTC))
    process = platform.get("/processes/purchase_to_pay")
    counts = process["counts"]
    completed = sum(done is not None for _, _, done in expected.values())
    assert counts["completed"] == completed
    assert sum(counts.values()) == len(expected)
    assert _shown_verdicts(platform) == expected
    for item in list(expected)[:: max(1, len(expected) // 20)]:
        detail = platform.get(f"/instances/purchase_to_pay/{item}")
        order = item.partition("_")[0]
        assert _objects(detail) == {("purchase_order_item", item), ("purchase_order", order)}
    _check_views(platform, declared, named)


PATHS = {
    ("Purchase Requisition", "Purchase Order"),
    ("Purchase Order", "Invoice"),
    ("Invoice", "Payment"),
}


def test_object_centric_logs_reach_orders_invoices_and_payments(
    suture: Suture, launch: Any, tmp_path: Path, real_data: Path | None
) -> None:
    """A generated log and, where it is at hand, the standard's example beside it."""
    generated, data = tmp_path / "log.json", tmp_path / "data"
    write_ocel(generated, requisitions=1000, first=100_000)
    logs = [generated] if real_data is None else [generated, real_data / "ocel20-example.json"]
    settings = ["--map", MAPPINGS / "ocel20-example.yaml", "--data", data]
    for log in logs:
        done = suture("import", log, *settings)
        assert done.returncode == 0, done.stderr[-2000:]
    # What a second time might change would not agree with the file either.
    again = suture("import", generated, *settings)
    assert again.returncode == 0, again.stderr[-2000:]
    events = read_ocel(generated)
    assert f" {len(events):,} events read, 0 imported, {len(events):,} known" in again.stdout

    platform = launch("serve", data=data)
    platform.wait_settled()
    rows = platform.all("/instances", process="requisition_to_payment")
    reached = [reach(read_ocel(log), anchor="Purchase Requisition", paths=PATHS) for log in logs]
    assert len(reached[0]) == 1000
    assert sorted(row["anchor"]["id"] for row in rows) == sorted(
        id_ for expected in reached for id_, found in expected.items() if found.events
    )
    for expected in reached:
        for id_, found in list(expected.items())[:: max(1, len(expected) // 40)]:
            detail = platform.get(f"/instances/requisition_to_payment/{id_}")
            assert _objects(detail) == {(_type(t), i) for t, i in found.objects}
            assert sorted(m["id"] for m in detail["milestones"]) == _ids(found.events)


def _objects(detail: dict[str, Any]) -> set[tuple[str, str]]:
    return {(o["type"], o["id"]) for o in detail["objects"]}


def _type(name: str) -> str:
    return name.lower().replace(" ", "_")


def _ids(events: tuple[ObjectEvent, ...]) -> list[str]:
    return sorted(event.id for event in events)
