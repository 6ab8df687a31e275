"""Which pairs of objects a trace bridges: by examples, and against the rule read literally."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from correlator.bridges import Bridge, Carrier, Span, bridges

T0 = datetime(2026, 3, 1, tzinfo=UTC)
PATHS = {("requisition", "order"), ("order", "receipt")}
TYPES = {"R": "requisition", "O": "order", "G": "receipt"}


def carrier(trace: str, span: str, object_: str, event: str = "", minute: int = 0) -> Carrier:
    return Carrier(
        trace_id=trace,
        span_id=span,
        event_key=event,
        object=object_,
        type=TYPES[object_[0]],
        environment="production",
        at=T0 + timedelta(minutes=minute),
    )


def span(trace: str, id_: str, parent: str = "", links: tuple[tuple[str, str], ...] = ()) -> Span:
    return Span(trace_id=trace, span_id=id_, parent_id=parent, links=links)


def told(found: list[Bridge]) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """(sure pairs, unsure pairs)."""
    sure = {(b.from_object, b.to_object) for b in found if not b.unsure}
    return sure, {(b.from_object, b.to_object) for b in found if b.unsure}


def test_two_events_of_one_trace_bridge_their_objects_at_the_later_mention() -> None:
    found = bridges([carrier("t", "", "R1", "e1", 5), carrier("t", "", "O1", "e2", 3)], [], PATHS)
    assert found == [
        Bridge(
            from_object="R1",
            to_object="O1",
            trace_id="t",
            at=T0 + timedelta(minutes=5),
            unsure=False,
        )
    ]


def test_what_an_event_names_together_is_left_to_it() -> None:
    carriers = [carrier("t", "", "R1", "e"), carrier("t", "", "O1", "e"), carrier("t", "s", "O1")]
    assert bridges(carriers, [span("t", "s")], PATHS) == []


def test_several_in_one_subtree_are_unsure() -> None:
    carriers = [carrier("t", "", "R1"), carrier("t", "", "O1"), carrier("t", "", "O2")]
    assert told(bridges(carriers, [], PATHS)) == (set(), {("R1", "O1"), ("R1", "O2")})


def test_subtrees_tell_apart_what_the_whole_trace_does_not() -> None:
    spans = [span("t", "a", "root"), span("t", "b", "root"), span("t", "root")]
    carriers = [
        carrier("t", "a", "R1"),
        carrier("t", "a", "O1"),
        carrier("t", "b", "R2"),
        carrier("t", "b", "O2"),
    ]
    assert told(bridges(carriers, spans, PATHS)) == ({("R1", "O1"), ("R2", "O2")}, set())


def test_an_object_without_a_partner_is_unsure_about_the_nearest_only() -> None:
    spans = [span("t", "root"), span("t", "a", "root"), span("t", "b", "root")]
    carriers = [
        carrier("t", "a", "R1"),
        carrier("t", "a", "O1"),
        carrier("t", "a", "O2"),
        carrier("t", "b", "O3"),
        carrier("t", "b", "R3"),
    ]
    sure, unsure = told(bridges(carriers, spans, PATHS))
    assert sure == {("R3", "O3")}
    assert unsure == {("R1", "O1"), ("R1", "O2")}


def test_a_consumer_hangs_below_its_producer() -> None:
    spans = [
        span("p", "root"),
        span("p", "send1", "root"),
        span("p", "send2", "root"),
        span("c1", "take", "", (("p", "send1"),)),
        span("c2", "take", "", (("p", "send2"),)),
    ]
    carriers = [
        carrier("p", "send1", "R1"),
        carrier("p", "send2", "R2"),
        carrier("c1", "take", "O1"),
        carrier("c2", "", "O2", "event"),
    ]
    assert told(bridges(carriers, spans, PATHS)) == ({("R1", "O1"), ("R2", "O2")}, set())


def test_environments_stay_apart_and_circles_end() -> None:
    other = Carrier(
        trace_id="t",
        span_id="a",
        event_key="",
        object="O9",
        type="order",
        environment="test",
        at=T0,
    )
    spans = [
        span("t", "a", "b", (("u", "x"),)),
        span("t", "b", "a"),
        span("u", "x", "x", (("t", "a"),)),
    ]
    carriers = [carrier("t", "a", "R1"), carrier("u", "x", "O1"), other]
    assert told(bridges(carriers, spans, PATHS)) == ({("R1", "O1")}, set())


# ------------------------------------------------------------------------- the rule, read literally


def literally(
    carriers: list[Carrier], spans: list[Span], paths: set[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Pairs of which some subtree of one trace names exactly one object of each type."""
    children: dict[Any, list[Any]] = {}
    known = {s.span_id for s in spans}
    for s in spans:
        children.setdefault(s.parent_id if s.parent_id in known else None, []).append(s.span_id)

    def objects(node: Any) -> set[str]:
        own = {
            c.object
            for c in carriers
            if c.span_id == node or (node is None and c.span_id not in known)
        }
        return own.union(*[objects(child) for child in children.get(node, [])])

    together = {
        (a.object, b.object)
        for a in carriers
        for b in carriers
        if a.event_key and a.event_key == b.event_key
    }
    found = set()
    for node in [None, *known]:
        names = objects(node)
        for x, y in paths:
            xs = [o for o in names if TYPES[o[0]] == x]
            ys = [o for o in names if TYPES[o[0]] == y]
            if len(xs) == len(ys) == 1 and (xs[0], ys[0]) not in together:
                found.add((xs[0], ys[0]))
    return found


@given(data=st.data())
def test_it_agrees_with_the_rule_read_literally(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 6))
    spans = [
        span("t", f"s{n}", f"s{data.draw(st.integers(0, n))}" if n else "gone") for n in range(size)
    ]
    spans = [s if s.parent_id != s.span_id else span("t", s.span_id, "gone") for s in spans]
    ids = [s.span_id for s in spans] + ["", "unknown"]
    objects = ["R1", "R2", "O1", "O2", "G1"]
    carriers = [
        carrier("t", data.draw(st.sampled_from(ids)), data.draw(st.sampled_from(objects)), event)
        for event in data.draw(st.lists(st.sampled_from(["", "e1", "e2"]), max_size=7))
    ]
    sure, unsure = told(bridges(carriers, spans, PATHS))
    assert sure == literally(carriers, spans, PATHS)
    assert not unsure & sure
    for x, y in itertools.product(objects, objects):
        if (TYPES[x[0]], TYPES[y[0]]) not in PATHS:
            assert (x, y) not in unsure
    shuffled = random.Random(0).sample(carriers, len(carriers))
    assert bridges(shuffled, spans[::-1], PATHS) == bridges(carriers, spans, PATHS)
