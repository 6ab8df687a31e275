"""What an import has judged: whole cases, wherever their events stand in the file."""

from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner

from collector.files import delimited
from suture.app import stages
from suture.app.commands import importing
from suture.store.engine import Store

pytestmark = pytest.mark.store

HEALTHCARE = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare"
MAPPING = """
source: /import/far-apart
case: case
milestone: step
time: when
objects: {purchase_order_item: case}
"""
CASES = 60


def test_nothing_is_judged_by_a_part_of_its_events(
    tmp_path: Path, lone_engine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = [f"C-{n},purchase_order_item_created,2019-01-01T00:00:00Z" for n in range(CASES)]
    done = [f"C-{n},invoice_cleared,2019-01-09T00:00:00Z" for n in range(CASES)]
    (tmp_path / "log.csv").write_text("\n".join(["case,step,when", *begun, *done]))
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    # However slow the machine: a stage has one tick of a chunk until the others have their turn.
    monkeypatch.setattr(delimited, "CHUNK_ROWS", 20)
    monkeypatch.setenv("SUTURE_CORRELATE_BATCH_EVENTS", "20")
    monkeypatch.setattr(importing, "meanwhile", lambda *_: nullcontext())
    monkeypatch.setitem(stages.work_off.__kwdefaults__, "seconds", 0.0)
    options = {
        "--map": tmp_path / "mapping.yaml",
        "--data": tmp_path / "data",
        "--store": lone_engine_url,
        "--config": HEALTHCARE,
    }
    command = [str(tmp_path / "log.csv"), *(str(w) for pair in options.items() for w in pair)]
    result = CliRunner().invoke(importing.import_command, command, catch_exceptions=False)
    assert (result.exit_code, f"{2 * CASES} imported" in result.stdout) == (0, True)
    with Store(lone_engine_url) as store:
        verdicts = store.rows(
            "SELECT state, count() AS n FROM verdicts"
            " WHERE sla = 'purchase-to-pay-cycle-time' GROUP BY state"
        )
        assert verdicts == [{"state": "met", "n": CASES}]
        assert store.rows("SELECT count() AS n FROM alert_events") == [{"n": 0}]
