"""Ordinals among equals: counted over a whole file, whatever its chunks."""

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.files.identity import Tally, event_id

KEYS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), max_size=200)


@given(KEYS, st.lists(st.integers(0, 200), max_size=12))
def test_ordinals_count_equal_keys_before(keys: list[tuple[str, int]], cuts: list[int]) -> None:
    seen: Counter[tuple[str, int]] = Counter()
    expected = []
    for key in keys:
        expected.append(seen[key])
        seen[key] += 1
    tally = Tally()
    bounds = [0, *sorted(cut for cut in cuts if cut <= len(keys)), len(keys)]
    chunks = [keys[a:b] for a, b in pairwise(bounds)]
    assert [n for chunk in chunks for n in tally.ordinals(chunk).tolist()] == expected


def test_many_chunks_stay_few_runs() -> None:
    tally = Tally()
    for start in range(0, 20_000, 100):
        tally.ordinals(range(start, start + 100))
    assert len(tally._runs) <= 12
    assert np.array_equal(tally.ordinals(range(20_000)), np.ones(20_000))


def test_an_id_is_readable() -> None:
    assert event_id("45_1", "paid", "2018-01-02T12:53:00Z", 2) == "45_1|paid|2018-01-02T12:53:00Z|2"
