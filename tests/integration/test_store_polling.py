"""What the stages ask again and again: about the tables they say, and never while all is quiet."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from suture.app.stages import Stages, work_off_all
from suture.contracts.milestone import Milestone
from suture.contracts.objects import ObjectRef
from suture.contracts.trace import Signal, segment_number
from suture.definitions.catalog import load_catalog
from suture.settings import Settings
from suture.store.engine import Store
from suture.store.facts import finish_segment, milestone_table, new_stream

pytestmark = pytest.mark.store

HEALTHCARE = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare"
NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@pytest.fixture
def stages(any_store: Store) -> Iterator[Stages]:
    made = Stages(any_store, load_catalog(HEALTHCARE), Settings())
    yield made
    made.close()


@pytest.fixture
def asked(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every query since, by its text."""
    queries: list[str] = []
    rows = any_store.rows

    def noting(sql: str, *rest: Any) -> Any:
        queries.append(sql)
        return rows(sql, *rest)

    monkeypatch.setattr(any_store, "rows", noting)
    return queries


def a_requisition(store: Store, number: int) -> None:
    event = Milestone(
        source="/portal",
        id=f"e-{number}",
        milestone="requisition_created",
        occurred_at=NOW - timedelta(minutes=5),
        objects=(ObjectRef(type="requisition", id=f"R-{number}"),),
    )
    segment = segment_number(new_stream(), 1)
    store.insert_arrow("milestones", milestone_table([event], segment=segment, recorded_at=NOW))
    finish_segment(store, segment=segment, signal=Signal.MILESTONES, rows=1, finished_at=NOW)


def every_stage(stages: Stages, at: datetime) -> None:
    work_off_all(stages.chain, lambda: at)
    stages.deliver(at)
    stages.cover(at)
    stages.attribute(at)


def instances(store: Store) -> int:
    return int(store.rows("SELECT uniqExact(anchor) AS n FROM instances")[0]["n"])


def test_while_all_is_quiet_an_embedded_store_is_asked_nothing(
    any_store: Store, stages: Stages, asked: list[str]
) -> None:
    a_requisition(any_store, 1)
    for second in range(3):
        every_stage(stages, NOW + timedelta(seconds=second))
    del asked[:]
    every_stage(stages, NOW + timedelta(seconds=3.5))
    if any_store.embedded:
        assert asked == []
    else:
        assert len(asked) >= 5

    # And as soon as there is something, it is seen.
    a_requisition(any_store, 2)
    every_stage(stages, NOW + timedelta(seconds=4))
    assert instances(any_store) == 2


def test_what_is_polled_is_read_from_the_tables_that_are_named(
    any_store: Store, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    polled: dict[str, set[str]] = {}
    poll = any_store.poll

    def noting(sql: str, *rest: Any, of: list[str]) -> Any:
        polled[sql] = set(of)
        return poll(sql, *rest, of=of)

    monkeypatch.setattr(any_store, "poll", noting)
    a_requisition(any_store, 1)
    for second in range(15):
        every_stage(stages, NOW + timedelta(seconds=second))
    assert len(polled) >= 8
    for sql, tables in polled.items():
        code = re.sub(r"--[^\n]*", "", sql)
        assert set(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", code)) == tables
        # Nor may the answer change by itself.
        assert not re.search(r"\b(now\w*|today|rand\w*)\(", code)
