"""Map, variants and conformance of random instances, against a plain computation."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from views_oracle import (
    Case,
    directly_follows,
    fits,
    median_and_p95,
    milestones,
    percentile,
    variants,
)

from suture.clock import to_micros
from suture.contracts.process import InstanceStatus
from suture.definitions.catalog import load_catalog
from suture.definitions.process import Completion, ProcessDefinition
from suture.store.engine import Store
from suture.store.reading.conformance import Conformance, ConformanceReader, milestones_of
from suture.store.reading.views import Took, ViewFilter, ViewReader

pytestmark = pytest.mark.store

HEALTHCARE = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare"
PROCESS = load_catalog(HEALTHCARE).processes["requisition_to_fulfilment"]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EXPECTED = ["supply_requested", "requisition_created", "requisition_approved",
            "purchase_order_created", "purchase_order_sent", "order_confirmed", "goods_shipped",
            "goods_received"]  # fmt: skip
ALL = ViewFilter(environment="production", process=PROCESS.process)


@dataclass(frozen=True, kw_only=True)
class Told:
    """An instance as it was written."""

    anchor: str
    case: Case
    started_at: datetime
    status: str
    facility: str | None


def _stories(dice: random.Random) -> Iterator[Told]:
    """Random walks around the declared order: gaps, swaps, repeats, attempts, equal times."""
    names = list(PROCESS.milestone_names)
    for number in range(400):
        course = [n for n in EXPECTED if dice.random() < 0.93][: dice.choice((3, 5, 8, 8, 8))]
        for _ in range(dice.choice((0, 0, 0, 1, 2))):
            course.insert(dice.randrange(len(course) + 1), dice.choice(names))
        if len(course) > 1 and dice.random() < 0.2:
            at = dice.randrange(len(course) - 1)
            course[at], course[at + 1] = course[at + 1], course[at]
        at = NOW - timedelta(days=40) + timedelta(hours=2 * number)
        case = []
        for name in course or ["requisition_created"]:
            at += timedelta(microseconds=dice.choice((0, 1, 17, dice.randrange(90_000_000_000))))
            case.append((name, to_micros(at), dice.random() > 0.08))
        yield Told(
            anchor=f"production|requisition||R-{number}",
            case=case,
            started_at=NOW - timedelta(days=40) + timedelta(hours=2 * number),
            status=dice.choice(("open", "completed", "ended", "stalled")),
            facility=dice.choice(("west", "east", "")) or None,
        )


def _row(told: Told, *, begun: bool) -> dict[str, Any]:
    _, type_, _, id_ = told.anchor.split("|")
    soon = NOW + timedelta(days=1 if told.status == "open" else -1)
    return {
        "environment": "production", "process": PROCESS.process, "process_version": 1,
        "anchor": told.anchor, "anchor_type": type_, "anchor_scope": "", "anchor_id": id_,
        "status": "open" if told.status == "stalled" else told.status,
        "started_at": told.started_at, "start_inferred": not begun, "last_at": told.started_at,
        "ended_at": None, "stall_at": soon, "last_milestone": told.case[-1][0],
        "facets": {"facility": told.facility} if told.facility else {}, "facet_history": "{}",
        "money": None, "objects": [], "trace_ids": [], "members_count": len(told.case),
        "path": [name for name, _, _ in told.case],
        "path_times": [datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at)
                       for _, at, _ in told.case],
        "path_reached": [int(ok) for _, _, ok in told.case],
        "milestone_times": {}, "attempt_times": {}, "removed": 0, "change": 1,
    }  # fmt: skip


@pytest.fixture(scope="module")
def stories() -> list[Told]:
    return list(_stories(random.Random(11)))


@pytest.fixture(scope="module")
def filled(kept_store: Store, stories: list[Told]) -> Store:
    """The instances, with what must not count: removed, replaced, elsewhere."""
    begun = [any(n == "requisition_created" and ok for n, _, ok in t.case) for t in stories]
    rows = [_row(told, begun=b) for told, b in zip(stories, begun, strict=True)]
    stale = [{**row, "path": [], "path_times": [], "path_reached": []} for row in rows[:50]]
    kept_store.insert("instances", [{**row, "change": 0} for row in stale])
    kept_store.insert("instances", rows)
    strange = [
        {**rows[0], "environment": "test"},
        {**rows[0], "process": "another"},
        {**rows[0], "anchor": "production|requisition||GONE", "removed": 1},
    ]
    kept_store.insert("instances", strange)
    return kept_store


def _inside(**given: Any) -> tuple[ViewFilter, Callable[[Told], bool]]:
    """A filter, and the same as a question about one instance."""
    wanted = ViewFilter(environment="production", process=PROCESS.process, **given)

    def holds(told: Told) -> bool:
        return (
            (wanted.status is None or told.status == wanted.status.value)
            and (wanted.started_from is None or told.started_at >= wanted.started_from)
            and (wanted.started_to is None or told.started_at < wanted.started_to)
            and wanted.facets.get("facility", told.facility) == told.facility
        )

    return wanted, holds


FILTERS = [
    {},
    {"status": InstanceStatus.STALLED},
    {"facets": {"facility": "west"}},
    # Bounds that are starts themselves: from is inside, to is not.
    {"started_from": NOW - timedelta(days=30), "started_to": NOW - timedelta(days=20)},
]


def both(took: Took | None) -> tuple[float, float] | None:
    return (took.median_micros, took.p95_micros) if took else None


@pytest.mark.parametrize("given", FILTERS, ids=str)
def test_the_map_is_what_a_plain_count_gives(
    filled: Store, stories: list[Told], given: dict[str, Any]
) -> None:
    wanted, holds = _inside(**given)
    cases = [told.case for told in stories if holds(told)]
    found = ViewReader(filled).map(wanted, now=NOW)
    assert found.instances == len(cases) > 20
    edges = {
        (e.from_milestone, e.to_milestone): (e.count, e.instances, e.micros, both(e.took))
        for e in found.edges
    }
    assert edges == {
        pair: (one.count, len(one.cases), sum(one.times), _rounded(median_and_p95(one.times)))
        for pair, one in directly_follows(cases).items()
    }
    nodes = {
        n.milestone: (n.count, n.instances, n.attempts, n.median_place, both(n.next))
        for n in found.nodes
    }
    assert nodes == {
        name: (
            one["count"],
            len(one["cases"]),
            one["attempts"],
            percentile(one["places"], 0.5),
            _rounded(median_and_p95(one["next"])),
        )
        for name, one in milestones(cases).items()
    }
    assert [e.count for e in found.edges] == sorted((e.count for e in found.edges), reverse=True)
    few = ViewReader(filled).map(wanted, now=NOW, limit=3)
    assert (few.edges, few.edges_total) == (found.edges[:3], len(found.edges))
    assert (few.instances, few.nodes) == (found.instances, found.nodes)


def _rounded(pair: tuple[float, float] | None) -> Any:
    return pytest.approx(pair, rel=1e-12) if pair else None


@pytest.mark.parametrize("given", FILTERS, ids=str)
def test_variants_are_the_different_sequences(
    filled: Store, stories: list[Told], given: dict[str, Any]
) -> None:
    wanted, holds = _inside(**given)
    chosen = [told for told in stories if holds(told)]
    reader, pages, after = ViewReader(filled), [], None
    while not pages or pages[-1].items:
        pages.append(reader.variants(wanted, now=NOW, limit=30, after=after))
        after = pages[-1].items[-1].position if pages[-1].items else after
    items = [one for page in pages for one in page.items]
    expected = variants(told.case for told in chosen)
    assert len({one.id for one in items}) == len(items) == len(expected)
    assert (pages[0].variants, pages[0].instances) == (len(expected), len(chosen))
    assert {one.milestones: (one.count, both(one.took), one.attempted) for one in items} == {
        names: (
            len(cases),
            _rounded(median_and_p95([case[-1][1] - case[0][1] for case in cases])),
            sum(any(not ok for _, _, ok in case) for case in cases),
        )
        for names, cases in expected.items()
    }
    assert [one.position for one in items] == sorted(
        (one.position for one in items), key=lambda p: (-p[0], p[1])
    )
    for one in items[:20]:
        same = [t for t in chosen if tuple(n for n, _, _ in t.case) == one.milestones]
        latest = sorted(same, key=lambda t: t.started_at, reverse=True)[:3]
        assert [key.encode() for key in one.examples] == [t.anchor for t in latest]
        statuses = Counter(told.status for told in same)
        assert {s.value: n for s, n in one.statuses.items() if n} == statuses


def _told_by(found: Conformance) -> dict[str, Any]:
    names = ("instances", "conforming", "skipped", "out_of_order", "start_inferred", "repeated",
             "attempted")  # fmt: skip
    return {name: getattr(found, name) for name in names} | {"fitness": found.fitness}


def _expected(
    cases: list[Case], *, starts: tuple[str, ...], awaited: str | None = None
) -> tuple[dict[str, Any], list[Any]]:
    every = [fits(case, EXPECTED, starts, awaited) for case in cases]
    bad = ("skipped", "out_of_order", "start_inferred", "repeated")
    fitness = [one["fitness"] for one in every if one["fitness"] is not None]
    return {
        "instances": len(every),
        "conforming": sum(not any(one[name] for name in bad) for one in every),
        **{name: sum(bool(one[name]) for one in every) for name in (*bad, "attempted")},
        "fitness": pytest.approx(sum(fitness) / len(fitness)),
    }, every


@pytest.mark.parametrize("given", FILTERS, ids=str)
def test_conformance_is_what_a_plain_comparison_gives(
    filled: Store, stories: list[Told], given: dict[str, Any]
) -> None:
    wanted, holds = _inside(**given)
    cases = [told.case for told in stories if holds(told)]
    found = ConformanceReader(filled).total(wanted, [PROCESS], now=NOW)
    expected, every = _expected(cases, starts=("requisition_created",))
    assert _told_by(found) == expected
    assert [one.milestone for one in found.milestones if one.expected] == EXPECTED
    for one in found.milestones:
        name = one.milestone
        assert one.reached == sum(name in e["reached"] for e in every)
        assert one.skipped == sum(name in e["skipped"] for e in every)
        assert one.out_of_order == sum(name in e["out_of_order"] for e in every)
        assert one.repeated == sum(name in e["repeats"] for e in every)
        assert one.repeats == sum(e["repeats"].get(name, 0) for e in every)
        assert one.attempts == sum(n == name and not ok for case in cases for n, _, ok in case)


def test_conformance_by_facet_and_period_adds_up(filled: Store, stories: list[Told]) -> None:
    def monday(told: Told) -> str:
        return f"{told.started_at - timedelta(days=told.started_at.weekday()):%Y-%m-%d}"

    reader = ConformanceReader(filled)
    total, found = reader.split(ALL, [PROCESS], ["facet.facility", "week"], now=NOW, limit=1000)
    every = [told.case for told in stories]
    assert _told_by(total) == _expected(every, starts=("requisition_created",))[0]
    groups: dict[tuple[str | None, str], list[Case]] = {}
    for told in stories:
        groups.setdefault((told.facility, monday(told)), []).append(told.case)
    assert {(g.by["facility"], g.by["week"]): _told_by(g) for g in found} == {
        key: _expected(cases, starts=("requisition_created",))[0] for key, cases in groups.items()
    }
    weeks = [group.by["week"] for group in found]
    assert weeks == sorted(weeks, key=str)
    _, days = reader.split(ALL, [PROCESS], ["day"], now=NOW, limit=1000)
    assert sum(group.instances for group in days) == len(stories)
    _, months = reader.split(ALL, [PROCESS], ["month"], now=NOW, limit=1000)
    assert {group.by["month"] for group in months} == {
        f"{told.started_at:%Y-%m}-01" for told in stories
    }


def test_alternative_starts_and_awaited_completions_are_no_deviation(
    filled: Store, stories: list[Told]
) -> None:
    """One of several starts is enough; what is awaited several times may come several times."""
    loose: ProcessDefinition = PROCESS.model_copy(
        update={
            "starts_with": ("supply_requested", "requisition_created", "requisition_resubmitted"),
            "completes_with": Completion(milestone="goods_received", occurrence="last", expect=2),
        }
    )
    cases = [told.case for told in stories]
    found = ConformanceReader(filled).total(ALL, [loose], now=NOW)
    expected, _ = _expected(cases, starts=loose.starts_with, awaited="goods_received")
    # Whether the start is inferred stands in the instance, which was made by the other definition.
    del expected["start_inferred"], expected["conforming"]
    assert {name: _told_by(found)[name] for name in expected} == expected


def _versions() -> list[ProcessDefinition]:
    """A first version without the last step but one, and the present one behind it."""
    fewer = [m for m in PROCESS.milestones if m.name != "goods_shipped"]
    old = fewer[0].model_copy(update={"name": "paper_form_filed"})
    first = PROCESS.model_copy(
        update={"milestones": (fewer[0], old, *fewer[1:]), "starts_with": ("supply_requested",)}
    )
    second = PROCESS.model_copy(update={"version": 2, "effective_from": date(2026, 11, 1)})
    return [first, second]


def test_each_instance_is_held_against_its_own_version(store: Store, stories: list[Told]) -> None:
    first, second = _versions()
    rows = [_row(told, begun=True) for told in stories]
    versions = {t.anchor: 1 + (n % 3 == 0) for n, t in enumerate(stories)}
    held = [{**row, "process_version": versions[row["anchor"]]} for row in rows]
    store.insert("instances", held)
    reader = ConformanceReader(store)
    total = reader.total(ALL, [first, second], now=NOW)
    _, groups = reader.split(ALL, [first, second], ["version"], now=NOW, limit=5)
    # Whoever belongs to a version that is declared no more is held against the newest.
    newest = reader.total(ALL, [second], now=NOW)
    every = {}
    for number, version in ((1, first), (2, second)):
        cases = [told.case for told in stories if versions[told.anchor] == number]
        every[number] = [
            fits(case, version.expected_milestones, version.starts_with, None) for case in cases
        ]
    together = [*every[1], *every[2]]
    for found, fitting in (
        (total, together),
        *((g, every[int(str(g.by["version"]))]) for g in groups),
    ):
        assert found.instances == len(fitting)
        for name in ("skipped", "out_of_order", "repeated"):
            assert getattr(found, name) == sum(bool(one[name]) for one in fitting)
        rated = [one["fitness"] for one in fitting if one["fitness"] is not None]
        assert found.fitness == pytest.approx(sum(rated) / len(rated))
        for one in found.milestones:
            assert one.skipped == sum(one.milestone in e["skipped"] for e in fitting)
    assert total.versions == {n: len(fitting) for n, fitting in every.items()}
    assert {str(g.by["version"]): g.versions for g in groups} == {
        "1": {1: len(every[1])}, "2": {2: len(every[2])}
    }  # fmt: skip
    assert {one.milestone for one in total.milestones if one.expected} == {
        *EXPECTED, "paper_form_filed"
    }  # fmt: skip
    anew = [
        fits(told.case, second.expected_milestones, second.starts_with, None) for told in stories
    ]
    assert newest.skipped == sum(bool(one["skipped"]) for one in anew)
    assert total.skipped != newest.skipped


def test_milestones_of_versions_stand_where_they_stood() -> None:
    names = list(milestones_of(_versions()))
    assert set(names) == {*PROCESS.milestone_names, "paper_form_filed"}
    assert [n for n in names if n != "paper_form_filed"] == list(PROCESS.milestone_names)
    assert names.index("paper_form_filed") == 1


def test_what_ends_early_is_not_expected() -> None:
    moved = PROCESS.model_copy(update={"ends_with": ("purchase_order_sent",)})
    assert PROCESS.expected_milestones == tuple(EXPECTED)
    assert "purchase_order_sent" not in moved.expected_milestones


def test_nothing_gives_nothing(filled: Store) -> None:
    nobody = ViewFilter(environment="nowhere", process=PROCESS.process)
    assert ViewReader(filled).map(nobody, now=NOW).instances == 0
    assert ViewReader(filled).variants(nobody, now=NOW, limit=5).items == ()
    found = ConformanceReader(filled).total(nobody, [PROCESS], now=NOW)
    assert (found.instances, found.fitness) == (0, None)
    assert ConformanceReader(filled).split(nobody, [PROCESS], ["day"], now=NOW, limit=5) == (
        found,
        [],
    )


def test_an_answer_adds_up_since_it_is_read_in_one_statement(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, asked = filled.rows, []

    def counting(sql: str, *arguments: Any) -> Any:
        asked.append(sql)
        return rows(sql, *arguments)

    monkeypatch.setattr(filled, "rows", counting)
    drawn = ViewReader(filled).map(ALL, now=NOW, limit=3)
    assert len(asked) == 1
    assert (len(drawn.edges), drawn.edges_total > 3) == (3, True)
    for by in ([], ["version"], ["facet.facility", "week"]):
        asked.clear()
        total, groups = ConformanceReader(filled).split(ALL, [PROCESS], by, now=NOW, limit=1000)
        assert len(asked) == 1
        assert sum(group.instances for group in groups) == (total.instances if by else 0)
    few = ConformanceReader(filled).split(ALL, [PROCESS], ["day"], now=NOW, limit=2)[1]
    assert len(few) == 2
