"""Windows and segments of rules."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.contracts.verdict import Attainment
from suture.definitions.sla import parse_window
from suture.errors import InvalidQuery

NOW = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("28d", NOW - timedelta(days=28), NOW),
        ("90m", NOW - timedelta(minutes=90), NOW),
        ("2026-04", datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)),
        ("2025-12", datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        ("2024-02", datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)),
    ],
)
def test_windows(text: str, start: datetime, end: datetime) -> None:
    window = parse_window(text, NOW)
    assert (window.start, window.end) == (start, end)


@pytest.mark.parametrize(
    "text", ["", "28", "2026-13", "2026-00", "0000-01", "9999-12", "soon", "-3d", "999999d"]
)
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuery, match="neither a duration such as 28d nor a month"):
        parse_window(text, NOW)


@given(
    met=st.integers(0, 1000),
    breached=st.integers(0, 1000),
    target=st.sampled_from([0.5, 0.9, 0.95, 1.0]),
)
def test_budget_is_used_up_exactly_at_the_target(met: int, breached: int, target: float) -> None:
    figures = Attainment(by={}, met=met, breached=breached, pending=0, unknown=0, target=target)
    remaining, ratio = figures.budget_remaining_ratio, figures.ratio
    if met + breached == 0:
        assert (remaining, ratio) == (None, None)
        return
    assert remaining is not None
    assert ratio is not None
    if breached == 0:
        assert remaining == 1
    if remaining > 1e-9:
        assert ratio >= target
    if remaining < -1e-9:
        assert ratio < target
