"""The SLA stage on a real store: what it writes as instances and time move on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stage_doubles import (
    PROCESS,
    T0,
    Correlator,
    DyingStore,
    Killed,
    catalog,
    key,
    requisition,
    rule,
)

from sla_rules.job import SlaJob
from suture.clock import ManualClock
from suture.contracts.verdict import VerdictState, Window
from suture.store.engine import Store
from suture.store.verdicts import (
    VerdictFilter,
    attainment,
    history_of,
    verdict_counts,
    verdict_page,
    verdicts_of,
)
from suture.testing import wipe

pytestmark = pytest.mark.store

WAITING = "waiting for goods_received since 2026-11-20 08:00 UTC"

TABLES = {
    "verdicts": "environment, process, sla, anchor, decided_at",
    "verdict_states": "environment, process, sla, anchor",
    "deadlines": "due_at, environment, process, sla, anchor",
    "verdict_changes": "tick, environment, process, anchor, sla",
    "judged_rules": "sla, process",
    "cursors": "stage, stream",
}


def everything(store: Store) -> dict[str, list[dict[str, Any]]]:
    """All that the stage wrote, as readers see it."""
    return {
        table: store.rows(f"SELECT * FROM {table} FINAL ORDER BY {order}")
        for table, order in TABLES.items()
    }


def state_of(store: Store, id_: str, now: datetime) -> VerdictState | None:
    found = verdicts_of(store, environment="production", process=PROCESS, anchor=key(id_), now=now)
    return found[0].state if found else None


def reasons(store: Store, id_: str) -> list[tuple[str, str]]:
    rows = history_of(
        store, environment="production", process=PROCESS, sla="cycle-time", anchor=key(id_)
    )
    return [(verdict.state.value, verdict.reason) for verdict in rows]


def test_a_requisition_waits_is_at_risk_breaches_and_is_received_late(any_store: Store) -> None:
    store = any_store
    clock, correlator, job = ManualClock(T0), Correlator(store), SlaJob(store, catalog())
    correlator.writes(requisition("R-1"))
    for hours in range(0, 60, 6):
        clock.set(T0 + timedelta(hours=hours))
        job.tick(clock.now())
        job.tick(clock.now())
    correlator.writes(requisition("R-1", received=T0 + timedelta(days=2, hours=3)))
    job.tick(clock.now())
    assert reasons(store, "R-1") == [
        ("pending", f"{WAITING}, due 2026-11-22 08:00 UTC"),
        (
            "at_risk",
            f"{WAITING}, due 2026-11-22 08:00 UTC: 75 % of the 2 d allowed are used up",
        ),
        (
            "breached",
            f"{WAITING}, was due 2026-11-22 08:00 UTC: the 2 d allowed are used up",
        ),
        (
            "breached",
            "goods_received came 2 d 3 h after requisition_created, 3 h over the 2 d allowed",
        ),
    ]
    decided = [
        verdict.decided_at
        for verdict in history_of(
            store, environment="production", process=PROCESS, sla="cycle-time", anchor=key("R-1")
        )
    ]
    hours = [round((at - T0) / timedelta(hours=1), 6) for at in decided]
    assert hours == [0, 36, 54, 54]
    assert len(set(decided)) == 4


@pytest.mark.parametrize(
    ("micros", "state"), [(-1, "at_risk"), (0, "at_risk"), (1, "breached"), (2, "breached")]
)
def test_the_deadline_itself_is_still_in_time(store: Store, micros: int, state: str) -> None:
    Correlator(store).writes(requisition("R-1"))
    job = SlaJob(store, catalog())
    job.tick(T0)
    now = T0 + timedelta(days=2, microseconds=micros)
    job.tick(now)
    assert state_of(store, "R-1", now) == state


def test_an_import_is_judged_at_its_own_event_time(store: Store) -> None:
    old = datetime(1948, 1, 26, 22, 59, tzinfo=UTC)
    now = T0
    Correlator(store).writes(
        requisition("in-time", old, old + timedelta(days=2)),
        requisition("late", old, old + timedelta(days=2, microseconds=1)),
        requisition("never", old),
        requisition("ended", old, status="ended", ended_at=old + timedelta(days=1)),
        requisition("ended-late", old, status="ended", ended_at=old + timedelta(days=3)),
        requisition("urgent", old, old + timedelta(hours=5), facets={"priority": "urgent"}),
    )
    SlaJob(store, catalog()).tick(now)
    found = {
        v.anchor.split("|")[-1]: v for v in verdict_page(store, wanted(), now=now, limit=100).items
    }
    assert {name: v.state.value for name, v in found.items()} == {
        "in-time": "met",
        "late": "breached",
        "never": "breached",
        "ended": "cancelled",
        "ended-late": "breached",
        "urgent": "breached",
    }
    assert found["never"].deadline_at == old + timedelta(days=2)
    assert found["never"].completed_at is None
    assert found["never"].elapsed_micros == (now - old) // timedelta(microseconds=1)
    assert found["ended-late"].elapsed_micros == 3 * 86_400_000_000
    assert found["urgent"].reason == (
        "goods_received came 5 h after requisition_created,"
        " 1 h over the 4 h allowed where priority is urgent"
    )
    assert store.rows("SELECT count() AS n FROM deadlines") == [{"n": 0}]


def wanted(**changes: Any) -> VerdictFilter:
    return VerdictFilter(
        **{"environment": "production", "process": PROCESS, "sla": "cycle-time", **changes}
    )


def test_late_events_flip_verdicts_and_leave_both_rows(store: Store) -> None:
    correlator, job = Correlator(store), SlaJob(store, catalog())
    correlator.writes(requisition("R-1"))
    job.tick(T0 + timedelta(days=3))
    correlator.writes(requisition("R-1", received=T0 + timedelta(days=1)))
    job.tick(T0 + timedelta(days=4))
    assert [state for state, _ in reasons(store, "R-1")] == ["breached", "met"]
    then = verdicts_of(
        store,
        environment="production",
        process=PROCESS,
        anchor=key("R-1"),
        now=T0 + timedelta(days=9),
        as_known_at=T0 + timedelta(days=3, hours=12),
    )
    assert [(v.state, v.elapsed_micros) for v in then] == [
        (VerdictState.BREACHED, 84 * 3_600_000_000)
    ]


def test_what_no_longer_applies_is_cancelled_with_the_reason(store: Store) -> None:
    correlator, job = Correlator(store), SlaJob(store, catalog())
    correlator.writes(requisition("R-1"), requisition("R-2"), requisition("R-3"))
    job.tick(T0)
    correlator.writes(
        {**requisition("R-1"), "removed": 1},
        {**requisition("R-2"), "times": {}},
    )
    job.tick(T0 + timedelta(hours=1))
    job.tick(T0 + timedelta(hours=2))
    assert reasons(store, "R-1")[1:] == [
        ("cancelled", "the instance does not exist any more: its facts lead elsewhere now")
    ]
    assert reasons(store, "R-2")[1:] == [
        (
            "cancelled",
            "requisition_created is not reached any more, so the clock has not started",
        )
    ]
    assert [state for state, _ in reasons(store, "R-3")] == ["pending"]
    correlator.writes(requisition("R-1"))
    job.tick(T0 + timedelta(hours=3))
    assert [s for s, _ in reasons(store, "R-1")] == ["pending", "cancelled", "pending"]


def test_only_visible_changes_make_history(store: Store) -> None:
    correlator, job = Correlator(store), SlaJob(store, catalog())
    correlator.writes(requisition("R-1", facets={"facility": "mercy-west"}))
    job.tick(T0)
    correlator.writes(requisition("R-1", facets={"facility": "mercy-east"}))
    result = job.tick(T0 + timedelta(hours=1))
    assert result.verdicts == 1
    assert len(reasons(store, "R-1")) == 1
    (row,) = store.rows("SELECT facets, decided_at FROM verdict_states FINAL")
    assert row == {"facets": {"facility": "mercy-east"}, "decided_at": T0}
    correlator.writes(requisition("R-1", facets={"facility": "mercy-east"}))
    assert job.tick(T0 + timedelta(hours=2)).verdicts == 0


def test_environments_do_not_mix(store: Store) -> None:
    now = T0 + timedelta(days=1)
    Correlator(store).writes(
        requisition("R-1", received=now), requisition("R-1", environment="staging")
    )
    SlaJob(store, catalog()).tick(now)
    assert verdict_counts(store, environment="production") == {
        (PROCESS, "cycle-time"): {VerdictState.MET: 1}
    }
    assert verdict_counts(store, environment="staging") == {
        (PROCESS, "cycle-time"): {VerdictState.PENDING: 1}
    }


def test_a_changed_rule_is_held_against_everything(store: Store) -> None:
    correlator = Correlator(store)
    correlator.writes(*[requisition(f"R-{i}", received=T0 + timedelta(hours=i)) for i in range(9)])
    SlaJob(store, catalog()).tick(T0 + timedelta(days=1))
    stricter = catalog(rule(within="5h", version=2), rule(sla="other", within="1h"))
    job = SlaJob(store, stricter, page=2)
    job.tick(T0 + timedelta(days=1, hours=1))
    assert verdict_counts(store, environment="production") == {
        (PROCESS, "cycle-time"): {VerdictState.MET: 6, VerdictState.BREACHED: 3},
        (PROCESS, "other"): {VerdictState.MET: 2, VerdictState.BREACHED: 7},
    }
    before = everything(store)
    assert SlaJob(store, stricter).tick(T0 + timedelta(days=2)).instances == 0
    assert everything(store) == before
    SlaJob(store, catalog(rule(within="5h", version=2))).tick(T0 + timedelta(days=3))
    assert verdict_counts(store, environment="production")[PROCESS, "other"] == {
        VerdictState.CANCELLED: 9
    }


def test_an_instance_keeps_the_version_it_was_judged_under(store: Store) -> None:
    correlator = Correlator(store)
    correlator.writes(
        requisition("done", received=T0 + timedelta(days=1)),
        requisition("open"),
        requisition("later", T0 + timedelta(days=10)),
    )
    SlaJob(store, catalog()).tick(T0 + timedelta(days=1, hours=1))
    second = catalog(rule(version=2, effective_from="2026-11-25", within="1h"))
    SlaJob(store, second).tick(T0 + timedelta(days=11))
    now = T0 + timedelta(days=11)
    found = {v.anchor.split("|")[-1]: v for v in verdict_page(store, wanted(), now=now).items}
    assert {n: (v.state.value, v.sla_version) for n, v in found.items()} == {
        "done": ("met", 1),
        "open": ("cancelled", 1),
        "later": ("breached", 2),
    }
    assert "before version 2 of the rule took effect (2026-11-25)" in found["open"].reason


def test_a_big_backlog_is_worked_off_in_bounded_pieces(store: Store) -> None:
    correlator = Correlator(store)
    for batch in range(6):
        correlator.writes(*[requisition(f"R-{batch}-{i}") for i in range(10)])
    job = SlaJob(store, catalog(), page=4, budget=25)
    seen = []
    while not (result := job.tick(T0)).caught_up:
        seen.append((result.position, result.instances))
    assert seen == [(4, 40)]
    assert result.position == 6
    assert verdict_counts(store, environment="production") == {
        (PROCESS, "cycle-time"): {VerdictState.PENDING: 60}
    }


def test_attainment_agrees_with_its_drill_down(any_store: Store) -> None:
    store = any_store
    start = datetime(2026, 4, 1, tzinfo=UTC)
    april = Window(start=start, end=datetime(2026, 5, 1, tzinfo=UTC))
    two_days = timedelta(days=2)
    tick = timedelta(microseconds=1)
    west, east = {"facility": "west"}, {"facility": "east"}
    Correlator(store).writes(
        requisition("met-first", start - two_days, start, facets=west),
        requisition("met-before", start - two_days, start - tick, facets=west),
        requisition("met-last", april.end - two_days, april.end - tick, facets=east),
        requisition("met-after", april.end - two_days, april.end, facets=east),
        requisition("late", start, start + timedelta(days=9), facets=east),
        requisition("late-outside", april.end - timedelta(days=4), april.end + two_days),
        requisition("never", start - two_days + tick, facets=west),
        requisition("never-before", start - two_days - tick, facets=west),
        requisition("dropped", start, status="ended", ended_at=start + tick, facets=west),
    )
    now = april.end + timedelta(days=30)
    SlaJob(store, catalog()).tick(now)
    report = attainment(store, wanted(), target=0.5, window=april, by=["facility"])
    assert [(i.by["facility"], i.met, i.breached) for i in report.items] == [
        ("east", 1, 1),
        ("west", 1, 1),
    ]
    total = report.total
    assert (total.met, total.breached, total.pending, total.ratio) == (2, 2, 0, 0.5)
    assert total.budget_remaining_ratio == 0.0
    for facility, state, names in (
        ("west", VerdictState.MET, {"met-first"}),
        ("west", VerdictState.BREACHED, {"never"}),
        ("east", VerdictState.MET, {"met-last"}),
        ("east", VerdictState.BREACHED, {"late"}),
    ):
        page = verdict_page(
            store,
            wanted(window=april, facets={"facility": facility}),
            now=now,
            states={state},
        )
        assert {v.anchor.split("|")[-1] for v in page.items} == names
    empty = attainment(
        store, wanted(), target=0.5, window=Window(start=start - two_days * 9, end=start - two_days)
    )
    assert (empty.total.ratio, empty.total.budget_remaining_ratio) == (None, None)
    past = attainment(store, wanted(as_known_at=T0 - two_days * 99), target=0.5, window=april)
    assert past.total.met == 0
    known = attainment(store, wanted(as_known_at=now), target=0.5, window=april)
    assert known.total == total


def test_pages_are_complete_and_in_order(store: Store) -> None:
    count = 25
    Correlator(store).writes(
        *[requisition(f"R-{i:02d}", T0 - timedelta(hours=i // 3)) for i in range(count)]
    )
    SlaJob(store, catalog()).tick(T0)
    cursor, seen = None, []
    while True:
        page = verdict_page(store, wanted(), now=T0, limit=4, cursor=cursor)
        seen += [(v.deadline_at, v.anchor) for v in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert len(seen) == count
    assert seen == sorted(seen, reverse=True)


def _first_day(correlator: Correlator, ticks: "Ticks") -> None:
    correlator.writes(*[requisition(f"R-{i}") for i in range(6)])
    ticks.at(T0)


def _second_day(correlator: Correlator) -> None:
    correlator.writes(
        requisition("R-0", received=T0 + timedelta(days=1)),
        requisition("R-1", received=T0 + timedelta(days=2, hours=1)),
        {**requisition("R-2"), "removed": 1},
        requisition("R-3", facets={"priority": "urgent"}),
        requisition("R-9", T0 + timedelta(days=2)),
    )


class Ticks:
    """Runs ticks, with a store that dies where told to."""

    def __init__(self, store: Store, **options: int) -> None:
        self.store = store
        self.options = options

    def at(self, now: datetime, *, dying_after: int | None = None) -> bool:
        """Whether the tick was cut off."""
        store: Any = self.store if dying_after is None else DyingStore(self.store, dying_after)
        try:
            SlaJob(store, catalog(), **self.options).tick(now)
        except Killed:
            return True
        return False


def _story(store: Store, **options: int) -> Ticks:
    """Ticks over a fresh story: the first day judged, the second one waiting."""
    wipe(store)
    ticks, correlator = Ticks(store, **options), Correlator(store)
    _first_day(correlator, ticks)
    _second_day(correlator)
    return ticks


def test_killed_between_any_two_writes_and_repeated_it_writes_the_same(store: Store) -> None:
    now = T0 + timedelta(days=2, hours=2)
    ticks = _story(store, page=3)
    ticks.at(now)
    ticks.at(now + timedelta(seconds=5))
    expected = everything(store)
    assert len(expected["verdicts"]) > 10
    deaths = 1  # before the first write, nothing has happened yet
    while True:
        ticks = _story(store, page=3)
        cut_off = ticks.at(now, dying_after=deaths)
        ticks.at(now + timedelta(seconds=5))
        ticks.at(now + timedelta(seconds=5))
        assert everything(store) == expected, f"killed before write {deaths}"
        if not cut_off:
            break
        deaths += 1
    assert deaths >= 8


def test_every_tick_run_twice_changes_nothing(store: Store) -> None:
    clock, correlator = ManualClock(T0), Correlator(store)
    ticks = Ticks(store, page=2)
    _first_day(correlator, ticks)
    for hours in (1, 36, 49, 51):
        clock.set(T0 + timedelta(hours=hours))
        if hours == 49:
            _second_day(correlator)
        ticks.at(clock.now())
        before = everything(store)
        ticks.at(clock.now())
        assert everything(store) == before


moments = st.integers(min_value=0, max_value=72).map(lambda hours: T0 + timedelta(hours=hours))
steps = st.one_of(
    st.tuples(
        st.just("write"),
        st.sampled_from(["A", "B", "C"]),
        moments,
        st.none() | moments,
        st.sampled_from(["normal", "urgent"]),
        st.booleans(),
    ),
    st.tuples(st.just("tick"), st.none() | st.integers(min_value=0, max_value=9)),
)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=st.lists(steps, min_size=2, max_size=14))
def test_whatever_happened_the_states_are_those_of_a_single_look(
    store: Store, story: list[Any]
) -> None:
    """Any writes, ticks and deaths in any order end like one tick over the final instances."""
    end = T0 + timedelta(days=9)
    wipe(store)
    correlator, ticks = Correlator(store), Ticks(store, page=2)
    final: dict[str, dict[str, Any]] = {}
    now = T0
    for step in story:
        now += timedelta(hours=7)
        if step[0] == "tick":
            ticks.at(now, dying_after=step[1])
            continue
        _, id_, created, received, priority, removed = step
        received = received if received and received >= created else None
        instance = requisition(id_, created, received, facets={"priority": priority})
        instance["removed"] = int(removed)
        final[id_] = instance
        correlator.writes(instance)
    ticks.at(end)
    seen = _shown_states(store)
    wipe(store)
    Correlator(store).writes(*final.values())
    Ticks(store).at(end)
    expected = _shown_states(store)
    assert {k: v for k, v in seen.items() if v[0] != "cancelled"} == expected


def _shown_states(store: Store) -> dict[str, tuple[Any, ...]]:
    rows = store.rows(
        "SELECT anchor, state, reason, started_at, deadline_at, completed_at, facets"
        " FROM verdict_states FINAL"
    )
    return {row.pop("anchor"): tuple(row.values()) for row in rows}
