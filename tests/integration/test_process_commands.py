"""`suture process`: what it prints is what the readers find."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from table_writer import Writer, key

from suture.app.cli import suture
from suture.app.commands import looking
from suture.store.engine import Store

pytestmark = pytest.mark.store

PROCESS = "requisition_to_fulfilment"
BEGUN = datetime(2026, 11, 2, 8, tzinfo=UTC)
STEPS = ("requisition_created", "requisition_approved", "purchase_order_created")


@pytest.fixture(scope="module")
def filled(kept_store: Store) -> Store:
    """Three instances: two the same, one that swaps milestones and lacks one."""
    write = Writer(kept_store)
    for number, steps in enumerate((STEPS, STEPS, (STEPS[2], STEPS[0]))):
        at = BEGUN + timedelta(days=number)
        write.instance(
            PROCESS,
            key("requisition", f"R-{number}"),
            at,
            facets={"facility": "east" if number else "west"},
            path=list(steps),
            path_times=[at + timedelta(hours=n) for n in range(len(steps))],
            path_reached=[1] * len(steps),
        )
    return kept_store


@pytest.fixture
def said(filled: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command over these instances, whatever installation it would open."""
    monkeypatch.setattr(looking, "open_store", lambda settings, **_: nullcontext(filled))

    def run(*words: str) -> Result:
        return CliRunner().invoke(suture, ["process", *words])

    return run


def _lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def test_the_map(said: Any) -> None:
    edges = _lines(said("map", PROCESS, "--json"))
    assert {(e["from"], e["to"]): (e["count"], e["median_seconds"]) for e in edges} == {
        (None, STEPS[0]): (2, None),
        (None, STEPS[2]): (1, None),
        (STEPS[0], STEPS[1]): (2, 3600.0),
        (STEPS[1], STEPS[2]): (2, 3600.0),
        (STEPS[2], STEPS[0]): (1, 3600.0),
        (STEPS[2], None): (2, None),
        (STEPS[0], None): (1, None),
    }
    table = said("map", PROCESS, "--limit", "1").stdout
    assert "requisition_created" in table
    assert "1 h" in said("map", PROCESS).stdout


def test_variants_under_filters(said: Any) -> None:
    (east, west) = _lines(said("variants", PROCESS, "--json", "--facet", "facility=east"))
    assert {len(east["milestones"]), len(west["milestones"])} == {2, 3}
    (one,) = _lines(said("variants", PROCESS, "--json", "--to", "2026-11-03T08:00:00Z"))
    assert (one["count"], one["share"]) == (1, 1.0)
    between = ("--from", "2026-11-03", "--to", "2026-11-04")
    (one,) = _lines(said("variants", PROCESS, "--json", *between))
    assert (one["count"], one["milestones"]) == (1, list(STEPS))
    table = said("variants", PROCESS, "--limit", "1").stdout
    assert "66.7%" in table
    assert table.endswith("and 1 rarer variant\n")


def test_conformance(said: Any) -> None:
    west, east, total = sorted(
        _lines(said("conformance", PROCESS, "--json", "--by", "facet.facility")),
        key=lambda group: group["instances"],
    )
    assert (west["by"], east["by"], total["by"]) == ({"facility": "west"}, {"facility": "east"}, {})
    assert (total["instances"], total["out_of_order"], total["skipped"]) == (3, 1, 3)
    assert "west" in said("conformance", PROCESS, "--by", "facet.facility").stdout


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("map", "nothing"), "There is no process"),
        (("map", PROCESS, "--from", "yesterday"), "from: "),
        (("variants", PROCESS, "--limit", "0"), "limit: "),
        (("variants", PROCESS, "--facet", "facility"), "NAME=VALUE"),
        (("variants", PROCESS, "--facet", "colour=red"), "facet.colour"),
        (("conformance", PROCESS, "--by", "colour"), "by: "),
    ],
)
def test_what_makes_no_sense_is_said(said: Any, words: tuple[str, ...], names: str) -> None:
    result = said(*words)
    assert result.exit_code != 0
    assert names in str(result.exception)
